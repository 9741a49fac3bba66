//! GGUF files of every family: that llama.cpp computes of them what transformers computes of the checkpoint, and what is refused.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use aw_gguf::mix::FileType;
use aw_gguf::{Limits, Reader, TensorType};
use llm_forge::checkpoint::Checkpoint;
use llm_forge::gguf::{GgufError, GgufModel, Naming, architecture_of};
use llm_forge::llama_cpp::{LlamaCpp, ServerSettings};
use llm_forge::tools::Tools;
use serde_json::json;

use crate::golden;
use crate::synthetic::{Made, safetensors};

/// Goldens that ask for what llama.cpp does not compute, and the field or tensor that says so.
const REFUSED: [(&str, &str); 15] = [
    ("deepseek_v2-bf16", "kv_a_proj_with_mqa.bias"),
    ("deepseek_v2-f32", "q_lora_rank"),
    ("deepseek_v3-bf16", "rope_interleave"),
    ("deepseek_v3-f32", "rope_parameters.mscale"),
    ("ernie4_5_moe-bf16", "moe_norm_min"),
    ("granitemoe-f32", "proj.bias"),
    ("mixtral-bf16", "sliding_window"),
    ("mixtral-f32-window", "sliding_window"),
    ("olmoe-f32-clip", "proj.bias"),
    ("phimoe-bf16", "attention_bias"),
    ("qwen2_moe-bf16", "norm_topk_prob"),
    ("qwen2_moe-f32", "mlp.down_proj"),
    ("qwen3_moe-bf16", "proj.bias"),
    ("qwen3_moe-f32-dense", "mlp.down_proj"),
    ("qwen3_moe-f32-step", "mlp.down_proj"),
];

/// The golden of which llama.cpp is known to compute something else; its plan says so.
const DIFFERS: &str = "phimoe-f32";

/// How far a loss may be from the reference's, relative: the cache of keys and values is held in 16 bits.
const TOLERANCE: f64 = 1e-3;

fn config(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap()
}

/// A tokenizer of as many single letters as the model has tokens.
fn letters(folder: &Path, size: u64) {
    let letters = ('!'..='~').filter(|c| c.is_ascii_graphic()).take(usize::try_from(size).unwrap());
    let vocab: serde_json::Map<_, _> = letters.enumerate().map(|(id, letter)| (letter.to_string(), id.into())).collect();
    let file = json!({"model": {"type": "BPE", "vocab": vocab, "merges": []}, "added_tokens": [], "pre_tokenizer": null});
    fs::write(folder.join("tokenizer.json"), file.to_string()).unwrap();
}

/// Writes the checkpoint in `source` as GGUF into `folder`, with a tokenizer made for it.
fn written(source: &Path, folder: &Path, file_type: FileType) -> Result<Vec<u8>, GgufError> {
    let config = config(source);
    let text = config.get("text_config").unwrap_or(&config);
    letters(folder, text["vocab_size"].as_u64().unwrap());
    let checkpoint = Checkpoint::open(source).unwrap();
    let naming = Naming { name: "made".into(), pre_tokenizer: Some("gpt-2".into()) };
    let model = GgufModel::plan(folder, &config, &checkpoint, architecture_of(&config), &naming)?;
    model.conversion(file_type)?.write(Vec::new(), None, 2, &|_, _| ControlFlow::Continue(()))
}

