//! One safetensors header: from bytes to tensors whose ranges tile the file exactly.
//!
//! # Source
//! The safetensors format: 8 bytes of little-endian header length, a JSON object, then the data, in which every byte belongs
//! to exactly one tensor. This reader refuses more than the reference does: repeated names, unknown members, more than
//! [`MAX_RANK`] dimensions.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::{Dtype, HeaderError};

/// Longest header accepted, in bytes; the reference reader's limit.
pub const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Most dimensions accepted. Known checkpoints stop at 5; the limit keeps a hostile shape from costing memory.
pub const MAX_RANK: usize = 32;

/// Bytes of the length field.
const LENGTH_BYTES: u64 = 8;

/// One tensor of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderTensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    /// First byte, from the start of the file.
    pub offset: u64,
    pub len: u64,
}

/// Checks the length field against the file's size and returns the header's length.
pub(super) fn header_length(first: &[u8], file_bytes: u64) -> Result<u64, HeaderError> {
    let Some(field) = first.first_chunk::<8>() else {
        return Err(HeaderError::NoLength { file_bytes });
    };
    let declared = u64::from_le_bytes(*field);
    if declared > MAX_HEADER_BYTES {
        return Err(HeaderError::TooLong { declared, limit: MAX_HEADER_BYTES });
    }
    let available = file_bytes.saturating_sub(LENGTH_BYTES);
    if declared > available {
        return Err(HeaderError::LyingLength { declared, available });
    }
    Ok(declared)
}

/// Reads the JSON of a header and returns its tensors in the order of their bytes.
pub(super) fn parse(json: &[u8], file_bytes: u64) -> Result<Vec<HeaderTensor>, HeaderError> {
    let Raw(mut raw) = serde_json::from_slice(json).map_err(|source| HeaderError::Json { source })?;
    // Stable: tensors of no bytes keep the order the header gives them.
    raw.sort_by_key(|(_, info)| (info.begin, info.end));
    let data_start = LENGTH_BYTES + json.len() as u64;
    let available = file_bytes.saturating_sub(data_start);
    let mut tensors: Vec<HeaderTensor> = Vec::with_capacity(raw.len());
    let mut end = 0;
    for (name, info) in raw {
        check_size(&name, &info)?;
        check_place(&name, &info, end, tensors.last())?;
        if info.end > available {
            return Err(HeaderError::PastEnd { tensor: name, end: info.end, available });
        }
        end = info.end;
        tensors.push(HeaderTensor {
            name,
            dtype: info.dtype,
            shape: info.shape,
            offset: data_start + info.begin,
            len: info.end - info.begin,
        });
    }
    if end != available {
        return Err(HeaderError::Trailing { end, available });
    }
    Ok(tensors)
}

fn check_size(name: &str, info: &RawTensor) -> Result<(), HeaderError> {
    if info.end < info.begin {
        return Err(HeaderError::Reversed { tensor: name.to_owned(), begin: info.begin, end: info.end });
    }
    let element = info.dtype.size_bytes() as u64;
    let size =
        info.shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim)).and_then(|count| count.checked_mul(element));
    let Some(expected) = size else {
        return Err(HeaderError::Overflow { tensor: name.to_owned(), shape: info.shape.clone(), dtype: info.dtype });
    };
    let got = info.end - info.begin;
    if expected != got {
        return Err(HeaderError::WrongLength {
            tensor: name.to_owned(),
            shape: info.shape.clone(),
            dtype: info.dtype,
            expected,
            got,
        });
    }
    Ok(())
}

/// Holds a tensor's begin against the end of the one before it.
fn check_place(name: &str, info: &RawTensor, end: u64, before: Option<&HeaderTensor>) -> Result<(), HeaderError> {
    if info.begin > end {
        return Err(HeaderError::Gap { tensor: name.to_owned(), bytes: info.begin - end, expected: end, got: info.begin });
    }
    match before {
        Some(before) if info.begin < end => Err(HeaderError::Overlap {
            first: before.name.clone(),
            second: name.to_owned(),
            first_end: end,
            second_begin: info.begin,
        }),
        _ => Ok(()),
    }
}

struct RawTensor {
    dtype: Dtype,
    shape: Vec<u64>,
    begin: u64,
    end: u64,
}

/// The header's members in their order. Typed while it is read, so that a hostile document never becomes a tree in memory.
struct Raw(Vec<(String, RawTensor)>);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut tensors = Vec::new();
        let mut metadata_seen = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if metadata_seen {
                    return Err(A::Error::custom("`__metadata__` stands twice in the header"));
                }
                metadata_seen = true;
                map.next_value::<Metadata>()?;
            } else {
                tensors.push((name, map.next_value()?));
            }
        }
        refuse_repeats(&tensors)?;
        Ok(Raw(tensors))
    }
}

/// Refuses a name that stands twice. Sorting an index costs less memory than a set of the names.
fn refuse_repeats<E: serde::de::Error>(tensors: &[(String, RawTensor)]) -> Result<(), E> {
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_unstable_by(|a, b| tensors[*a].0.cmp(&tensors[*b].0));
    for pair in order.windows(2) {
        if tensors[pair[0]].0 == tensors[pair[1]].0 {
            return Err(E::custom(format_args!("tensor `{}` stands twice in the header", tensors[pair[0]].0)));
        }
    }
    Ok(())
}

/// `__metadata__`: strings by name, read to be checked and not kept.
struct Metadata;

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetadataVisitor;
        impl<'de> Visitor<'de> for MetadataVisitor {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings in `__metadata__`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut names: Vec<String> = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, String>()? {
                    names.push(name);
                }
                names.sort_unstable();
                match names.windows(2).find(|pair| pair[0] == pair[1]) {
                    Some(pair) => Err(A::Error::custom(format_args!("`{}` stands twice in `__metadata__`", pair[0]))),
                    None => Ok(Metadata),
                }
            }
        }
        deserializer.deserialize_map(MetadataVisitor)
    }
}

/// A shape whose length is limited while it is read.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of dimensions")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut dims = Vec::new();
                while let Some(dim) = seq.next_element()? {
                    if dims.len() == MAX_RANK {
                        return Err(A::Error::custom(format_args!("a shape has more than {MAX_RANK} dimensions")));
                    }
                    dims.push(dim);
                }
                dims.shrink_to_fit();
                Ok(Shape(dims))
            }
        }
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

struct DtypeName(Dtype);

impl<'de> Deserialize<'de> for DtypeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = DtypeName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an element type")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<DtypeName, E> {
                Dtype::from_name(name).map(DtypeName).ok_or_else(|| {
                    let known: Vec<_> = Dtype::ALL.iter().map(|dtype| dtype.name()).collect();
                    E::custom(format_args!("unknown element type `{name}`; expected one of {}", known.join(", ")))
                })
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de> Deserialize<'de> for RawTensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            dtype: DtypeName,
            shape: Shape,
            data_offsets: (u64, u64),
        }
        // The derived reader alone would also take an array in the place of the object.
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `dtype`, `shape` and `data_offsets`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Fields, A::Error> {
                Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }
        let Fields { dtype, shape, data_offsets: (begin, end) } = deserializer.deserialize_map(FieldsVisitor)?;
        Ok(Self { dtype: dtype.0, shape: shape.0, begin, end })
    }
}
