//! What enters every matrix, against the reference; and the pass in bf16.

use crate::golden::{self, Case};
use llm_forge::forward::kernels::{Isa, Precision};
use llm_forge::forward::{Engine, ForwardError, Options, Unobserved};
use llm_forge::profile::{InputSquares, Pass, Profile, ProfileError, measure_pass};
use llm_forge::progress;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest difference of a sum of squares from the reference's, relative to it and the tensor's mean; the reference multiplies in f32 in an order of its own.
const TOLERANCE: f64 = 2e-5;

fn measure(case: &Case, pass: Pass, threads: usize, wave_tokens: usize) -> Profile {
    let options = Options { threads, wave_tokens };
    measure_pass::<ProfileError>(&case.model, None, case.stream(), pass, options, &progress::ignore).unwrap()
}

fn inputs(case: &Case, threads: usize, wave_tokens: usize) -> InputSquares {
    measure(case, Pass { inputs: true, ..Pass::default() }, threads, wave_tokens).inputs.unwrap()
}

/// What hooks on the reference's linear layers add up, by the name of the tensor on disk.
#[derive(Deserialize)]
struct Reference {
    rows: BTreeMap<String, Vec<u64>>,
    squares: BTreeMap<String, Vec<f64>>,
}

#[test]
fn sums_of_squares_are_the_references() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-inputs");
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let case = golden::case(path.file_stem().unwrap().to_str().unwrap());
        let reference: Reference = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let ours = inputs(&case, 2, 20);
        assert_eq!(ours.keys().collect::<Vec<_>>(), reference.squares.keys().collect::<Vec<_>>(), "{}", case.name);
        for (key, expected) in &reference.squares {
            let sums = ours.get(key).unwrap();
            assert_eq!(sums.rows, reference.rows[key], "{}: {key}", case.name);
            assert_eq!(sums.squares.len(), expected.len(), "{}: {key}", case.name);
            let mean = expected.iter().sum::<f64>() / expected.len() as f64;
            for (column, (a, b)) in sums.squares.iter().zip(expected).enumerate() {
                assert!((a - b).abs() <= TOLERANCE * (b + mean), "{}: {key}, column {column}: {a} not {b}", case.name);
            }
        }
        compared += 1;
    }
    assert!(compared >= 3, "{compared} cases compared");
}

#[test]
fn threads_and_waves_change_no_sum() {
    for case in golden::cases() {
        let expected = inputs(&case, 1, 1);
        for (threads, wave) in [(1, 1000), (3, 20)] {
            assert!(inputs(&case, threads, wave) == expected, "{}: {threads} threads, waves of {wave}", case.name);
        }
    }
}

#[test]
fn every_matrix_of_the_layers_is_seen_and_the_profile_stays() {
    for case in golden::cases() {
        let with = measure(&case, Pass { inputs: true, ..Pass::default() }, 2, 30);
        let without = measure(&case, Pass::default(), 2, 30);
        assert_eq!(with.layers, without.layers, "{}", case.name);
        assert!(without.inputs.is_none());
        let inputs = with.inputs.unwrap();
        let matrices = case.model.checkpoint.tensors().iter().filter(|tensor| {
            tensor.shape.len() >= 2 && tensor.name.contains(".layers.") && !tensor.name.ends_with("e_score_correction_bias")
        });
        for tensor in matrices {
            let parts = tensor.name.split('.').collect::<Vec<_>>();
            let number = parts.iter().position(|part| *part == "experts").map(|at| at + 1);
            let kept = parts.iter().enumerate().filter(|(at, part)| Some(*at) != number || part.parse::<u32>().is_err());
            let key = kept.map(|(_, part)| *part).collect::<Vec<_>>().join(".");
            let sums = inputs.get(&key).unwrap_or_else(|| panic!("{}: nothing of {key}", case.name));
            let columns = tensor.shape[tensor.shape.len() - 1] as usize;
            assert_eq!(sums.squares.len(), sums.rows.len() * columns, "{}: {key}", case.name);
        }
    }
}

#[test]
fn the_file_form_reads_back() {
    let case = golden::case("olmoe-f32");
    let matrix = inputs(&case, 1, 64).to_matrix("corpus.jsonl".to_owned(), 3, 2048).unwrap();
    let bytes = matrix.write(Vec::new()).unwrap();
    let limits = aw_gguf::Limits::default();
    let read = aw_gguf::imatrix::ImportanceMatrix::read(std::io::Cursor::new(&bytes), bytes.len() as u64, limits).unwrap();
    assert_eq!(read, matrix);
    assert_eq!(read.entries["model.layers.1.mlp.experts.up_proj.weight"].counts().len(), 8);
}

#[test]
fn the_pass_in_bf16_is_near_and_the_same_in_any_way_of_running_it() {
    for case in golden::cases() {
        let pass = Pass { precision: Precision::Bf16, ..Pass::default() };
        let expected = measure(&case, pass, 1, 1);
        for (threads, wave) in [(1, 1000), (3, 20)] {
            assert!(measure(&case, pass, threads, wave) == expected, "{}: {threads} threads, waves of {wave}", case.name);
        }
        let exact = measure(&case, Pass::default(), 1, 64);
        assert_ne!(exact.layers, expected.layers, "{}: the precision changes nothing", case.name);
        let (mut moved, mut all) = (0, 0);
        for (layer, ours) in &expected.layers {
            let counts = ours.activation_count.iter().zip(&exact.layers[layer].activation_count);
            moved += counts.map(|(a, b)| a.abs_diff(*b)).sum::<u64>();
            all += ours.activation_count.iter().sum::<u64>();
        }
        assert!(moved * 10 <= all, "{}: {moved} of {all} routings moved", case.name);
    }
}

#[test]
fn the_pass_in_bf16_has_the_same_bits_with_any_instructions() {
    for case in golden::cases() {
        let run = |isa: Isa| {
            let mut bits: Vec<u64> = Vec::new();
            let mut engine = Engine::with_isa(&case.model, Options::with_threads(1), isa).unwrap().in_precision(Precision::Bf16);
            let done = engine.run(case.stream(), None, &mut Unobserved, &progress::ignore, |head, wave| {
                bits.extend(head.losses(wave)?.iter().map(|loss| loss.nll.to_bits()));
                Ok::<(), ForwardError>(())
            });
            done.unwrap();
            bits
        };
        let expected = run(*Isa::available().last().unwrap());
        for isa in Isa::available() {
            assert!(run(isa) == expected, "{}: {}", case.name, isa.name());
        }
    }
}
