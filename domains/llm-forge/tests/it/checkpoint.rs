//! Opening checkpoints: what the reference reads is read alike, by headers alone.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant};

use llm_forge::checkpoint::{Checkpoint, CheckpointError, Dtype, parse_safetensors};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype as TheirDtype, TensorView, serialize};

use crate::synthetic::{Made, safetensors, with_header};

/// A tensor as read: name, type, shape and bytes.
type Tensor = (String, String, Vec<u64>, Vec<u8>);

/// What the reference reads; `None` when it refuses the file.
fn reference(file: &[u8]) -> Option<Vec<Tensor>> {
    let mut tensors: Vec<_> = SafeTensors::deserialize(file)
        .ok()?
        .iter()
        .map(|(name, view)| {
            (
                name.to_owned(),
                view.dtype().to_string(),
                view.shape().iter().map(|dim| *dim as u64).collect(),
                view.data().to_vec(),
            )
        })
        .collect();
    tensors.sort();
    Some(tensors)
}

/// The same, by the reader under test.
fn ours(file: &[u8]) -> Option<Vec<Tensor>> {
    let mut tensors: Vec<_> = parse_safetensors(file)
        .ok()?
        .into_iter()
        .map(|tensor| {
            let bytes = file[tensor.offset as usize..(tensor.offset + tensor.len) as usize].to_vec();
            (tensor.name, tensor.dtype.to_string(), tensor.shape, bytes)
        })
        .collect();
    tensors.sort();
    Some(tensors)
}

const DTYPES: [(TheirDtype, usize); 18] = [
    (TheirDtype::F64, 8),
    (TheirDtype::F32, 4),
    (TheirDtype::F16, 2),
    (TheirDtype::BF16, 2),
    (TheirDtype::I64, 8),
    (TheirDtype::I32, 4),
    (TheirDtype::I16, 2),
    (TheirDtype::I8, 1),
    (TheirDtype::U64, 8),
    (TheirDtype::U32, 4),
    (TheirDtype::U16, 2),
    (TheirDtype::U8, 1),
    (TheirDtype::BOOL, 1),
    (TheirDtype::F8_E4M3, 1),
    (TheirDtype::F8_E5M2, 1),
    (TheirDtype::F8_E8M0, 1),
    (TheirDtype::F8_E4M3FNUZ, 1),
    (TheirDtype::C64, 8),
];

