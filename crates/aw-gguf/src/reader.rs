//! Reading a header without trusting it.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use crate::layout::{self, LayoutError, MAGIC, MAX_DIMS, MAX_KEY, MAX_TENSOR_NAME, TensorSpec, VERSION, type_id};
use crate::{Array, Metadata, Strings, TensorInfo, TensorType, Value};

/// How much a header may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes before the data section; memory used stays within a small multiple of it.
    pub header_bytes: u64,
    /// Most tensors.
    pub tensors: u64,
    /// Most metadata entries.
    pub entries: u64,
}

impl Default for Limits {
    /// 256 MiB of header, 1,048,576 tensors, 65,536 entries: far above any published model.
    fn default() -> Self {
        Self { header_bytes: 256 << 20, tensors: 1 << 20, entries: 1 << 16 }
    }
}

/// Why a header could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not begin with `GGUF`.
    #[error("expected the file to begin with `GGUF`, got {got:?}")]
    Magic {
        /// The first four bytes.
        got: [u8; 4],
    },
    /// A version that is not read here.
    #[error("version {got}: expected 2 or 3{}", if got.swap_bytes() <= VERSION { "; the file is big-endian, which is not read here" } else { "" })]
    Version {
        /// The version in the file.
        got: u32,
    },
    /// The file ends within its header.
    #[error("{place}: expected {needed} more bytes at byte {at}, but the file ends at {file_bytes}")]
    Truncated {
        /// What was being read.
        place: String,
        /// Bytes needed.
        needed: u64,
        /// Where they should begin.
        at: u64,
        /// The length of the file.
        file_bytes: u64,
    },
    /// The header asks for more than the limits allow.
    #[error("{place}: {got} is above the limit of {limit}")]
    Limit {
        /// What was being read.
        place: String,
        /// What the file asks for.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// Text that is not UTF-8.
    #[error("{place}: expected UTF-8 text")]
    Text {
        /// What was being read.
        place: String,
    },
    /// An unknown type of value.
    #[error("{place}: expected a value type from 0 to 12, got {got}")]
    ValueType {
        /// What was being read.
        place: String,
        /// The number in the file.
        got: u32,
    },
    /// An array of arrays.
    #[error("{place}: an array of arrays, which no reader takes; expected an array of numbers, truth values or strings")]
    Nested {
        /// What was being read.
        place: String,
    },
    /// A truth value other than 0 and 1.
    #[error("{place}: expected a truth value of 0 or 1, got {got}")]
    Bool {
        /// What was being read.
        place: String,
        /// The byte in the file.
        got: u8,
    },
    /// A key that is there twice.
    #[error("metadata key `{key}` is there twice, expected each key once")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// An unknown type of tensor.
    #[error("tensor `{name}`: type {got} is not known; expected one of the types of ggml up to {}", TensorType::Q2_0.id())]
    TensorType {
        /// The tensor.
        name: String,
        /// The number in the file.
        got: u32,
    },
    /// A tensor does not lie where the one before it ends.
    #[error("tensor `{name}`: expected its data at offset {expected}, where the tensor before it ends, got {got}")]
    Offset {
        /// The tensor.
        name: String,
        /// Where it should lie.
        expected: u64,
        /// Where the file says it lies.
        got: u64,
    },
    /// A tensor ends past the end of the file.
    #[error("tensor `{name}`: its data ends at byte {end}, but the file ends at {file_bytes}")]
    PastEnd {
        /// The tensor.
        name: String,
        /// Its end in the file.
        end: u64,
        /// The length of the file.
        file_bytes: u64,
    },
    /// A key, name, shape or alignment that the format does not allow.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The input could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The header of a file: metadata and the places of the tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Reader {
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    alignment: u64,
    data_start: u64,
}

