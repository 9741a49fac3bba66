//! Where everything of a file will lie, known before any tensor data is there.

use std::collections::HashSet;

use crate::{Array, Metadata, TensorType, Value};

/// The first four bytes of a file.
pub(crate) const MAGIC: [u8; 4] = *b"GGUF";
/// The version written here.
pub(crate) const VERSION: u32 = 3;
/// The alignment of tensor data where `general.alignment` does not say.
pub const DEFAULT_ALIGNMENT: u64 = 32;
/// The metadata key of the alignment.
pub(crate) const ALIGNMENT_KEY: &str = "general.alignment";
/// The longest tensor name in bytes: ggml keeps 64 with a closing zero.
pub const MAX_TENSOR_NAME: usize = 63;
/// The longest metadata key in bytes.
pub const MAX_KEY: usize = 65_535;
/// The most dimensions of a tensor.
pub const MAX_DIMS: usize = 4;

/// A tensor that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name, at most [`MAX_TENSOR_NAME`] bytes.
    pub name: String,
    /// Its shape, the fastest moving dimension (the row) first, as ggml counts them.
    pub dims: Vec<u64>,
    /// The type of its elements.
    pub tensor_type: TensorType,
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its shape, the fastest moving dimension (the row) first, as ggml counts them.
    pub dims: Vec<u64>,
    /// The type of its elements.
    pub tensor_type: TensorType,
    /// Its first byte, counted from the start of the data section.
    pub offset: u64,
    /// Its length in bytes, without padding.
    pub bytes: u64,
}

impl TensorInfo {
    /// Returns the elements of a row.
    #[must_use]
    pub fn row_elements(&self) -> u64 {
        self.dims.first().copied().unwrap_or(1)
    }

    /// Returns the elements of the whole tensor.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.dims.iter().product()
    }
}

/// Why tensors and metadata cannot become a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A metadata key is empty or too long.
    #[error("metadata key `{key}`: expected 1 to {MAX_KEY} bytes, got {}", key.len())]
    Key {
        /// The key.
        key: String,
    },
    /// The alignment is not a whole power of two.
    #[error("`{ALIGNMENT_KEY}`: expected a uint32 that is a power of two, got {got}")]
    Alignment {
        /// What was given.
        got: String,
    },
    /// A tensor has no name or one that is too long.
    #[error("tensor `{name}`: expected a name of 1 to {MAX_TENSOR_NAME} bytes, got {}", name.len())]
    Name {
        /// The name.
        name: String,
    },
    /// Two tensors have one name.
    #[error("tensor `{name}` is there twice, expected each name once")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A tensor has no dimensions or too many, or one of them is zero.
    #[error("tensor `{name}`: expected 1 to {MAX_DIMS} dimensions above zero, got {dims:?}")]
    Dims {
        /// The tensor.
        name: String,
        /// Its shape.
        dims: Vec<u64>,
    },
    /// The rows are not made of whole blocks.
    #[error(
        "tensor `{name}`: rows of {row} elements are no multiple of the {} that a block of {tensor_type} has",
        tensor_type.block_elements()
    )]
    Blocks {
        /// The tensor.
        name: String,
        /// Elements of a row.
        row: u64,
        /// The type.
        tensor_type: TensorType,
    },
    /// The sizes do not fit in 63 bits.
    #[error("tensor `{name}`: {dims:?} of {tensor_type} ends past 2^63 bytes")]
    Overflow {
        /// The tensor.
        name: String,
        /// Its shape.
        dims: Vec<u64>,
        /// Its type.
        tensor_type: TensorType,
    },
}

/// The header of a file and the place of every tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    header: Vec<u8>,
    tensors: Vec<TensorInfo>,
    alignment: u64,
    total: u64,
}

impl Layout {
    /// Lays out a file: tensors one after the other in the order given, each padded to the alignment that
    /// `general.alignment` names, or [`DEFAULT_ALIGNMENT`].
    ///
    /// # Errors
    /// [`LayoutError`] names the key or tensor that the format does not allow.
    pub fn new(metadata: &Metadata, specs: Vec<TensorSpec>) -> Result<Self, LayoutError> {
        let alignment = alignment_of(metadata)?;
        let mut tensors = Vec::with_capacity(specs.len());
        let mut names = HashSet::new();
        let mut end = 0_u64;
        for spec in specs {
            if !names.insert(spec.name.clone()) {
                return Err(LayoutError::Duplicate { name: spec.name });
            }
            let tensor = place(spec, end)?;
            end = tensor
                .bytes
                .checked_next_multiple_of(alignment)
                .and_then(|bytes| end.checked_add(bytes))
                .filter(|end| i64::try_from(*end).is_ok())
                .ok_or_else(|| overflow(&tensor.name, &tensor.dims, tensor.tensor_type))?;
            tensors.push(tensor);
        }
        let header = header(metadata, &tensors, alignment)?;
        let total = header.len() as u64 + end;
        Ok(Self { header, tensors, alignment, total })
    }

    /// Returns the bytes up to the data section, padding included.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the tensors in the order in which they are written.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Returns the alignment of tensor data.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Returns where the data section begins, in bytes from the start of the file.
    #[must_use]
    pub fn data_start(&self) -> u64 {
        self.header.len() as u64
    }

    /// Returns the size of the whole file in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total
    }
}

pub(crate) fn alignment_of(metadata: &Metadata) -> Result<u64, LayoutError> {
    match metadata.get(ALIGNMENT_KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(Value::U32(value)) if value.is_power_of_two() => Ok(u64::from(*value)),
        Some(Value::U32(value)) => Err(LayoutError::Alignment { got: value.to_string() }),
        Some(other) => Err(LayoutError::Alignment { got: format!("a value of type {}", other.type_name()) }),
    }
}