#[test]
fn llama_cpp_computes_the_losses_of_the_reference() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let llama_cpp = LlamaCpp::find(&Tools { llama_cpp: Some(programs), ..Tools::default() }).unwrap();
    let (mut refused, mut far) = (Vec::new(), Vec::new());
    for case in golden::cases() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = match written(&golden::folder().join(&case.name), folder.path(), FileType::F32) {
            Ok(bytes) => bytes,
            Err(error) => {
                refused.push((case.name, error.to_string()));
                continue;
            }
        };
        let file = folder.path().join("made.gguf");
        fs::write(&file, bytes).unwrap();
        let server = llama_cpp.server(&file, &ServerSettings::new(64, 2), &|| false).unwrap();
        for (tokens, expected) in case.expected.sequences.iter().zip(&case.expected.f32.nll) {
            let told = server.log_likelihood_by_token(&tokens[..1], &tokens[1..]).unwrap();
            let found: f64 = told.iter().map(|token| -token.log_probability).sum();
            let away = (found - expected).abs() / expected;
            println!("{}: {found:.4}, expected {expected:.4}, relative difference {away:.1e}", case.name);
            if away >= TOLERANCE {
                far.push((case.name.clone(), found, *expected));
            }
        }
    }
    assert!(!far.is_empty() && far.iter().all(|(name, ..)| name == DIFFERS), "{far:?}");
    let fields: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(fields, REFUSED.map(|(name, _)| name), "{refused:?}");
    for ((name, error), (_, field)) in refused.iter().zip(REFUSED) {
        assert!(error.contains(field), "{name}: {error}");
    }
}

/// Tensors of random elements.
#[derive(Default)]
struct Random {
    state: u32,
    tensors: Vec<Made>,
}

impl Random {
    fn byte(&mut self) -> u8 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.state >> 24) as u8
    }

    /// Between a sixteenth and an eighth, of either sign.
    fn bf16(&mut self, name: &str, shape: &[u64]) {
        let count = shape.iter().product::<u64>();
        let mut one = || 0x3d80_u16 | u16::from(self.byte() & 0x7f) | u16::from(self.byte() & 1) << 15;
        let bytes = (0..count).flat_map(|_| one().to_le_bytes()).collect();
        self.tensors.push(Made { name: name.to_owned(), dtype: "BF16", shape: shape.to_vec(), bytes });
    }

    /// Bytes of which only the lowest `span` values above `low` occur.
    fn bytes(&mut self, name: &str, shape: &[u64], low: u8, span: u8) {
        let count = shape.iter().product::<u64>();
        let bytes = (0..count).map(|_| low + self.byte() % span).collect();
        self.tensors.push(Made { name: name.to_owned(), dtype: "U8", shape: shape.to_vec(), bytes });
    }

    fn write(&self, folder: &Path, config: &serde_json::Value) {
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        fs::write(folder.join("model.safetensors"), safetensors(&self.tensors)).unwrap();
    }
}

/// A gpt-oss checkpoint whose experts are as published: four-bit blocks and their exponents.
fn four_bit(folder: &Path) {
    let (experts, hidden, inner) = (4, 32, 32);
    let config = json!({
        "model_type": "gpt_oss", "vocab_size": 48, "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "num_local_experts": experts, "num_experts_per_tok": 2,
        "max_position_embeddings": 64, "sliding_window": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "quantization_config": {"quant_method": "mxfp4"},
    });
    let mut made = Random::default();
    for (name, shape) in [
        ("embed_tokens.weight", vec![48, hidden]),
        ("norm.weight", vec![hidden]),
        ("layers.0.input_layernorm.weight", vec![hidden]),
        ("layers.0.post_attention_layernorm.weight", vec![hidden]),
        ("layers.0.self_attn.q_proj.weight", vec![32, hidden]),
        ("layers.0.self_attn.k_proj.weight", vec![16, hidden]),
        ("layers.0.self_attn.v_proj.weight", vec![16, hidden]),
        ("layers.0.self_attn.o_proj.weight", vec![hidden, 32]),
        ("layers.0.self_attn.q_proj.bias", vec![32]),
        ("layers.0.self_attn.k_proj.bias", vec![16]),
        ("layers.0.self_attn.v_proj.bias", vec![16]),
        ("layers.0.self_attn.o_proj.bias", vec![hidden]),
        ("layers.0.self_attn.sinks", vec![2]),
        ("layers.0.mlp.router.weight", vec![experts, hidden]),
        ("layers.0.mlp.router.bias", vec![experts]),
        ("layers.0.mlp.experts.gate_up_proj_bias", vec![experts, 2 * inner]),
        ("layers.0.mlp.experts.down_proj_bias", vec![experts, hidden]),
    ] {
        made.bf16(&format!("model.{name}"), &shape);
    }
    made.bf16("lm_head.weight", &[48, hidden]);
    for (name, shape) in [("gate_up_proj", [experts, 2 * inner, 1, 16]), ("down_proj", [experts, hidden, 1, 16])] {
        made.bytes(&format!("model.layers.0.mlp.experts.{name}_blocks"), &shape, 0, u8::MAX);
        made.bytes(&format!("model.layers.0.mlp.experts.{name}_scales"), &shape[..3], 121, 3);
    }
    made.write(folder, &config);
}

