//! The index of a sharded checkpoint, beside three shards that stay the same: what is accepted names each of their tensors once,
//! in the shard that holds it, and no file outside of the folder is ever opened.
#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use alloyworks_fuzz::{overwrite, scratch};
use libfuzzer_sys::fuzz_target;
use llm_forge::checkpoint::{Checkpoint, CheckpointError, INDEX_FILE};
use serde_json::Value;

/// One shard with the names of its tensors, each of one byte.
const SHARDS: [(&str, &[&str]); 3] = [("a.safetensors", &["w", "x"]), ("b.safetensors", &["y"]), ("c.safetensors", &["z"])];

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = scratch("checkpoint_index");
    for (file, tensors) in SHARDS {
        let place =
            |(at, name): (usize, &&str)| format!(r#""{name}":{{"dtype":"U8","shape":[1],"data_offsets":[{at},{}]}}"#, at + 1);
        let members: Vec<String> = tensors.iter().enumerate().map(place).collect();
        let header = format!("{{{}}}", members.join(","));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes().chain(tensors.iter().map(|_| 7)));
        std::fs::write(folder.join(file), bytes).expect("the scratch folder is writable");
    }
    folder
});

fuzz_target!(|bytes: &[u8]| {
    overwrite(&FOLDER.join(INDEX_FILE), bytes);
    let checkpoint = match Checkpoint::open(&FOLDER) {
        Ok(checkpoint) => checkpoint,
        Err(CheckpointError::Io { action, path, source }) => {
            panic!("a name let through that is no file's: {action} `{}`: {source}", path.display())
        }
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    // The other reader reads `metadata` too, where half a character or a number beyond doubles is beyond it.
    let Ok(index) = serde_json::from_slice::<Value>(bytes) else { return };
    let listed: BTreeMap<&str, &str> = index["weight_map"]
        .as_object()
        .expect("accepted")
        .iter()
        .map(|(tensor, shard)| (tensor.as_str(), shard.as_str().expect("accepted")))
        .collect();
    let found: BTreeMap<&str, &str> = checkpoint
        .tensors()
        .iter()
        .map(|tensor| (tensor.name.as_str(), checkpoint.shards()[tensor.shard].name.as_str()))
        .collect();
    assert_eq!(listed, found, "the index and the shards agree");
    for tensor in checkpoint.tensors() {
        assert_eq!(checkpoint.read(tensor).expect("checked when it was opened"), [7]);
    }
});