fn overflow(name: &str, dims: &[u64], tensor_type: TensorType) -> LayoutError {
    LayoutError::Overflow { name: name.to_owned(), dims: dims.to_vec(), tensor_type }
}

/// Checks one tensor and gives it its place.
pub(crate) fn place(spec: TensorSpec, offset: u64) -> Result<TensorInfo, LayoutError> {
    let TensorSpec { name, dims, tensor_type } = spec;
    if name.is_empty() || name.len() > MAX_TENSOR_NAME {
        return Err(LayoutError::Name { name });
    }
    if dims.is_empty() || dims.len() > MAX_DIMS || dims.contains(&0) {
        return Err(LayoutError::Dims { name, dims });
    }
    let block = tensor_type.block_elements() as u64;
    if !dims[0].is_multiple_of(block) {
        return Err(LayoutError::Blocks { name, row: dims[0], tensor_type });
    }
    let elements = dims.iter().try_fold(1_u64, |product, dim| product.checked_mul(*dim));
    let bytes = elements
        .and_then(|elements| (elements / block).checked_mul(tensor_type.block_bytes() as u64))
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| overflow(&name, &dims, tensor_type))?;
    Ok(TensorInfo { name, dims, tensor_type, offset, bytes })
}

fn header(metadata: &Metadata, tensors: &[TensorInfo], alignment: u64) -> Result<Vec<u8>, LayoutError> {
    let mut out = Vec::new();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    put_length(&mut out, tensors.len());
    put_length(&mut out, metadata.len());
    for (key, value) in metadata.iter() {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(LayoutError::Key { key: key.to_owned() });
        }
        put_text(&mut out, key);
        put_value(&mut out, value);
    }
    for tensor in tensors {
        put_text(&mut out, &tensor.name);
        out.extend_from_slice(&(tensor.dims.len() as u32).to_le_bytes());
        tensor.dims.iter().for_each(|dim| out.extend_from_slice(&dim.to_le_bytes()));
        out.extend_from_slice(&tensor.tensor_type.id().to_le_bytes());
        out.extend_from_slice(&tensor.offset.to_le_bytes());
    }
    let padded = (out.len() as u64).next_multiple_of(alignment);
    out.resize(padded as usize, 0);
    Ok(out)
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u64).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// The numbers of the value types in a file.
pub(crate) mod type_id {
    pub const U8: u32 = 0;
    pub const I8: u32 = 1;
    pub const U16: u32 = 2;
    pub const I16: u32 = 3;
    pub const U32: u32 = 4;
    pub const I32: u32 = 5;
    pub const F32: u32 = 6;
    pub const BOOL: u32 = 7;
    pub const STRING: u32 = 8;
    pub const ARRAY: u32 = 9;
    pub const U64: u32 = 10;
    pub const I64: u32 = 11;
    pub const F64: u32 = 12;
}

macro_rules! put_scalar {
    ($out:ident, $id:ident, $value:expr) => {{
        $out.extend_from_slice(&type_id::$id.to_le_bytes());
        $out.extend_from_slice(&$value.to_le_bytes());
    }};
}

macro_rules! put_items {
    ($out:ident, $id:ident, $items:expr) => {{
        $out.extend_from_slice(&type_id::$id.to_le_bytes());
        put_length($out, $items.len());
        $items.iter().for_each(|item| $out.extend_from_slice(&item.to_le_bytes()));
    }};
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(value) => put_scalar!(out, U8, value),
        Value::I8(value) => put_scalar!(out, I8, value),
        Value::U16(value) => put_scalar!(out, U16, value),
        Value::I16(value) => put_scalar!(out, I16, value),
        Value::U32(value) => put_scalar!(out, U32, value),
        Value::I32(value) => put_scalar!(out, I32, value),
        Value::U64(value) => put_scalar!(out, U64, value),
        Value::I64(value) => put_scalar!(out, I64, value),
        Value::F32(value) => put_scalar!(out, F32, value),
        Value::F64(value) => put_scalar!(out, F64, value),
        Value::Bool(value) => put_scalar!(out, BOOL, u8::from(*value)),
        Value::String(text) => {
            out.extend_from_slice(&type_id::STRING.to_le_bytes());
            put_text(out, text);
        }
        Value::Array(items) => {
            out.extend_from_slice(&type_id::ARRAY.to_le_bytes());
            put_array(out, items);
        }
    }
}

fn put_array(out: &mut Vec<u8>, items: &Array) {
    match items {
        Array::U8(items) => put_items!(out, U8, items),
        Array::I8(items) => put_items!(out, I8, items),
        Array::U16(items) => put_items!(out, U16, items),
        Array::I16(items) => put_items!(out, I16, items),
        Array::U32(items) => put_items!(out, U32, items),
        Array::I32(items) => put_items!(out, I32, items),
        Array::U64(items) => put_items!(out, U64, items),
        Array::I64(items) => put_items!(out, I64, items),
        Array::F32(items) => put_items!(out, F32, items),
        Array::F64(items) => put_items!(out, F64, items),
        Array::Bool(items) => {
            out.extend_from_slice(&type_id::BOOL.to_le_bytes());
            put_length(out, items.len());
            out.extend(items.iter().map(|item| u8::from(*item)));
        }
        Array::String(items) => {
            out.extend_from_slice(&type_id::STRING.to_le_bytes());
            put_length(out, items.len());
            items.iter().for_each(|item| put_text(out, item));
        }
    }
}
