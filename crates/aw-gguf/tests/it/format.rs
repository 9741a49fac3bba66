//! Files: what is written is read again, and no bytes whatever make the reader panic, hang or take much memory.

use std::io::Cursor;

use aw_gguf::{Array, Layout, LayoutError, Limits, Metadata, ReadError, Reader, Strings, TensorSpec, TensorType, Value, Writer};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Reader, ReadError> {
    Reader::read(Cursor::new(bytes), bytes.len() as u64, Limits::default())
}

fn spec(name: &str, dims: &[u64], tensor_type: TensorType) -> TensorSpec {
    TensorSpec { name: name.to_owned(), dims: dims.to_vec(), tensor_type }
}

/// A file with a value of every type and tensors whose lengths need padding.
fn sample() -> Vec<u8> {
    let mut metadata = Metadata::new();
    metadata.set("general.architecture", "llama");
    metadata.set("a.u8", 1_u8);
    metadata.set("a.i64", -5_i64);
    metadata.set("a.f32", 1.5_f32);
    metadata.set("a.bool", true);
    metadata.set("tokenizer.ggml.tokens", ["<s>", "", "ä"].into_iter().collect::<Strings>());
    metadata.set("tokenizer.ggml.scores", vec![0.0_f32, -1.0]);
    metadata.set("a.flags", vec![true, false]);
    let specs =
        vec![spec("a", &[3], TensorType::F32), spec("b", &[32, 2, 3], TensorType::Q8_0), spec("c", &[1], TensorType::I32)];
    let layout = Layout::new(&metadata, specs).unwrap();
    let mut writer = Writer::new(Vec::new(), layout).unwrap();
    writer.write("a", &[1; 12]).unwrap();
    writer.write("b", &[2; 100]).unwrap();
    writer.write("b", &[3; 104]).unwrap();
    writer.write("c", &[4; 4]).unwrap();
    writer.finish().unwrap()
}

#[test]
fn what_is_written_is_read() {
    let file = sample();
    let reader = read(&file).unwrap();
    assert_eq!(reader.metadata().get("a.i64"), Some(&Value::I64(-5)));
    let Some(Value::Array(Array::String(tokens))) = reader.metadata().get("tokenizer.ggml.tokens") else { panic!("no tokens") };
    assert_eq!(tokens.iter().collect::<Vec<_>>(), ["<s>", "", "ä"]);
    let offsets: Vec<u64> = reader.tensors().iter().map(|tensor| tensor.offset).collect();
    assert_eq!(offsets, [0, 32, 256]);
    let range = reader.range(reader.tensor("b").unwrap());
    assert_eq!(&file[range.end as usize - 104..range.end as usize], [3; 104]);
    assert!(file.len().is_multiple_of(32));
}

#[test]
fn tensors_are_taken_in_order_and_whole() {
    let specs = || vec![spec("a", &[2], TensorType::F32), spec("b", &[2], TensorType::F32)];
    let layout = || Layout::new(&Metadata::new(), specs()).unwrap();
    let mut writer = Writer::new(Vec::new(), layout()).unwrap();
    assert_eq!(writer.write("b", &[0; 8]).unwrap_err().to_string(), "tensor `b` is not the one that comes next, which is `a`");
    assert_eq!(writer.write("a", &[0; 9]).unwrap_err().to_string(), "tensor `a`: expected 8 bytes, got at least 9");
    writer.write("a", &[0; 4]).unwrap();
    let error = writer.finish().unwrap_err().to_string();
    assert_eq!(error, "tensor `a`: expected 8 bytes, got only 4 when the file was finished");
}

#[test]
fn what_the_format_does_not_allow_is_refused_by_name() {
    let refused = |specs: Vec<TensorSpec>| Layout::new(&Metadata::new(), specs).unwrap_err();
    let long = "x".repeat(64);
    assert_eq!(refused(vec![spec(&long, &[1], TensorType::F32)]), LayoutError::Name { name: long });
    assert!(matches!(refused(vec![spec("a", &[1, 0], TensorType::F32)]), LayoutError::Dims { .. }));
    let error = refused(vec![spec("a", &[100], TensorType::Q4K)]).to_string();
    assert_eq!(error, "tensor `a`: rows of 100 elements are no multiple of the 256 that a block of Q4_K has");
    assert!(matches!(refused(vec![spec("a", &[1 << 62, 4], TensorType::F32)]), LayoutError::Overflow { .. }));
    assert!(matches!(refused(vec![spec("a", &[1], TensorType::F32); 2]), LayoutError::Duplicate { .. }));
    let mut metadata = Metadata::new();
    metadata.set("general.alignment", 48_u32);
    assert!(matches!(Layout::new(&metadata, vec![]), Err(LayoutError::Alignment { .. })));
}