impl Reader {
    /// Reads the header of a file of `file_bytes` bytes, and nothing behind it.
    ///
    /// Memory stays within a small multiple of the bytes really read, whatever the header claims. Tensors must follow each other
    /// without gaps and lie inside the file, as ggml's own reader asks.
    ///
    /// # Errors
    /// [`ReadError`] names what was being read and what would be right.
    pub fn read(input: impl Read, file_bytes: u64, limits: Limits) -> Result<Self, ReadError> {
        let mut source = Source { input, at: 0, file_bytes, limit: limits.header_bytes };
        let magic = source.bytes(format_args!("the first bytes"))?;
        if magic != MAGIC {
            return Err(ReadError::Magic { got: magic });
        }
        let version = u32::from_le_bytes(source.bytes(format_args!("version"))?);
        if !(2..=VERSION).contains(&version) {
            return Err(ReadError::Version { got: version });
        }
        let tensor_count = source.count(format_args!("number of tensors"), limits.tensors)?;
        let entry_count = source.count(format_args!("number of metadata entries"), limits.entries)?;
        let mut metadata = Metadata::new();
        for index in 0..entry_count {
            let key = source.text(format_args!("key of metadata entry {index}"), MAX_KEY as u64)?;
            if key.is_empty() {
                return Err(LayoutError::Key { key }.into());
            }
            let value = source.value(format_args!("metadata key `{key}`"))?;
            if metadata.get(&key).is_some() {
                return Err(ReadError::DuplicateKey { key });
            }
            metadata.set(key, value);
        }
        let alignment = layout::alignment_of(&metadata)?;
        let tensors = source.tensors(tensor_count, alignment)?;
        let data_start = source.at.next_multiple_of(alignment);
        let past = |tensor: &&TensorInfo| data_start.saturating_add(tensor.offset).saturating_add(tensor.bytes) > file_bytes;
        if let Some(tensor) = tensors.iter().find(past) {
            let end = data_start.saturating_add(tensor.offset).saturating_add(tensor.bytes);
            return Err(ReadError::PastEnd { name: tensor.name.clone(), end, file_bytes });
        }
        Ok(Self { metadata, tensors, alignment, data_start })
    }

    /// Returns the metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the tensors in file order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Returns the tensor with this name, or `None`.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// Returns the alignment of tensor data.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Returns where the data section begins, in bytes from the start of the file.
    #[must_use]
    pub fn data_start(&self) -> u64 {
        self.data_start
    }

    /// Returns where a tensor of this file lies, in bytes from the start of the file.
    #[must_use]
    pub fn range(&self, tensor: &TensorInfo) -> Range<u64> {
        let start = self.data_start + tensor.offset;
        start..start + tensor.bytes
    }
}

/// Input with a count of what was read and of what may still be.
struct Source<R> {
    input: R,
    at: u64,
    file_bytes: u64,
    limit: u64,
}

/// Elements reserved before any of them is read.
const RESERVED: u64 = 4096;

impl<R: Read> Source<R> {
    /// Says whether `needed` more bytes are in the file and within the limit.
    fn expect(&self, place: fmt::Arguments<'_>, needed: u64) -> Result<(), ReadError> {
        let end = self.at.saturating_add(needed);
        if end > self.file_bytes {
            let (at, file_bytes) = (self.at, self.file_bytes);
            return Err(ReadError::Truncated { place: place.to_string(), needed, at, file_bytes });
        }
        if end > self.limit {
            return Err(ReadError::Limit { place: format!("{place}: bytes of header"), got: end, limit: self.limit });
        }
        Ok(())
    }

    fn bytes<const N: usize>(&mut self, place: fmt::Arguments<'_>) -> Result<[u8; N], ReadError> {
        self.expect(place, N as u64)?;
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn count(&mut self, place: fmt::Arguments<'_>, limit: u64) -> Result<u64, ReadError> {
        let got = u64::from_le_bytes(self.bytes(place)?);
        if got > limit {
            return Err(ReadError::Limit { place: place.to_string(), got, limit });
        }
        Ok(got)
    }

    fn text(&mut self, place: fmt::Arguments<'_>, limit: u64) -> Result<String, ReadError> {
        let length = self.count(place, limit)?;
        self.expect(place, length)?;
        // Grows with what is there, so that a length that lies costs nothing.
        let mut bytes = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.at += length;
        String::from_utf8(bytes).map_err(|_| ReadError::Text { place: place.to_string() })
    }

    fn flag(&mut self, place: fmt::Arguments<'_>) -> Result<bool, ReadError> {
        match self.bytes(place)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [got] => Err(ReadError::Bool { place: place.to_string(), got }),
        }
    }

    fn value(&mut self, place: fmt::Arguments<'_>) -> Result<Value, ReadError> {
        let kind = u32::from_le_bytes(self.bytes(place)?);
        Ok(match kind {
            type_id::U8 => Value::U8(u8::from_le_bytes(self.bytes(place)?)),
            type_id::I8 => Value::I8(i8::from_le_bytes(self.bytes(place)?)),
            type_id::U16 => Value::U16(u16::from_le_bytes(self.bytes(place)?)),
            type_id::I16 => Value::I16(i16::from_le_bytes(self.bytes(place)?)),
            type_id::U32 => Value::U32(u32::from_le_bytes(self.bytes(place)?)),
            type_id::I32 => Value::I32(i32::from_le_bytes(self.bytes(place)?)),
            type_id::U64 => Value::U64(u64::from_le_bytes(self.bytes(place)?)),
            type_id::I64 => Value::I64(i64::from_le_bytes(self.bytes(place)?)),
            type_id::F32 => Value::F32(f32::from_le_bytes(self.bytes(place)?)),
            type_id::F64 => Value::F64(f64::from_le_bytes(self.bytes(place)?)),
            type_id::BOOL => Value::Bool(self.flag(place)?),
            type_id::STRING => Value::String(self.text(place, u64::MAX)?),
            type_id::ARRAY => Value::Array(self.array(place)?),
            got => return Err(ReadError::ValueType { place: place.to_string(), got }),
        })
    }

