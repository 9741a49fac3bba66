//! Blocks are those of ggml, bit for bit. The golden files were made by ggml itself, see `golden/make.py`.

use std::path::PathBuf;

use aw_gguf::{TensorType, dequantize_rows, quantize_rows};

const ROW: usize = 1024;

const TYPES: [TensorType; 9] = [
    TensorType::Q8_0,
    TensorType::Q6K,
    TensorType::Q5K,
    TensorType::Q4K,
    TensorType::Q3K,
    TensorType::Q2K,
    TensorType::Q4_0,
    TensorType::Q5_0,
    TensorType::Q5_1,
];

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn floats(name: &str) -> Vec<f32> {
    golden(name).as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

/// Compares row by row, so that a failure says which kind of values it is about.
fn assert_blocks(tensor_type: TensorType, got: &[u8], expected: &[u8]) {
    assert_eq!(got.len(), expected.len());
    let row_bytes = tensor_type.row_bytes(ROW).unwrap();
    let size = tensor_type.block_bytes();
    for (row, (got, expected)) in got.chunks(row_bytes).zip(expected.chunks(row_bytes)).enumerate() {
        for (block, (got, expected)) in got.chunks(size).zip(expected.chunks(size)).enumerate() {
            assert_eq!(got, expected, "{tensor_type}: row {row}, block {block}");
        }
    }
}

#[test]
fn blocks_are_those_of_ggml() {
    let (values, importance) = (floats("values.f32"), floats("importance.f32"));
    for tensor_type in TYPES {
        let name = tensor_type.name().to_lowercase();
        let mut out = vec![0; tensor_type.row_bytes(values.len()).unwrap()];
        quantize_rows(tensor_type, &values, ROW, None, &mut out).unwrap();
        assert_blocks(tensor_type, &out, &golden(&format!("{name}.blocks")));
        quantize_rows(tensor_type, &values, ROW, Some(&importance), &mut out).unwrap();
        // No importances in Q8_0.
        let weighted = if tensor_type == TensorType::Q8_0 { String::new() } else { ".weighted".to_owned() };
        assert_blocks(tensor_type, &out, &golden(&format!("{name}{weighted}.blocks")));
    }
}

#[test]
fn values_read_back_are_those_of_ggml() {
    for tensor_type in TYPES {
        let name = tensor_type.name().to_lowercase();
        let blocks = golden(&format!("{name}.blocks"));
        let mut back = vec![0.0; 8 * ROW];
        dequantize_rows(tensor_type, &blocks, &mut back).unwrap();
        let digest = back.iter().zip((1_u32..).step_by(2)).fold(0, |sum, (value, odd)| sum ^ value.to_bits().wrapping_mul(odd));
        let expected = String::from_utf8(golden(&format!("{name}.back"))).unwrap();
        assert_eq!(format!("{digest:08x}\n"), expected, "{tensor_type}");
    }
}
