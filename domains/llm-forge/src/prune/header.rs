//! Writes safetensors headers and the index: stable order, no time stamps, the reference's padding.

use std::fmt::Write as _;

use super::plan::{PlannedShard, PrunePlan};

/// Headers are padded with spaces to a multiple of this, as the reference does.
const ALIGNMENT: usize = 8;

/// Returns the length field and header of a shard, up to its first data byte.
///
/// `__metadata__` comes first, then the tensors in the order of their bytes; within a tensor `dtype`, `shape`,
/// `data_offsets`: what the reference writes for the same tensors in the same order.
pub(super) fn shard_header(shard: &PlannedShard) -> Vec<u8> {
    let mut json = String::from(r#"{"__metadata__":{"format":"pt"}"#);
    let mut begin = 0;
    for tensor in &shard.tensors {
        let end = begin + tensor.bytes;
        let dims = tensor.shape.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let (name, dtype) = (quoted(&tensor.name), tensor.dtype);
        write!(json, r#",{name}:{{"dtype":"{dtype}","shape":[{dims}],"data_offsets":[{begin},{end}]}}"#)
            .expect("writing to a string does not fail");
        begin = end;
    }
    json.push('}');
    let padded = json.len().next_multiple_of(ALIGNMENT);
    let mut bytes = Vec::with_capacity(ALIGNMENT + padded);
    bytes.extend_from_slice(&(padded as u64).to_le_bytes());
    bytes.extend_from_slice(json.as_bytes());
    bytes.resize(ALIGNMENT + padded, b' ');
    bytes
}

/// Returns `model.safetensors.index.json`: two-space indentation, tensors by name.
pub(super) fn index(plan: &PrunePlan) -> Vec<u8> {
    let mut places: Vec<(&str, &str)> = Vec::new();
    for shard in &plan.shards {
        places.extend(shard.tensors.iter().map(|tensor| (tensor.name.as_str(), shard.name.as_str())));
    }
    places.sort_unstable();
    let lines: Vec<String> = places.iter().map(|(name, file)| format!("    {}: {}", quoted(name), quoted(file))).collect();
    let map = lines.join(",\n");
    let total = plan.tensor_bytes_out;
    format!("{{\n  \"metadata\": {{\n    \"total_size\": {total}\n  }},\n  \"weight_map\": {{\n{map}\n  }}\n}}\n").into_bytes()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
