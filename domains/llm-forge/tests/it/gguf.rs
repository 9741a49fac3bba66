//! GGUF files: what they hold, and what llama.cpp makes of them.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use aw_domain::{Context, Domain, Executor, Failure, Inputs, Output};
use aw_gguf::mix::FileType;
use aw_gguf::{Limits, Reader, TensorType, Value};
use llm_forge::LlmForge;
use llm_forge::checkpoint::Checkpoint;
use llm_forge::families::Model;
use llm_forge::forward::Options;
use llm_forge::gguf::{GgufError, GgufModel, Naming};
use llm_forge::llama_cpp::{LlamaCpp, LlamaCppError, ServerSettings, StopReason, TextSettings};
use llm_forge::perplexity::{PerplexityError, sequence_losses};
use llm_forge::progress;
use llm_forge::tokenizer::Tokenizer;
use llm_forge::tools::Tools;
use serde_json::json;

pub(crate) fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tiny-moe/model")
}

fn config(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap()
}

fn naming(pre_tokenizer: Option<&str>) -> Naming {
    Naming { name: "Tiny MoE".into(), pre_tokenizer: pre_tokenizer.map(str::to_owned) }
}

pub(crate) fn written(folder: &Path, file_type: FileType, threads: usize) -> Vec<u8> {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let model = GgufModel::plan(folder, &config(folder), &checkpoint, "olmoe", &naming(None)).unwrap();
    let conversion = model.conversion(file_type).unwrap();
    let bytes = conversion.write(Vec::new(), None, threads, &|_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(bytes.len() as u64, conversion.bytes());
    bytes
}

#[test]
fn a_file_holds_every_tensor_and_key_whatever_the_threads() {
    let bytes = written(&tiny(), FileType::F32, 1);
    assert_eq!(bytes, written(&tiny(), FileType::F32, 7));
    let reader = Reader::read(bytes.as_slice(), bytes.len() as u64, Limits::default()).unwrap();
    let key = |key: &str| reader.metadata().get(key).cloned().unwrap_or_else(|| panic!("no `{key}`"));
    assert_eq!(key("general.architecture"), Value::from("olmoe"));
    assert_eq!(key("olmoe.expert_count"), Value::U32(16));
    assert_eq!(key("olmoe.expert_used_count"), Value::U32(2));
    assert_eq!(key("tokenizer.ggml.model"), Value::from("gpt2"));
    assert_eq!(key("tokenizer.ggml.pre"), Value::from("smollm"));
    assert_eq!(key("tokenizer.ggml.eos_token_id"), Value::U32(0));
    assert_eq!(key("tokenizer.ggml.tokens").as_array().unwrap().len(), 512);
    let checkpoint = Checkpoint::open(&tiny()).unwrap();
    let elements = |bytes: u64| bytes / 2;
    assert_eq!(reader.tensors().iter().map(aw_gguf::TensorInfo::elements).sum::<u64>(), elements(checkpoint.tensor_bytes()));
    // The fifth expert's up projection, element by element.
    let stacked = reader.tensor("blk.1.ffn_up_exps.weight").unwrap();
    assert_eq!((stacked.dims.as_slice(), stacked.tensor_type), (&[96, 40, 16][..], TensorType::F32));
    let source = checkpoint.get("model.layers.1.mlp.experts.5.up_proj.weight").unwrap();
    let expected = llm_forge::checkpoint::widen(source.dtype, &checkpoint.read(source).unwrap()).unwrap();
    let start = usize::try_from(reader.range(stacked).start).unwrap() + 5 * 96 * 40 * 4;
    let found: Vec<f32> =
        bytes[start..start + 96 * 40 * 4].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    let folder = tiny();
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let refused = |architecture: &str, change: &dyn Fn(&mut serde_json::Value), pre: Option<&str>| -> GgufError {
        let mut config = config(&folder);
        change(&mut config);
        GgufModel::plan(&folder, &config, &checkpoint, architecture, &naming(pre)).err().unwrap()
    };
    let says = |error: GgufError, parts: &[&str]| {
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    says(refused("qwen9", &|_| {}, None), &["`qwen9`", "olmoe"]);
    says(refused("olmoe", &|config| config["norm_topk_prob"] = true.into(), None), &["norm_topk_prob", "not renormalised"]);
    says(refused("olmoe", &|config| config["clip_qkv"] = 8.0.into(), None), &["clip_qkv"]);
    says(refused("olmoe", &|config| config["num_experts"] = 17.into(), None), &["17 experts", "16 of them"]);
    says(refused("olmoe", &|config| config["num_hidden_layers"] = 3.into(), None), &["model.layers.3.", "no place"]);
    says(refused("olmoe", &|config| config["vocab_size"] = 100.into(), None), &["ids below 100"]);
    says(refused("olmoe", &|_| {}, Some("nonsense")), &["`nonsense`", "smollm"]);
    says(refused("mixtral", &|_| {}, None), &["no place", "`llama`"]);
}

fn llama_cpp() -> Option<LlamaCpp> {
    let tools = Tools { llama_cpp: Some(aw_testkit::llama_cpp()?), ..Tools::default() };
    Some(LlamaCpp::find(&tools).unwrap())
}

#[test]
fn absent_programs_say_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let error = LlamaCpp::find(&Tools { llama_cpp: Some(folder.path().into()), ..Tools::default() }).unwrap_err().to_string();
    assert!(
        error.contains("llama-server") && error.contains("install llama.cpp") && error.contains("ALLOYWORKS_LLAMA_CPP"),
        "{error}"
    );
    assert!(matches!(LlamaCpp::find(&Tools::default()), Err(LlamaCppError::NotFound { folder: None, .. })));
}

pub(crate) const TEXT: &str =
    "def total(values):\n    result = 0\n    for value in values:\n        result += value * 12\n    return result\n";

/// The whole way: our file, their program, the same tokens and the same probabilities as our own forward pass.
#[test]
fn llama_cpp_agrees_with_our_forward_pass() {
    let Some(llama_cpp) = llama_cpp() else { return };
    assert!(!llama_cpp.version().unwrap().version.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.gguf");
    fs::write(&file, written(&tiny(), FileType::F32, 2)).unwrap();
    let server = llama_cpp.server(&file, &ServerSettings::new(512, 2), &|| false).unwrap();
    let model = Model::open(&tiny(), None).unwrap();
    let tokens = Tokenizer::open(&model).unwrap().encode(TEXT).unwrap();
    assert_eq!(server.tokenize(TEXT, true).unwrap(), tokens);
    let stream = (1, [Ok::<_, PerplexityError>(tokens.clone())]);
    let expected = sequence_losses(&model, None, stream, Options::with_threads(1), &progress::ignore).unwrap();
    let found: f64 = server.log_likelihood(&tokens[..1], &tokens[1..]).unwrap().iter().map(|token| -token.log_probability).sum();
    let difference = (found - expected[0].nll).abs() / expected[0].nll;
    println!("negative log-likelihood: ours {}, llama.cpp's {found}, relative difference {difference:e}", expected[0].nll);
    assert!(difference < 2e-3, "ours {}, llama.cpp's {found}", expected[0].nll);
    let completion = server.complete(TEXT, 8, &[]).unwrap();
    assert_eq!(completion.prompt_tokens, tokens.len());
    match completion.stop {
        StopReason::Limit => assert_eq!(completion.tokens.len(), 8),
        StopReason::Eos => assert_eq!(completion.tokens.last(), Some(&0)),
        StopReason::Word => panic!("no stop sequence was given: {completion:?}"),
    }
    assert_eq!(server.complete_tokens(&tokens, 8, &[]).unwrap(), completion, "greedy answers repeat");
    // What is likeliest is what greedy decoding takes.
    let greedy = server.log_likelihood(&tokens, &completion.tokens).unwrap();
    assert!(greedy.iter().all(|token| token.likeliest));
    assert!(matches!(server.log_likelihood(&[], &tokens), Err(LlamaCppError::Asked { .. })));
}

/// Forced in runs or one by one, tokens are as likely: what a grammar cannot say, such as a part of a character or the end of a text, is
/// forced by itself in between.
#[test]
fn likelihoods_do_not_depend_on_how_tokens_are_forced() {
    let Some(llama_cpp) = llama_cpp() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.gguf");
    let model = Model::open(&tiny(), None).unwrap();
    let tokenizer = Tokenizer::open(&model).unwrap();
    let texts = [TEXT.to_owned(), TEXT.repeat(8), "naïve café: 12 × 3 m², <b> [x] ☃\n".repeat(3)];
    for tier in [FileType::F32, FileType::Q4KM] {
        fs::write(&file, written(&tiny(), tier, 2)).unwrap();
        let server = llama_cpp.server(&file, &ServerSettings::new(800, 1), &|| false).unwrap();
        for text in &texts {
            let mut tokens = tokenizer.encode(text).unwrap();
            // The end of a text in the middle of one.
            tokens.insert(tokens.len() / 2, 0);
            let by_run = server.log_likelihood(&tokens[..1], &tokens[1..]).unwrap();
            let by_token = server.log_likelihood_by_token(&tokens[..1], &tokens[1..]).unwrap();
            assert_eq!(by_run.len(), tokens.len() - 1);
            for (at, (run, token)) in by_run.iter().zip(&by_token).enumerate() {
                assert!((run.log_probability - token.log_probability).abs() < 1e-6, "{at}: {run:?} {token:?}");
            }
            let stream = (1, [Ok::<_, PerplexityError>(tokens.clone())]);
            let ours = sequence_losses(&model, None, stream, Options::with_threads(1), &progress::ignore).unwrap()[0].nll;
            let theirs: f64 = by_run.iter().map(|token| -token.log_probability).sum();
            let apart = (theirs - ours).abs() / ours;
            println!("{} tokens, {}: ours {ours}, llama.cpp's {theirs}", tokens.len(), tier.name());
            assert!(apart < if tier == FileType::F32 { 2e-3 } else { 0.05 }, "ours {ours}, llama.cpp's {theirs}");
        }
    }
}

#[test]
fn perplexity_and_divergence_come_from_their_own_program() {
    let Some(llama_cpp) = llama_cpp() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("exact.gguf"), written(&tiny(), FileType::F32, 2)).unwrap();
    fs::write(at("rounded.gguf"), written(&tiny(), FileType::Q8_0, 2)).unwrap();
    fs::write(at("text"), TEXT.repeat(12)).unwrap();
    let settings =
        TextSettings { context: 64, chunks: None, threads: 2, gpu_layers: 0, limit: std::time::Duration::from_secs(120) };
    let exact = llama_cpp.perplexity(&at("exact.gguf"), &at("text"), &settings, &|| false).unwrap();
    assert!(exact.value > 1.0 && exact.standard_error > 0.0, "{exact:?}");
    llama_cpp.write_logits(&at("exact.gguf"), &at("text"), &at("logits"), &settings, &|| false).unwrap();
    let same = llama_cpp.kl_divergence(&at("exact.gguf"), &at("logits"), &settings, &|| false).unwrap();
    let rounded = llama_cpp.kl_divergence(&at("rounded.gguf"), &at("logits"), &settings, &|| false).unwrap();
    println!("perplexity {exact:?}; divergence from itself {:?}, of Q8_0 {:?}", same.mean, rounded.mean);
    // Logits are kept in 16 bits, so that even the file itself is a little away.
    assert!(same.mean.value.abs() < 1e-3 && same.mean.value < rounded.mean.value, "{same:?} {rounded:?}");
    assert!(rounded.mean.value < 0.05 && rounded.same_top_percent.value > 90.0, "{rounded:?}");
}

#[test]
fn what_does_not_load_says_why_and_cancelling_ends_a_request() {
    let Some(llama_cpp) = llama_cpp() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.gguf");
    fs::write(&file, &written(&tiny(), FileType::F32, 2)[..100_000]).unwrap();
    let error = llama_cpp.server(&file, &ServerSettings::new(512, 1), &|| false).err().unwrap().to_string();
    assert!(error.contains("`llama-server` ended with") && error.contains("load"), "{error}");
    fs::write(&file, written(&tiny(), FileType::F32, 2)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let cancelled = || stop.load(std::sync::atomic::Ordering::Relaxed);
    let server = llama_cpp.server(&file, &ServerSettings::new(512, 1), &cancelled).unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let answer = server.complete(TEXT, 400, &[]);
    assert!(matches!(answer, Err(LlamaCppError::Cancelled)), "{answer:?}");
}

/// Runs `quant` on the tiny model as a recipe would.
pub(crate) fn quantised(tools: Tools, out: &Path, config: &serde_json::Value) -> Result<Output, Failure> {
    quantised_from(&tiny(), tools, out, config)
}

/// Runs `quant` on a model's folder.
fn quantised_from(model: &Path, tools: Tools, out: &Path, config: &serde_json::Value) -> Result<Output, Failure> {
    let forge = LlmForge::new(tools);
    let stage = forge.stage_types().into_iter().find(|stage| stage.name == "quant").unwrap();
    let Executor::Here(stage) = stage.executor else { panic!("`quant` runs here") };
    let scratch = tempfile::tempdir().unwrap();
    let inputs = Inputs {
        folders: [("model".to_owned(), model.to_owned())].into(),
        source_label: "tiny-moe/model 1.0.0".into(),
        ..Inputs::default()
    };
    let clock = || "2026-01-01T00:00:00Z".to_owned();
    let mut context = Context::new(out.into(), scratch.path().into(), 2, None, &|| false, &|_| {}, &clock);
    stage.run(config, &inputs, &mut context)
}

#[test]
fn the_stage_writes_tiers_that_llama_cpp_runs() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let tools = || Tools { llama_cpp: Some(programs.clone()), ..Tools::default() };
    let config = json!({"format": "gguf", "quantTypes": ["F16", "Q8_0", "Q4_K_M"], "modelName": "Tiny MoE"});
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = quantised(tools(), first.path(), &config).unwrap();
    let names: Vec<&str> = output.writes.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, ["gguf/Tiny-MoE-16x300K-F16.gguf", "gguf/Tiny-MoE-16x300K-Q8_0.gguf", "gguf/Tiny-MoE-16x300K-Q4_K_M.gguf"]);
    for (entry, tier) in output.writes.iter().zip(["F16", "Q8_0", "Q4_K_M"]) {
        let bytes = fs::read(first.path().join(&entry.path)).unwrap();
        let record = &output.measurements["tiers"][tier];
        assert_eq!(record["bytes"], json!(bytes.len()), "{record}");
        assert_eq!(record["sha256"], json!(entry.digest), "{record}");
        let smoke = &record["smoke"];
        assert_eq!((&smoke["runtime"], &smoke["template"]), (&json!("llama.cpp"), &json!("none")), "{record}");
        assert!(smoke["probeTokens"].as_u64().is_some_and(|tokens| tokens > 10), "{record}");
        Reader::read(bytes.as_slice(), bytes.len() as u64, Limits::default()).unwrap();
    }
    assert!(output.observations["llamaCpp"]["version"].is_string(), "{}", output.observations);
    let again = quantised(tools(), second.path(), &config).unwrap();
    assert_eq!((output.writes, output.measurements), (again.writes, again.measurements));
    // A name for the splitting that is llama.cpp's and not this tokenizer's gives other tokens, and that does not count as a tier.
    let wrong = json!({"format": "gguf", "quantTypes": ["F16"], "preTokenizer": "llama-bpe"});
    let failure = quantised(tools(), tempfile::tempdir().unwrap().path(), &wrong).unwrap_err();
    assert!(failure.code == "tier-unusable" && failure.message.contains("other tokens"), "{failure:?}");
}