#[test]
fn a_header_that_lies_is_refused_where_it_lies() {
    let header = |tensors: u64, entries: u64, rest: &[u8]| {
        [&b"GGUF"[..], &3_u32.to_le_bytes(), &tensors.to_le_bytes(), &entries.to_le_bytes(), rest].concat()
    };
    let said = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert_eq!(said(b"GGML\x03\0\0\0"), "expected the file to begin with `GGUF`, got [71, 71, 77, 76]");
    assert_eq!(said(b"GGUF\0\0\0\x03"), "version 50331648: expected 2 or 3; the file is big-endian, which is not read here");
    assert_eq!(said(&header(u64::MAX, 0, &[])), "number of tensors: 18446744073709551615 is above the limit of 1048576");
    let key = |kind: u32, rest: &[u8]| [&1_u64.to_le_bytes()[..], b"k", &kind.to_le_bytes(), rest].concat();
    let long = key(8, &u64::MAX.to_le_bytes());
    assert!(said(&header(0, 1, &long)).starts_with("metadata key `k`: expected 18446744073709551615 more bytes at byte 45"));
    assert!(said(&header(0, 1, &key(13, &[]))).starts_with("metadata key `k`: expected a value type from 0 to 12, got 13"));
    assert!(said(&header(0, 1, &key(7, &[2]))).starts_with("metadata key `k`: expected a truth value of 0 or 1, got 2"));
    let nested = key(9, &[&9_u32.to_le_bytes()[..], &1_u64.to_le_bytes()].concat());
    assert!(said(&header(0, 1, &nested)).starts_with("metadata key `k`: an array of arrays"));
    let huge = key(9, &[&8_u32.to_le_bytes()[..], &(u64::MAX / 2).to_le_bytes()].concat());
    assert!(said(&header(0, 1, &huge)).contains("but the file ends at"));
    let twice = [key(0, &[1]), key(0, &[1])].concat();
    assert_eq!(said(&header(0, 2, &twice)), "metadata key `k` is there twice, expected each key once");
}

#[test]
fn tensors_outside_the_file_or_over_each_other_are_refused() {
    let file = sample();
    let end = file.len() - 40;
    let error = read(&file[..end]).unwrap_err().to_string();
    assert!(error.starts_with("tensor `c`: its data ends at byte "), "{error}");
    // The offset of `b` follows its name, three dimensions and type.
    let at = file.windows(9).position(|window| window == b"\x01\0\0\0\0\0\0\0b").unwrap() + 9 + 4 + 24 + 4;
    let mut moved = file.clone();
    moved[at..at + 8].copy_from_slice(&0_u64.to_le_bytes());
    let error = read(&moved).unwrap_err().to_string();
    assert_eq!(error, "tensor `b`: expected its data at offset 32, where the tensor before it ends, got 0");
    let mut unknown = file;
    unknown[at - 4] = 99;
    let error = read(&unknown).unwrap_err().to_string();
    assert_eq!(error, "tensor `b`: type 99 is not known; expected one of the types of ggml up to 42");
}

#[test]
fn every_cut_is_refused_and_no_flipped_byte_does_harm() {
    let file = sample();
    let data_start = read(&file).unwrap().data_start() as usize;
    for end in 0..data_start {
        read(&file[..end]).unwrap_err();
    }
    for at in 0..data_start {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            if let Ok(reader) = read(&changed) {
                assert!(reader.tensors().iter().all(|tensor| reader.range(tensor).end <= file.len() as u64));
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(tail in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..400) {
        let mut file = sample();
        let at = at.min(file.len() - tail.len());
        file[at..at + tail.len()].copy_from_slice(&tail);
        if let Ok(reader) = read(&file) {
            prop_assert!(reader.tensors().iter().all(|tensor| reader.range(tensor).end <= file.len() as u64));
        }
    }
}