fn written_by_the_reference() -> impl Strategy<Value = Vec<u8>> {
    let tensor = ("[a-zA-Z0-9_.é\"\\\\ ]{0,12}", 0..DTYPES.len(), prop::collection::vec(0usize..4, 0..4), any::<u8>());
    let metadata = prop::option::of(prop::collection::hash_map("[a-z]{1,4}", ".{0,8}", 0..3));
    (prop::collection::vec(tensor, 0..6), metadata).prop_map(|(tensors, metadata)| {
        let made: HashMap<String, (usize, Vec<usize>, Vec<u8>)> = tensors
            .into_iter()
            .map(|(name, dtype, shape, seed)| {
                let length = shape.iter().product::<usize>() * DTYPES[dtype].1;
                let bytes = (0..length).map(|i| seed.wrapping_add(i as u8)).collect();
                (name, (dtype, shape, bytes))
            })
            .collect();
        let views = made.iter().map(|(name, (dtype, shape, bytes))| {
            (name.clone(), TensorView::new(DTYPES[*dtype].0, shape.clone(), bytes).unwrap())
        });
        serialize(views, metadata).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_reference_writes_is_read_alike(file in written_by_the_reference()) {
        prop_assert_eq!(ours(&file), reference(&file));
    }

    /// Whatever is done to a file, it is read alike or refused; never accepted where the reference refuses.
    #[test]
    fn what_the_reference_refuses_is_refused(
        file in written_by_the_reference(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut file = file;
        for (place, byte, kind) in edits {
            let place = place.index(file.len().max(1)).min(file.len().saturating_sub(1));
            match kind {
                0 => file[place] = byte,
                1 => file[place] = b"0123456789[]{},:\"-"[byte as usize % 18],
                2 => { file.remove(place); }
                _ => file.insert(place, byte),
            }
            if file.is_empty() {
                break;
            }
        }
        if let Some(read) = ours(&file) {
            prop_assert_eq!(Some(read), reference(&file));
        }
    }
}

#[test]
fn every_golden_checkpoint_is_read_as_the_reference_reads_it() {
    for folder in fs::read_dir(crate::golden::folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let checkpoint = Checkpoint::open(&folder).unwrap();
        let mut read = 0;
        for shard in checkpoint.shards() {
            let file = fs::read(&shard.path).unwrap();
            for (name, dtype, shape, bytes) in reference(&file).unwrap() {
                let tensor = checkpoint.get(&name).unwrap();
                assert_eq!((tensor.dtype.to_string(), &tensor.shape), (dtype, &shape), "{name}");
                assert_eq!(checkpoint.read(tensor).unwrap(), bytes, "{name}");
                read += 1;
            }
        }
        assert_eq!(read, checkpoint.tensors().len(), "{}", folder.display());
    }
}

#[test]
fn types_of_less_than_a_byte_are_the_only_ones_the_reference_has_and_we_refuse() {
    for dtype in ["F4", "F6_E2M3", "F6_E3M2"] {
        let file = with_header(
            &format!(r#"{{"a":{{"dtype":"{dtype}","shape":[8],"data_offsets":[0,{}]}}}}"#, if dtype == "F4" { 4 } else { 6 }),
            &[0; 6],
        );
        let file = if dtype == "F4" { &file[..file.len() - 2] } else { &file[..] };
        assert!(reference(file).is_some() && ours(file).is_none(), "{dtype}");
    }
    for dtype in Dtype::ALL {
        let bytes = dtype.size_bytes();
        let file =
            with_header(&format!(r#"{{"a":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{bytes}]}}}}"#), &vec![0; bytes]);
        assert!(ours(&file).is_some(), "{dtype}");
        assert_eq!(ours(&file), reference(&file), "{dtype}");
    }
}

#[test]
fn ranges_are_read_and_held_against_the_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = |name: &str, bytes: &[u8]| Made {
        name: name.to_owned(),
        dtype: "U8",
        shape: vec![bytes.len() as u64],
        bytes: bytes.to_vec(),
    };
    fs::write(folder.path().join("model.safetensors"), safetensors(&[tensor("a", &[1, 2, 3]), tensor("b", &[4, 5, 6])])).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let b = checkpoint.get("b").unwrap();
    let mut buffer = [0; 2];
    checkpoint.read_into(b, 1..3, &mut buffer).unwrap();
    assert_eq!(buffer, [5, 6]);
    assert!(checkpoint.get("c").is_none());
    for (range, length) in [(2..4, 2), (0..2, 1), (0..1, 2), (u64::MAX - 1..u64::MAX, 1)] {
        let fault = checkpoint.read_into(b, range.clone(), &mut vec![0; length]).unwrap_err();
        assert_eq!(
            fault.to_string(),
            format!("tensor `b` has 3 bytes; cannot read {}..{} of it into {length} bytes", range.start, range.end)
        );
    }
}

#[test]
fn a_shard_that_changes_its_length_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut file = safetensors(&[Made { name: "a".to_owned(), dtype: "U8", shape: vec![1], bytes: vec![1] }]);
    fs::write(&path, &file).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    file.push(0);
    fs::write(&path, &file).unwrap();
    let fault = checkpoint.read(&checkpoint.tensors()[0]).unwrap_err();
    assert!(matches!(fault, CheckpointError::Changed { expected, got, .. } if got == expected + 1), "{fault}");
}

/// The size of the largest published checkpoints: half a terabyte (of holes) in hundreds of shards, some forty thousand
/// tensors. Opening reads headers only, so it takes a moment; reading the weights would take minutes.
#[test]
fn half_a_terabyte_opens_in_a_moment() {
    const SHARDS: u64 = 256;
    const TENSORS: u64 = 160;
    const ROWS: u64 = 6400;
    let folder = tempfile::tempdir().unwrap();
    let mut map = serde_json::Map::new();
    for shard in 0..SHARDS {
        let name = format!("model-{shard:05}-of-{SHARDS:05}.safetensors");
        let mut header = serde_json::Map::new();
        let bytes = ROWS * 1024 * 2;
        for tensor in 0..TENSORS {
            let key = format!("model.layers.{shard}.mlp.experts.{tensor}.gate_proj.weight");
            map.insert(key.clone(), name.as_str().into());
            header.insert(key, serde_json::json!({"dtype": "BF16", "shape": [ROWS, 1024], "data_offsets": [tensor * bytes, (tensor + 1) * bytes]}));
        }
        let header = serde_json::to_vec(&header).unwrap();
        let mut file = File::create(folder.path().join(&name)).unwrap();
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(&header).unwrap();
        file.set_len(8 + header.len() as u64 + TENSORS * bytes).unwrap();
    }
    fs::write(
        folder.path().join("model.safetensors.index.json"),
        serde_json::json!({"metadata": {}, "weight_map": map}).to_string(),
    )
    .unwrap();
    let started = Instant::now();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let took = started.elapsed();
    assert!(checkpoint.tensor_bytes() > 500_000_000_000, "{}", checkpoint.tensor_bytes());
    assert_eq!(checkpoint.tensors().len() as u64, SHARDS * TENSORS);
    println!("{} tensors in {took:?}", checkpoint.tensors().len());
    assert!(took < Duration::from_secs(2), "{took:?}");
}