    fn array(&mut self, place: fmt::Arguments<'_>) -> Result<Array, ReadError> {
        let kind = u32::from_le_bytes(self.bytes(place)?);
        let count = self.count(place, u64::MAX)?;
        Ok(match kind {
            type_id::U8 => Array::U8(self.items(place, count, u8::from_le_bytes)?),
            type_id::I8 => Array::I8(self.items(place, count, i8::from_le_bytes)?),
            type_id::U16 => Array::U16(self.items(place, count, u16::from_le_bytes)?),
            type_id::I16 => Array::I16(self.items(place, count, i16::from_le_bytes)?),
            type_id::U32 => Array::U32(self.items(place, count, u32::from_le_bytes)?),
            type_id::I32 => Array::I32(self.items(place, count, i32::from_le_bytes)?),
            type_id::U64 => Array::U64(self.items(place, count, u64::from_le_bytes)?),
            type_id::I64 => Array::I64(self.items(place, count, i64::from_le_bytes)?),
            type_id::F32 => Array::F32(self.items(place, count, f32::from_le_bytes)?),
            type_id::F64 => Array::F64(self.items(place, count, f64::from_le_bytes)?),
            type_id::BOOL => {
                self.expect(place, count)?;
                Array::Bool((0..count).map(|_| self.flag(place)).collect::<Result<_, _>>()?)
            }
            type_id::STRING => {
                self.expect(place, count.saturating_mul(8))?;
                let mut strings = Strings::default();
                for index in 0..count {
                    strings.push(&self.text(format_args!("{place}[{index}]"), u64::MAX)?);
                }
                Array::String(strings)
            }
            type_id::ARRAY => return Err(ReadError::Nested { place: place.to_string() }),
            got => return Err(ReadError::ValueType { place: place.to_string(), got }),
        })
    }

    fn items<const N: usize, T>(
        &mut self,
        place: fmt::Arguments<'_>,
        count: u64,
        read: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, ReadError> {
        self.expect(place, count.saturating_mul(N as u64))?;
        let mut items = Vec::with_capacity(count.min(RESERVED) as usize);
        for _ in 0..count {
            items.push(read(self.bytes(place)?));
        }
        Ok(items)
    }

    fn tensors(&mut self, count: u64, alignment: u64) -> Result<Vec<TensorInfo>, ReadError> {
        let mut tensors: Vec<TensorInfo> = Vec::with_capacity(count.min(RESERVED) as usize);
        let mut names = HashSet::new();
        let mut expected = 0_u64;
        for index in 0..count {
            let (spec, offset) = self.tensor(index)?;
            if !names.insert(spec.name.clone()) {
                return Err(LayoutError::Duplicate { name: spec.name }.into());
            }
            let tensor = layout::place(spec, offset)?;
            if offset != expected {
                return Err(ReadError::Offset { name: tensor.name, expected, got: offset });
            }
            expected = expected.saturating_add(tensor.bytes).checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
            tensors.push(tensor);
        }
        Ok(tensors)
    }

    fn tensor(&mut self, index: u64) -> Result<(TensorSpec, u64), ReadError> {
        let name = self.text(format_args!("name of tensor {index}"), MAX_TENSOR_NAME as u64)?;

        let dimensions = u32::from_le_bytes(self.bytes(format_args!("tensor `{name}`"))?);
        if dimensions as usize > MAX_DIMS {
            let (got, limit) = (u64::from(dimensions), MAX_DIMS as u64);
            return Err(ReadError::Limit { place: format!("tensor `{name}`: number of dimensions"), got, limit });
        }
        let dims = self.items(format_args!("tensor `{name}`"), u64::from(dimensions), u64::from_le_bytes)?;
        let kind = u32::from_le_bytes(self.bytes(format_args!("tensor `{name}`"))?);
        let Some(tensor_type) = TensorType::from_id(kind) else {
            return Err(ReadError::TensorType { name, got: kind });
        };
        let offset = u64::from_le_bytes(self.bytes(format_args!("tensor `{name}`"))?);
        Ok((TensorSpec { name, dims, tensor_type }, offset))
    }
}