/// The tiny model with a chat template.
fn templated(folder: &Path, template: &str) {
    for entry in fs::read_dir(tiny()).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&entry, folder.join(entry.file_name().unwrap())).unwrap();
    }
    let settings = folder.join("tokenizer_config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&settings).unwrap()).unwrap();
    config["chat_template"] = template.into();
    fs::write(&settings, config.to_string()).unwrap();
}

#[test]
fn a_tier_with_a_chat_template_must_answer_through_it() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let config = json!({"format": "gguf", "quantTypes": ["Q8_0"]});
    let made = |template: &str| {
        let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        templated(folder.path(), template);
        let tools = Tools { llama_cpp: Some(programs.clone()), ..Tools::default() };
        quantised_from(folder.path(), tools, out.path(), &config)
    };
    let turns = "{% for message in messages %}# {{ message['role'] }}\n{{ message['content'] | trim }}\n{% endfor %}\
                 {% if add_generation_prompt %}# assistant\n{% endif %}";
    let smoke = &made(turns).unwrap().measurements["tiers"]["Q8_0"]["smoke"];
    assert_eq!(smoke["template"], json!("answered"), "{smoke}");
    for (template, said) in [
        ("{% for message in messages %}hello{% endfor %}", "does not hold the user's message"),
        ("{{ raise_exception('only Mallory may speak') }}", "only Mallory may speak"),
        ("{% for message in messages %}", "template"),
    ] {
        let failure = made(template).unwrap_err();
        assert!(failure.code == "tier-unusable" && failure.message.contains(said), "{template}: {failure:?}");
    }
}

#[test]
fn the_stage_needs_llama_cpp() {
    let config = json!({"format": "gguf", "quantTypes": ["F16"]});
    let nowhere = tempfile::tempdir().unwrap();
    let tools = Tools { llama_cpp: Some(nowhere.path().into()), ..Tools::default() };
    let failure = quantised(tools, tempfile::tempdir().unwrap().path(), &config).unwrap_err();
    assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("install llama.cpp")), "{failure:?}");
}
