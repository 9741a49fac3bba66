//! Importance matrices: gathered by a profile, taken by `quant`, weighed as llama.cpp weighs them.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use aw_domain::{Context, Domain, Executor, Failure, Inputs, Output};
use aw_gguf::imatrix::{Entry, ImportanceMatrix};
use aw_gguf::mix::FileType;
use aw_gguf::{Limits, Reader};
use llm_forge::LlmForge;
use llm_forge::checkpoint::Checkpoint;
use llm_forge::families::Model;
use llm_forge::forward::Options;
use llm_forge::gguf::{GgufModel, Importance, Naming};
use llm_forge::profile::{Pass, ProfileError, measure_pass};
use llm_forge::progress;
use llm_forge::tokenizer::Tokenizer;
use llm_forge::tools::Tools;
use serde_json::{Value, json};

const TEXT: &str =
    "def total(values):\n    result = 0\n    for value in values:\n        result += value * 12\n    return result\n";

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tiny-moe/model")
}

/// What a pass over a text gathers.
fn gathered() -> ImportanceMatrix {
    let model = Model::open(&tiny(), None).unwrap();
    let tokens = Tokenizer::open(&model).unwrap().encode(TEXT).unwrap();
    let stream = (1, [Ok::<_, ProfileError>(tokens)]);
    let pass = Pass { inputs: true, ..Pass::default() };
    let profile = measure_pass(&model, None, stream, pass, Options::with_threads(2), &progress::ignore).unwrap();
    profile.inputs.unwrap().to_matrix("text".into(), 1, 512).unwrap()
}

/// The same matrix under the names of the GGUF file.
fn renamed(matrix: &ImportanceMatrix) -> ImportanceMatrix {
    const NAMES: [(&str, &str); 10] = [
        ("model.layers.", "blk."),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.experts.gate_proj", "ffn_gate_exps"),
        ("mlp.experts.up_proj", "ffn_up_exps"),
        ("mlp.experts.down_proj", "ffn_down_exps"),
        ("mlp.gate.", "ffn_gate_inp."),
        ("model.", "model."),
    ];
    let rename = |name: &String| NAMES.iter().fold(name.clone(), |name, (from, to)| name.replacen(from, to, 1));
    let entries = matrix.entries.iter().map(|(name, entry)| (rename(name), entry.clone())).collect();
    ImportanceMatrix { entries, ..matrix.clone() }
}

fn quantised(importance: &Path, out: &Path, tools: Tools, config: &Value) -> Result<Output, Failure> {
    let forge = LlmForge::new(tools);
    let stage = forge.stage_types().into_iter().find(|stage| stage.name == "quant").unwrap();
    let Executor::Here(stage) = stage.executor else { panic!("`quant` runs here") };
    let scratch = tempfile::tempdir().unwrap();
    let folders = [("model".to_owned(), tiny()), ("importance/text".to_owned(), importance.to_owned())];
    let inputs = Inputs { folders: folders.into(), source_label: "tiny".into(), ..Inputs::default() };
    let clock = || "2026-01-01T00:00:00Z".to_owned();
    let mut context = Context::new(out.into(), scratch.path().into(), 2, None, &|| false, &|_| {}, &clock);
    stage.run(config, &inputs, &mut context)
}

fn written(file_type: FileType, importance: Option<&Importance>) -> Result<Vec<u8>, String> {
    let config: Value = serde_json::from_slice(&fs::read(tiny().join("config.json")).unwrap()).unwrap();
    let checkpoint = Checkpoint::open(&tiny()).unwrap();
    let naming = Naming { name: "tiny".into(), pre_tokenizer: None };
    let model = GgufModel::plan(&tiny(), &config, &checkpoint, "olmoe", &naming).unwrap();
    let conversion = model.conversion(file_type).unwrap();
    conversion.write(Vec::new(), importance, 2, &|_, _| ControlFlow::Continue(())).map_err(|error| error.to_string())
}

/// Every tensor of a file: name, type, bytes.
fn tensors(bytes: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let reader = Reader::read(bytes, bytes.len() as u64, Limits::default()).unwrap();
    let of = |tensor: &aw_gguf::TensorInfo| {
        let range = reader.range(tensor);
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        (tensor.name.clone(), tensor.tensor_type.to_string(), bytes[range].to_vec())
    };
    let mut all: Vec<_> = reader.tensors().iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn a_gathered_matrix_weighs_as_in_llama_quantize() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let matrix = gathered();
    fs::create_dir(at("importance")).unwrap();
    fs::write(at("importance/imatrix.gguf"), matrix.write(Vec::new()).unwrap()).unwrap();
    fs::write(at("theirs.imatrix"), renamed(&matrix).write(Vec::new()).unwrap()).unwrap();
    fs::write(at("exact.gguf"), written(FileType::F32, None).unwrap()).unwrap();
    let tiers = ["Q4_K_M", "Q3_K_M", "Q2_K"];
    let config = json!({"format": "gguf", "quantTypes": tiers, "importanceMatrix": "text", "modelName": "tiny"});
    let tools = Tools { llama_cpp: Some(programs.clone()), ..Tools::default() };
    let output = quantised(&at("importance"), &at("out"), tools, &config).unwrap();
    for (entry, tier) in output.writes.iter().zip(tiers) {
        let mut command = Command::new(programs.join("llama-quantize"));
        command.arg("--imatrix").arg(at("theirs.imatrix")).arg(at("exact.gguf")).arg(at("theirs.gguf")).args([tier, "1"]);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let ours = tensors(&fs::read(at("out").join(&entry.path)).unwrap());
        let theirs = tensors(&fs::read(at("theirs.gguf")).unwrap());
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(ours == theirs, "{tier}: `{}` ({}) is not theirs: `{}` ({})", ours.0, ours.1, theirs.0, theirs.1);
        }
        let unweighed = tensors(&written(FileType::from_name(tier).unwrap(), None).unwrap());
        assert!(unweighed != ours, "{tier}: the weights change nothing");
    }
}

#[test]
fn a_matrix_of_llama_cpps_own_names_is_taken_and_one_of_another_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("imatrix.gguf");
    let open = |matrix: &ImportanceMatrix| {
        fs::write(&path, matrix.write(Vec::new()).unwrap()).unwrap();
        Importance::open(&path).unwrap()
    };
    let matrix = gathered();
    let by_checkpoint = written(FileType::Q4KM, Some(&open(&matrix))).unwrap();
    assert!(written(FileType::Q4KM, Some(&open(&renamed(&matrix)))).unwrap() == by_checkpoint);
    let mut pruned = matrix.clone();
    let name = "model.layers.0.mlp.experts.up_proj.weight";
    pruned.entries.insert(name.into(), Entry::new(vec![1.0; 8 * 96], vec![1; 8]).unwrap());
    let error = written(FileType::Q4KM, Some(&open(&pruned))).unwrap_err();
    assert!(error.contains("has 8 experts for `blk.0.ffn_up_exps.weight`, expected 16"), "{error}");
    let mut narrow = matrix;
    narrow.entries.insert(name.into(), Entry::new(vec![1.0; 16 * 95], vec![1; 16]).unwrap());
    let error = written(FileType::Q4KM, Some(&open(&narrow))).unwrap_err();
    assert!(error.contains("has 95 columns") && error.contains("expected 96"), "{error}");
}