/// A Llama 4 within a model that sees, and its config.
fn llama4(folder: &Path) -> serde_json::Value {
    let (experts, hidden, inner, dense) = (4, 32, 32, 48);
    let text = json!({
        "model_type": "llama4_text", "vocab_size": 48, "hidden_size": hidden, "intermediate_size": inner,
        "intermediate_size_mlp": dense, "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
        "num_local_experts": experts, "num_experts_per_tok": 1, "interleave_moe_layer_step": 2, "moe_layers": [1, 3],
        "no_rope_layers": [1, 1, 1, 0], "attention_chunk_size": 8192, "use_qk_norm": true, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0,
                            "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
    });
    let config = json!({"model_type": "llama4", "text_config": text});
    let mut made = Random::default();
    for (name, shape) in [("model.embed_tokens", vec![48, hidden]), ("model.norm", vec![hidden]), ("lm_head", vec![48, hidden])] {
        made.bf16(&format!("language_model.{name}.weight"), &shape);
    }
    for layer in 0..4 {
        let mut put = |name: &str, shape: &[u64]| made.bf16(&format!("language_model.model.layers.{layer}.{name}"), shape);
        put("input_layernorm.weight", &[hidden]);
        put("post_attention_layernorm.weight", &[hidden]);
        put("self_attn.q_proj.weight", &[32, hidden]);
        put("self_attn.k_proj.weight", &[16, hidden]);
        put("self_attn.v_proj.weight", &[16, hidden]);
        put("self_attn.o_proj.weight", &[hidden, 32]);
        let (block, width) = if layer % 2 == 1 { ("feed_forward.shared_expert", inner) } else { ("feed_forward", dense) };
        put(&format!("{block}.gate_proj.weight"), &[width, hidden]);
        put(&format!("{block}.up_proj.weight"), &[width, hidden]);
        put(&format!("{block}.down_proj.weight"), &[hidden, width]);
        if layer % 2 == 1 {
            put("feed_forward.router.weight", &[experts, hidden]);
            put("feed_forward.experts.gate_up_proj", &[experts, hidden, 2 * inner]);
            put("feed_forward.experts.down_proj", &[experts, inner, hidden]);
        }
    }
    made.bf16("vision_model.patch_embedding.linear.weight", &[4, 4]);
    made.bf16("multi_modal_projector.linear_1.weight", &[4, 4]);
    made.write(folder, &config);
    config
}

fn runs(folder: &Path, bytes: &[u8]) {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let llama_cpp = LlamaCpp::find(&Tools { llama_cpp: Some(programs), ..Tools::default() }).unwrap();
    let file = folder.join("made.gguf");
    fs::write(&file, bytes).unwrap();
    let server = llama_cpp.server(&file, &ServerSettings::new(64, 2), &|| false).unwrap();
    let told = server.log_likelihood_by_token(&[1, 2, 3], &[4, 5, 6]).unwrap();
    assert!(told.iter().all(|token| token.log_probability.is_finite()), "{told:?}");
}

