//! `model.safetensors.index.json`: which shard holds which tensor.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::CheckpointError;

/// Longest file name accepted, in bytes; what common file systems allow.
const MAX_NAME_BYTES: usize = 255;

/// What the index says.
#[derive(Debug)]
pub(super) struct Index {
    /// Shard names, sorted.
    pub shards: Vec<String>,
    /// `(tensor, shard)` sorted by tensor name; the shard is a place in `shards`.
    pub places: Vec<(String, usize)>,
}

/// Reads an index and refuses shard names that are not plain file names.
pub(super) fn parse(json: &[u8], path: &Path) -> Result<Index, CheckpointError> {
    let Document(entries) =
        serde_json::from_slice(json).map_err(|source| CheckpointError::IndexJson { path: path.to_owned(), source })?;
    if entries.is_empty() {
        return Err(CheckpointError::IndexEmpty { path: path.to_owned() });
    }
    for (tensor, name) in &entries {
        if let Some(reason) = name_fault(name) {
            let (name, tensor) = (name.clone(), tensor.clone());
            return Err(CheckpointError::ShardName { path: path.to_owned(), name, tensor, reason });
        }
    }
    let mut shards: Vec<String> = entries.iter().map(|(_, shard)| shard.clone()).collect();
    shards.sort_unstable();
    shards.dedup();
    let places = entries
        .into_iter()
        .map(|(tensor, shard)| {
            let place = shards.binary_search(&shard).expect("every shard name was collected above");
            (tensor, place)
        })
        .collect();
    Ok(Index { shards, places })
}

/// Says what keeps a name from being a plain file name in the model's own folder.
fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > MAX_NAME_BYTES {
        Some("is longer than a file name can be")
    } else if name.contains('/') || name.contains('\\') {
        Some("contains a path separator")
    } else if name.chars().any(char::is_control) {
        Some("contains a control character")
    } else if name.contains(':') {
        Some("contains a colon")
    } else if !name.ends_with(".safetensors") || name == ".safetensors" {
        Some("does not end in `.safetensors`")
    } else {
        None
    }
}

/// `weight_map` sorted by tensor name.
struct Document(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `weight_map`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let (mut metadata, mut places) = (None, None);
        while let Some(name) = map.next_key::<String>()? {
            let repeated = match name.as_str() {
                // Writers disagree on what `metadata.total_size` counts, so nothing is concluded from it.
                "metadata" => metadata.replace(map.next_value::<IgnoredAny>()?).is_some(),
                "weight_map" => places.replace(map.next_value::<WeightMap>()?).is_some(),
                _ => {
                    return Err(A::Error::custom(format_args!("unknown member `{name}`; expected `metadata` and `weight_map`")));
                }
            };
            if repeated {
                return Err(A::Error::custom(format_args!("`{name}` stands twice")));
            }
        }
        places.map(|WeightMap(entries)| Document(entries)).ok_or_else(|| A::Error::custom("`weight_map` is missing"))
    }
}

struct WeightMap(Vec<(String, String)>);

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor;
        impl<'de> Visitor<'de> for MapVisitor {
            type Value = WeightMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of shard names in `weight_map`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WeightMap, A::Error> {
                let mut entries: Vec<(String, String)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_unstable();
                match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                    Some(pair) => Err(A::Error::custom(format_args!("tensor `{}` stands twice in `weight_map`", pair[0].0))),
                    None => Ok(WeightMap(entries)),
                }
            }
        }
        deserializer.deserialize_map(MapVisitor)
    }
}
