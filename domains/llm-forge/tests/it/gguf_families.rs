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

/// Goldens that ask for what llama.cpp does not compute, and the field that says so.
const REFUSED: [(&str, &str); 9] = [
    ("deepseek_v2-bf16", "topk_method"),
    ("deepseek_v2-f32", "q_lora_rank"),
    ("deepseek_v3-bf16", "rope_interleave"),
    ("mixtral-bf16", "sliding_window"),
    ("mixtral-f32-window", "sliding_window"),
    ("olmoe-f32-clip", "num_key_value_heads"),
    ("phimoe-bf16", "attention_bias"),
    ("qwen3_moe-f32-dense", "mlp_only_layers"),
    ("qwen3_moe-f32-step", "norm_topk_prob"),
];

/// How far a loss may be from the reference's, relative: the cache of keys and values is held in 16 bits.
const TOLERANCE: f64 = 2e-3;

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
    letters(folder, config["vocab_size"].as_u64().unwrap());
    let checkpoint = Checkpoint::open(source).unwrap();
    let naming = Naming { name: "made".into(), pre_tokenizer: Some("gpt-2".into()) };
    let model = GgufModel::plan(folder, &config, &checkpoint, architecture_of(&config), &naming)?;
    model.conversion(file_type)?.write(Vec::new(), None, 2, &|_, _| ControlFlow::Continue(()))
}

#[test]
fn llama_cpp_computes_the_losses_of_the_reference() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let llama_cpp = LlamaCpp::find(&Tools { llama_cpp: Some(programs), ..Tools::default() }).unwrap();
    let mut refused = Vec::new();
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
            let told = server.log_likelihood(&tokens[..1], &tokens[1..]).unwrap();
            let found: f64 = told.iter().map(|token| -token.log_probability).sum();
            let away = (found - expected).abs() / expected;
            println!("{}: {found:.4}, expected {expected:.4}, relative difference {away:.1e}", case.name);
            assert!(away < TOLERANCE, "{}: {found}, expected {expected}", case.name);
        }
    }
    let fields: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(fields, REFUSED.map(|(name, _)| name), "{refused:?}");
    for ((name, error), (_, field)) in refused.iter().zip(REFUSED) {
        assert!(error.contains(field), "{name}: {error}");
    }
}

/// A gpt-oss checkpoint whose experts are as published: four-bit blocks and their exponents.
fn four_bit(folder: &Path) {
    let (experts, hidden, inner) = (4_u64, 32_u64, 32_u64);
    let config = json!({
        "model_type": "gpt_oss", "vocab_size": 48, "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "num_local_experts": experts, "num_experts_per_tok": 2,
        "max_position_embeddings": 64, "sliding_window": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "quantization_config": {"quant_method": "mxfp4"},
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut seed = 1_u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let mut made = |name: &str, dtype: &'static str, shape: &[u64]| {
        let count = shape.iter().product::<u64>();
        let bytes: Vec<u8> = match dtype {
            // Between a sixteenth and an eighth, of either sign.
            "BF16" => (0..count)
                .flat_map(|_| (0x3d80_u16 | u16::from(random() & 0x7f) | u16::from(random() & 1) << 15).to_le_bytes())
                .collect(),
            _ if name.ends_with("_scales") => (0..count).map(|_| 121 + random() % 3).collect(),
            _ => (0..count).map(|_| random()).collect(),
        };
        Made { name: name.to_owned(), dtype, shape: shape.to_vec(), bytes }
    };
    let mut tensors = vec![
        made("model.embed_tokens.weight", "BF16", &[48, hidden]),
        made("model.norm.weight", "BF16", &[hidden]),
        made("lm_head.weight", "BF16", &[48, hidden]),
    ];
    let of_layer = |name: &str| format!("model.layers.0.{name}");
    for (name, shape) in [
        ("input_layernorm.weight", vec![hidden]),
        ("post_attention_layernorm.weight", vec![hidden]),
        ("self_attn.q_proj.weight", vec![32, hidden]),
        ("self_attn.k_proj.weight", vec![16, hidden]),
        ("self_attn.v_proj.weight", vec![16, hidden]),
        ("self_attn.o_proj.weight", vec![hidden, 32]),
        ("self_attn.q_proj.bias", vec![32]),
        ("self_attn.k_proj.bias", vec![16]),
        ("self_attn.v_proj.bias", vec![16]),
        ("self_attn.o_proj.bias", vec![hidden]),
        ("self_attn.sinks", vec![2]),
        ("mlp.router.weight", vec![experts, hidden]),
        ("mlp.router.bias", vec![experts]),
        ("mlp.experts.gate_up_proj_bias", vec![experts, 2 * inner]),
        ("mlp.experts.down_proj_bias", vec![experts, hidden]),
    ] {
        tensors.push(made(&of_layer(name), "BF16", &shape));
    }
    for (name, shape) in [("gate_up_proj", [experts, 2 * inner, 1, 16]), ("down_proj", [experts, hidden, 1, 16])] {
        tensors.push(made(&of_layer(&format!("mlp.experts.{name}_blocks")), "U8", &shape));
        tensors.push(made(&of_layer(&format!("mlp.experts.{name}_scales")), "U8", &shape[..3]));
    }
    fs::write(folder.join("model.safetensors"), safetensors(&tensors)).unwrap();
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
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let llama_cpp = LlamaCpp::find(&Tools { llama_cpp: Some(programs), ..Tools::default() }).unwrap();
    let file = folder.path().join("made.gguf");
    fs::write(&file, written(folder.path(), folder.path(), FileType::Q8_0).unwrap()).unwrap();
    let server = llama_cpp.server(&file, &ServerSettings::new(64, 2), &|| false).unwrap();
    let told = server.log_likelihood(&[1, 2, 3], &[4, 5, 6]).unwrap();
    assert!(told.iter().all(|token| token.log_probability.is_finite()), "{told:?}");
}