#[test]
fn a_text_model_is_taken_out_of_one_that_sees() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = llama4(folder);
    let bytes = written(folder, folder, FileType::Q8_0).unwrap();
    let reader = Reader::read(bytes.as_slice(), bytes.len() as u64, Limits::default()).unwrap();
    assert!(reader.tensors().iter().all(|tensor| !tensor.name.contains("vision") && !tensor.name.contains("projector")));
    let experts = reader.tensor("blk.1.ffn_up_exps.weight").unwrap();
    assert_eq!(experts.dims, [32, 32, 4]);
    assert_eq!(reader.tensor("rope_freqs.weight").unwrap().dims, [8]);
    runs(folder, &bytes);
    let checkpoint = Checkpoint::open(folder).unwrap();
    let plan = |config: &serde_json::Value| {
        let naming = Naming { name: "made".into(), pre_tokenizer: Some("gpt-2".into()) };
        GgufModel::plan(folder, config, &checkpoint, architecture_of(config), &naming)
    };
    let notes = plan(&config).unwrap().notes().join("\n");
    assert!(notes.contains("2 tensors of other parts"), "{notes}");
    // What llama.cpp computes with numbers of its own.
    for (field, value) in [
        ("moe_layers", json!([0, 2])),
        ("no_rope_layers", json!([1, 1, 1, 1])),
        ("attention_chunk_size", json!(4096)),
        ("floor_scale", json!(1024)),
        ("attn_scale", json!(0.2)),
        ("use_qk_norm", json!(false)),
        ("layer_types", json!(["full_attention", "full_attention", "full_attention", "full_attention"])),
    ] {
        let mut config = config.clone();
        config["text_config"][field] = value;
        let error = plan(&config).err().unwrap().to_string();
        assert!(error.contains(&format!("`{field}`")) && error.contains("llama.cpp's `llama4` computes"), "{error}");
    }
    let mut odd = config.clone();
    odd["text_config"]["rope_parameters"]["high_freq_factor"] = json!(-4.0);
    let error = plan(&odd).err().unwrap().to_string();
    assert!(error.contains("rope_parameters.high_freq_factor") && error.contains("above 0"), "{error}");
    odd["text_config"]["rope_parameters"] = json!({"rope_type": "longrope"});
    let error = plan(&odd).err().unwrap().to_string();
    assert!(error.contains("`llama3`") && error.contains("`longrope`"), "{error}");
}

#[test]
fn four_bit_experts_stay_as_they_are_in_every_tier() {
    let folder = tempfile::tempdir().unwrap();
    four_bit(folder.path());
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let blocks = checkpoint.read(checkpoint.get("model.layers.0.mlp.experts.gate_up_proj_blocks").unwrap()).unwrap();
    let scales = checkpoint.read(checkpoint.get("model.layers.0.mlp.experts.gate_up_proj_scales").unwrap()).unwrap();
    for file_type in [FileType::F32, FileType::Q4KM] {
        let bytes = written(folder.path(), folder.path(), file_type).unwrap();
        let reader = Reader::read(bytes.as_slice(), bytes.len() as u64, Limits::default()).unwrap();
        let up = reader.tensor("blk.0.ffn_up_exps.weight").unwrap();
        assert_eq!((up.dims.as_slice(), up.tensor_type), (&[32, 32, 4][..], TensorType::MXFP4));
        let start = usize::try_from(reader.range(up).start).unwrap();
        for (row, packed) in bytes[start..start + 4 * 32 * 17].chunks_exact(17).enumerate() {
            // Rows of gate and up take turns.
            let row = 2 * row + 1;
            assert_eq!(packed[0], scales[row]);
            let block = &blocks[16 * row..16 * row + 16];
            for element in 0..32 {
                let stored = block[element / 2] >> (4 * (element % 2)) & 15;
                assert_eq!(packed[1 + element % 16] >> (4 * (element / 16)) & 15, stored, "row {row}, element {element}");
            }
        }
    }
    runs(folder.path(), &written(folder.path(), folder.path(), FileType::Q8_0).unwrap());
}
