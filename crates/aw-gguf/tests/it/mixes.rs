//! The types that mixes choose, against a table made by llama.cpp's own quantiser, and against that program where it is found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use aw_gguf::mix::{self, FileType, Model};
use aw_gguf::{Layout, TensorSpec, TensorType};

use crate::models::{CASES, Case};

fn table() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/mixes.txt")
}

/// One line for each kind of tensor: its types from the first layer to the last, runs of the same type counted.
fn lines(case: &Case, file_type: FileType, tensors: &[TensorSpec], types: &[TensorType]) -> String {
    let mut kinds: BTreeMap<&str, Vec<TensorType>> = BTreeMap::new();
    for (tensor, tensor_type) in tensors.iter().zip(types) {
        let kind = tensor.name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).map_or(&*tensor.name, |(_, kind)| kind);
        kinds.entry(kind).or_default().push(*tensor_type);
    }
    let mut text = String::new();
    for (kind, types) in kinds {
        let _ = write!(text, "{} {file_type} {kind}:", case.name);
        for run in types.chunk_by(|a, b| a == b) {
            let _ = write!(text, " {}x{}", run.len(), run[0]);
        }
        text.push('\n');
    }
    text
}

fn chosen(case: &Case, file_type: FileType) -> String {
    let tensors = case.tensors();
    let types = mix::choose(file_type, &Model::from_metadata(&case.metadata()).unwrap(), &tensors).unwrap();
    lines(case, file_type, &tensors, &types)
}

#[test]
fn types_are_those_of_the_table_that_llama_cpp_made() {
    let golden = fs::read_to_string(table()).unwrap();
    let ours: String = CASES.iter().flat_map(|case| FileType::all().map(|file_type| chosen(case, file_type))).collect();
    for (ours, golden) in ours.lines().zip(golden.lines()) {
        assert_eq!(ours, golden);
    }
    assert_eq!(ours.lines().count(), golden.lines().count());
}

/// A file of the model's shapes whose data is one hole.
fn write_hollow(case: &Case, path: &Path) {
    let layout = Layout::new(&case.metadata(), case.tensors()).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(layout.header()).unwrap();
    file.set_len(layout.total_bytes()).unwrap();
}

/// What the program says it would do.
fn asked(quantizer: &Path, case: &Case, path: &Path, file_type: FileType) -> String {
    let output = Command::new(quantizer).arg("--dry-run").arg(path).arg(file_type.name()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{} {file_type}: {said}", case.name);
    let mut types: BTreeMap<String, TensorType> = BTreeMap::new();
    for line in said.lines().filter(|line| line.starts_with('[') && line.contains("type =")) {
        let name = line.split_once(']').unwrap().1.split_whitespace().next().unwrap();
        let from = line.split_once("type =").unwrap().1.split(',').next().unwrap().trim();
        let to = line.rsplit_once('(').map_or(from, |(_, to)| to.trim_end_matches(')'));
        types.insert(name.to_owned(), TensorType::from_name(to).unwrap_or_else(|| panic!("{line}")));
    }
    let tensors = case.tensors();
    let types: Vec<TensorType> = tensors.iter().map(|tensor| types[&tensor.name]).collect();
    lines(case, file_type, &tensors, &types)
}

/// With `UPDATE_MIXES=1` what the program says becomes the table.
#[test]
fn the_table_is_what_llama_quantize_says() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let quantizer = programs.join("llama-quantize");
    if !quantizer.is_file() {
        eprintln!("skipped: no llama-quantize in {}", programs.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut said = String::new();
    for case in &CASES {
        let path = folder.path().join("model.gguf");
        write_hollow(case, &path);
        for file_type in FileType::all() {
            said.push_str(&asked(&quantizer, case, &path, file_type));
        }
    }
    if std::env::var_os("UPDATE_MIXES").is_some() {
        fs::write(table(), &said).unwrap();
    }
    assert_eq!(fs::read_to_string(table()).unwrap(), said);
}
