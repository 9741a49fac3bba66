//! Whole files against `llama-quantize`: it reads what is written here, and what it writes is what is computed here.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use aw_gguf::imatrix::{Entry, ImportanceMatrix};
use aw_gguf::mix::{self, FileType, Model};
use aw_gguf::{Layout, Limits, Reader, TensorType, Writer, dequantize_rows, quantize_rows};

use crate::models::{CASES, Case};

/// Numbers that look random, of the size of weights.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 as u32 as f32 / u32::MAX as f32 - 0.5) * 2f32.powi((self.0 >> 40) as i32 % 4 - 4)
    }
}

fn write_model(case: &Case, path: &Path) {
    let layout = Layout::new(&case.metadata(), case.tensors()).unwrap();
    let tensors = layout.tensors().to_vec();
    let mut writer = Writer::new(Vec::new(), layout).unwrap();
    let mut random = Random(20_261_121);
    for tensor in tensors {
        let values: Vec<f32> = (0..tensor.elements()).map(|_| random.next()).collect();
        let mut bytes = vec![0; tensor.bytes as usize];
        quantize_rows(tensor.tensor_type, &values, tensor.row_elements() as usize, None, &mut bytes).unwrap();
        writer.write(&tensor.name, &bytes).unwrap();
    }
    fs::write(path, writer.finish().unwrap()).unwrap();
}

/// Importances for every quantised tensor, with one expert that was never chosen.
fn importances(case: &Case) -> ImportanceMatrix {
    let mut matrix =
        ImportanceMatrix { datasets: vec!["made up".to_owned()], chunk_count: 2, chunk_size: 512, ..Default::default() };
    let mut random = Random(7);
    for tensor in case.tensors().iter().filter(|tensor| tensor.tensor_type == TensorType::F16) {
        let matrices = tensor.dims.get(2).copied().unwrap_or(1);
        let sums = (0..tensor.dims[0] * matrices).map(|_| random.next().abs() * 1000.0).collect();
        let counts = (0..matrices).map(|index| index * 37 % 100).map(|count| if matrices == 1 { 512 } else { count }).collect();
        matrix.entries.insert(tensor.name.clone(), Entry::new(sums, counts).unwrap());
    }
    matrix
}

fn assert_same_file(quantizer: &Path, case: &Case, file_type: FileType, matrix: Option<&ImportanceMatrix>, folder: &Path) {
    let (model, output) = (folder.join("model.gguf"), folder.join("output.gguf"));
    let mut command = Command::new(quantizer);
    if let Some(matrix) = matrix {
        let path = folder.join("imatrix.gguf");
        fs::write(&path, matrix.write(Vec::new()).unwrap()).unwrap();
        command.arg("--imatrix").arg(path);
    }
    let run = command.arg(&model).arg(&output).arg(file_type.name()).arg("2").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (source, theirs) = (fs::read(&model).unwrap(), fs::read(&output).unwrap());
    let read = |bytes: &[u8]| Reader::read(Cursor::new(bytes), bytes.len() as u64, Limits::default()).unwrap();
    let (from, to) = (read(&source), read(&theirs));
    let model = Model::from_metadata(&case.metadata()).unwrap();
    let types = mix::choose(file_type, &model, &case.tensors()).unwrap();
    assert_eq!(to.tensors().len(), types.len());
    let cut = |bytes: &[u8], range: std::ops::Range<u64>| bytes[range.start as usize..range.end as usize].to_vec();
    for (tensor, tensor_type) in from.tensors().iter().zip(types) {
        let place = format!("{} {file_type} {}", case.name, tensor.name);
        let theirs_of_it = to.tensor(&tensor.name).unwrap();
        assert_eq!(theirs_of_it.tensor_type, tensor_type, "{place}");
        let (bytes, expected) = (cut(&source, from.range(tensor)), cut(&theirs, to.range(theirs_of_it)));
        if tensor_type == tensor.tensor_type {
            assert!(bytes == expected, "{place}");
            continue;
        }
        let row = tensor.row_elements() as usize;
        let mut values = vec![0.0; tensor.elements() as usize];
        dequantize_rows(tensor.tensor_type, &bytes, &mut values).unwrap();
        let weights = matrix.and_then(|matrix| matrix.entries.get(&tensor.name)).map(Entry::weights);
        let matrix_elements = row * tensor.dims[1] as usize;
        let mut out = Vec::new();
        for (index, values) in values.chunks(matrix_elements).enumerate() {
            let weights = weights.as_ref().map(|weights| &weights[index * row..(index + 1) * row]);
            let mut blocks = vec![0; tensor_type.row_bytes(values.len()).unwrap()];
            quantize_rows(tensor_type, values, row, weights, &mut blocks).unwrap();
            out.extend(blocks);
        }
        assert!(out == expected, "{place}: other blocks than llama-quantize");
    }
}

#[test]
fn whole_files_are_those_of_llama_quantize() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let quantizer = programs.join("llama-quantize");
    if !quantizer.is_file() {
        eprintln!("skipped: no llama-quantize in {}", programs.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();

    // One of each kind: dense, with experts, and with rows too short for super-blocks.
    let [dense, _, _, _, _, _, rows_of_96, ..] = CASES;
    let dense = Case { layers: 2, ..dense };
    let [again, ..] = CASES;
    let experts = Case { name: "small-experts", architecture: "olmoe", layers: 1, experts: 6, ..again };
    for case in [&dense, &experts, &rows_of_96] {
        write_model(case, &folder.path().join("model.gguf"));
        let matrix = importances(case);
        for file_type in FileType::all() {
            assert_same_file(&quantizer, case, file_type, None, folder.path());
            assert_same_file(&quantizer, case, file_type, Some(&matrix), folder.path());
        }
    }
}
