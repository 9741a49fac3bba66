//! Families: what configs mean, what is refused, and models whose tensors do not fit.

use std::fs;

use llm_forge::families::{Geometry, Model, QkNorm, Role, families, family};
use serde_json::{Value, json};

use crate::synthetic::{Made, config, tensors, write_model, write_weights};

fn geometry(config: &Value) -> Geometry {
    family(config["model_type"].as_str().unwrap()).unwrap().forward().unwrap().geometry(config).unwrap()
}

fn refusal(config: &Value) -> String {
    family(config["model_type"].as_str().unwrap()).unwrap().forward().unwrap().geometry(config).unwrap_err().to_string()
}

const NAMES: &str = "`deepseek_v2`, `deepseek_v3`, `ernie4_5_moe`, `glm4_moe`, `gpt_oss`, `granitemoe`, `llama4_text`, `mixtral`, \
                     `olmoe`, `phimoe`, `qwen2_moe`, `qwen3_moe`, `qwen3_next`";

#[test]
fn lookup_is_exact_and_lists_what_is_registered() {
    assert_eq!(family("olmoe").unwrap().class(), "OlmoeForCausalLM");
    for near in ["OLMoE", "olmoe ", "qwen3", "qwen3_moe_next", ""] {
        let expected = format!("unknown architecture `{near}`; registered: {NAMES}");
        assert_eq!(family(near).unwrap_err().to_string(), expected);
    }
    let mut names: Vec<_> = families().iter().map(|family| family.architecture()).collect();
    names.dedup();
    assert_eq!(names.len(), families().len(), "two families answer to one name");
}

/// The table people read says of every family what the registry says.
#[test]
fn the_documented_table_is_the_registry() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/llm-forge.md");
    let text = fs::read_to_string(path).unwrap();
    let expected = families().iter().map(|family| {
        let runs = if family.forward().is_some() { "yes" } else { "no" };
        let (name, class, layout) = (family.architecture(), family.class(), family.layout().id);
        format!("| `{name}` | `{class}` | `{layout}` | `{}` | yes | {runs} |", family.expert_count_keys()[0])
    });
    let expected: Vec<String> = expected.collect();
    let documented: Vec<&str> = text.lines().filter(|line| line.starts_with("| `") && line.contains("ForCausalLM")).collect();
    assert_eq!(documented.len(), expected.len(), "{documented:#?}");
    for (row, expected) in documented.iter().zip(&expected) {
        assert!(row.starts_with(expected), "the table in docs/llm-forge.md says\n  {row}\nexpected\n  {expected}");
    }
}

/// The fields of the published config of OLMoE-1B-7B-0924.
#[test]
fn a_published_olmoe_config_is_understood() {
    let config = json!({
        "architectures": ["OlmoeForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "clip_qkv": null,
        "eos_token_id": 50279, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
        "intermediate_size": 1024, "max_position_embeddings": 4096, "model_type": "olmoe", "norm_topk_prob": false,
        "num_attention_heads": 16, "num_experts": 64, "num_experts_per_tok": 8, "num_hidden_layers": 16,
        "num_key_value_heads": 16, "output_router_logits": false, "pad_token_id": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": null, "rope_theta": 10000.0, "router_aux_loss_coef": 0.01, "tie_word_embeddings": false,
        "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 50304
    });
    let geometry = geometry(&config);
    assert_eq!((geometry.layers, geometry.experts, geometry.top_k, geometry.expert_intermediate), (16, 64, 8, 1024));
    assert_eq!((geometry.head_dim, geometry.qk_norm, geometry.norm_topk), (128, QkNorm::FullWidth, false));
    // As published.
    let count = |keep: &dyn Fn(&Role) -> bool| -> u64 {
        geometry.roles().filter(keep).map(|role| geometry.shape(&role).unwrap().iter().product::<u64>()).sum()
    };
    let all = count(&|_| true);
    let experts = count(&|role| matches!(role, Role::Expert { .. }));
    assert_eq!(all, 6_919_161_856);
    assert_eq!((all - experts / 64 * 56) / 100_000_000, 12, "1.28 billion are active, printed as 1.3");
}

/// The fields of the published config of Qwen3-30B-A3B; its index lists 18,867 tensors.
#[test]
fn a_published_qwen3_moe_config_is_understood() {
    let config = json!({
        "architectures": ["Qwen3MoeForCausalLM"], "attention_bias": false, "decoder_sparse_step": 1, "head_dim": 128,
        "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144, "max_position_embeddings": 40960,
        "max_window_layers": 48, "mlp_only_layers": [], "model_type": "qwen3_moe", "moe_intermediate_size": 768,
        "norm_topk_prob": true, "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8,
        "num_hidden_layers": 48, "num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_scaling": null,
        "rope_theta": 1000000.0, "sliding_window": null, "tie_word_embeddings": false, "use_sliding_window": false,
        "vocab_size": 151936
    });
    let geometry = geometry(&config);
    assert_eq!(geometry.roles().count(), 18_867);
    assert_eq!((geometry.head_dim, geometry.qk_norm, geometry.sliding_window), (128, QkNorm::PerHead, None));
    assert_eq!(geometry.dense_intermediate, None);
    let all: u64 = geometry.roles().map(|role| geometry.shape(&role).unwrap().iter().product::<u64>()).sum();
    assert_eq!(all, 30_532_122_624);
}

/// The fields of the published config of Mixtral-8x7B-v0.1: 46.7 billion parameters.
#[test]
fn a_published_mixtral_config_is_understood() {
    let config = json!({
        "architectures": ["MixtralForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
        "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336,
        "max_position_embeddings": 32768, "model_type": "mixtral", "num_attention_heads": 32, "num_experts_per_tok": 2,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "num_local_experts": 8, "output_router_logits": false,
        "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "router_aux_loss_coef": 0.02, "sliding_window": null,
        "tie_word_embeddings": false, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 32000
    });
    let geometry = geometry(&config);
    let all: u64 = geometry.roles().map(|role| geometry.shape(&role).unwrap().iter().product::<u64>()).sum();
    assert_eq!(all, 46_702_792_704);
    assert!(geometry.norm_topk && geometry.sliding_window.is_none());
}

#[test]
fn sparse_layers_follow_the_step_and_the_list() {
    let mut config = config("qwen3_moe", 6, 4, 2);
    config["decoder_sparse_step"] = 2.into();
    config["mlp_only_layers"] = json!([3]);
    let geometry = geometry(&config);
    assert_eq!(geometry.sparse, [false, true, false, false, false, true]);
    assert_eq!(geometry.dense_intermediate, Some(1));
    config["mlp_only_layers"] = json!([6]);
    assert!(refusal(&config).contains("`mlp_only_layers`: expected layer indices below 6, got `6`"));
}

#[test]
fn both_spellings_of_the_rope_base_are_read_and_two_that_disagree_refused() {
    let mut config = config("mixtral", 1, 4, 2);
    assert_eq!(geometry(&config).rope_theta.to_bits(), 10_000f64.to_bits());
    config["rope_parameters"] = json!({"rope_theta": 500_000.0, "rope_type": "default"});
    assert!(refusal(&config).contains("`rope_theta`: expected one value, not both 500000 and 10000"));
    config.as_object_mut().unwrap().remove("rope_theta");
    assert_eq!(geometry(&config).rope_theta.to_bits(), 500_000f64.to_bits());
    config["rope_parameters"] = Value::Null;
    assert_eq!(geometry(&config).rope_theta.to_bits(), 1_000_000f64.to_bits());
}

/// Each feature the forward pass does not have, and how it is refused.
#[test]
fn unsupported_features_are_refused_by_name() {
    for (architecture, field, value, words) in [
        ("olmoe", "hidden_act", json!("gelu"), "`hidden_act`: `\"gelu\"` is not supported; supported: \"silu\""),
        (
            "mixtral",
            "rope_scaling",
            json!({"type": "linear", "factor": 2.0}),
            "`rope_scaling.type`: `\"linear\"` is not supported; supported: \"default\"",
        ),
        (
            "qwen3_moe",
            "rope_scaling",
            json!({"rope_type": "yarn", "factor": 4.0}),
            "`rope_scaling.rope_type`: `\"yarn\"` is not supported",
        ),
        (
            "qwen3_moe",
            "rope_parameters",
            json!({"rope_type": "default", "factor": 4.0}),
            "`rope_parameters.factor`: `4.0` is not supported",
        ),
        ("qwen3_moe", "partial_rotary_factor", json!(0.5), "`partial_rotary_factor`: `0.5` is not supported"),
        (
            "qwen3_moe",
            "quantization_config",
            json!({"quant_method": "fp8"}),
            "`quantization_config`: `\"fp8\"` is not supported; supported: weights in F32, F16 or BF16",
        ),
        ("olmoe", "sliding_window", json!(128), "`sliding_window`: `128` is not supported"),
        ("olmoe", "head_dim", json!(4), "`head_dim`: expected hidden_size / num_attention_heads = 2 / 1, got `4`"),
        ("mixtral", "head_dim", json!(3), "`head_dim`: expected an even number: the rotary embedding turns pairs, got `3`"),
    ] {
        let mut config = config(architecture, 1, 4, 2);
        config[field] = value;
        let got = refusal(&config);
        assert!(got.contains(words), "{architecture} {field}\n  expected: {words}\n  got: {got}");
    }
}

/// The fuzzer found an epsilon that is infinite in the precision it is used in.
#[test]
fn numbers_that_single_precision_cannot_hold_are_refused() {
    for (architecture, field) in [("mixtral", "rms_norm_eps"), ("olmoe", "rms_norm_eps"), ("olmoe", "clip_qkv")] {
        for number in [1e105, 1e-60] {
            let mut config = config(architecture, 2, 4, 2);
            config[field] = json!(number);
            let got = refusal(&config);
            assert!(got.contains(&format!("`{field}`: expected a positive number of single precision")), "{got}");
        }
    }
}

#[test]
fn fields_that_make_no_sense_are_refused_together() {
    let mut config = config("qwen3_moe", 2, 4, 2);
    config["vocab_size"] = json!(-1);
    config["num_hidden_layers"] = json!(1e9);
    config["rms_norm_eps"] = json!(0);
    config["norm_topk_prob"] = json!("yes");
    config.as_object_mut().unwrap().remove("hidden_size");
    config["num_local_experts"] = 5.into();
    let got = refusal(&config);
    for words in [
        "the config of a `qwen3_moe` model cannot be used:",
        "`vocab_size`: expected a whole number from 1 to 2147483648, got `-1`",
        "`num_hidden_layers`: expected a whole number from 1 to 4096, got `1000000000.0`",
        "`rms_norm_eps`: expected a positive number, got `0`",
        "`norm_topk_prob`: expected true or false, got `\"yes\"`",
        "`hidden_size` is missing; expected a whole number from 1 to 2147483648",
        "`num_local_experts`: expected 4 as in `num_experts`, got `5`",
    ] {
        assert!(got.contains(words), "expected: {words}\n  got: {got}");
    }
}

#[test]
fn relations_between_fields_are_checked() {
    let mut config = config("mixtral", 1, 4, 2);
    config["num_experts_per_tok"] = 5.into();
    config["num_attention_heads"] = 4.into();
    config["num_key_value_heads"] = 3.into();
    config["head_dim"] = 2.into();
    let got = refusal(&config);
    assert!(got.contains("`num_experts_per_tok`: expected at most the 4 experts of a layer, got `5`"), "{got}");
    assert!(got.contains("`num_key_value_heads`: expected a divisor of num_attention_heads = 4, got `3`"), "{got}");
    config.as_object_mut().unwrap().remove("num_local_experts");
    assert!(refusal(&config).contains("`num_local_experts` is missing"));
}

#[test]
fn the_config_must_be_of_the_declared_architecture() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), &config("olmoe", 1, 4, 2), 1);
    assert!(Model::open(folder.path(), Some("olmoe")).is_ok());
    let fault = Model::open(folder.path(), Some("qwen3_moe")).unwrap_err().to_string();
    assert!(fault.starts_with("the recipe declares architecture `qwen3_moe`, but `"), "{fault}");
    assert!(fault.ends_with("config.json` says `olmoe`"), "{fault}");
}

#[test]
fn a_config_that_cannot_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), &config("olmoe", 1, 4, 2), 1);
    let path = folder.path().join("config.json");
    for (text, words) in [
        ("{\"model_type\": \"olmoe\",\n \"model_type\": \"olmoe\"}", "line 2, column 2: member `model_type` appears twice"),
        ("{\"model_type\": 3}", "expected `model_type` to name the architecture, got `3`"),
        ("{}", "expected `model_type` to name the architecture, got nothing"),
        ("{\"model_type\": \"gpt2\"}", "unknown architecture `gpt2`; registered: `deepseek_v2`, `deepseek_v3`, `ernie4_5_moe`"),
    ] {
        fs::write(&path, text).unwrap();
        let got = Model::open(folder.path(), None).unwrap_err().to_string();
        assert!(got.contains(words) && got.contains("config.json"), "{text}\n  expected: {words}\n  got: {got}");
    }
    fs::write(&path, vec![b' '; (4 << 20) + 1]).unwrap();
    assert!(Model::open(folder.path(), None).unwrap_err().to_string().ends_with("has 4194305 bytes, expected at most 4194304"));
    fs::remove_file(&path).unwrap();
    assert!(Model::open(folder.path(), None).unwrap_err().to_string().starts_with("cannot read `"));
}

#[test]
fn missing_unexpected_and_odd_tensors_are_reported_together() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("qwen3_moe", 2, 4, 2);
    write_model(folder.path(), &config, 1);
    let mut made = tensors(&config);
    made.retain(|tensor| tensor.name != "model.layers.1.mlp.experts.3.up_proj.weight");
    made.push(Made { name: "model.layers.2.mlp.gate.weight".into(), dtype: "BF16", shape: vec![4, 2], bytes: vec![0; 16] });
    let router = made.iter_mut().find(|tensor| tensor.name == "model.layers.0.mlp.gate.weight").unwrap();
    (router.shape, router.bytes) = (vec![5, 2], vec![0; 20]);
    write_weights(folder.path(), &made, 1);
    let got = Model::open(folder.path(), None).unwrap_err().to_string();
    let lines: Vec<&str> = got.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "  `model.layers.1.mlp.experts.3.up_proj.weight` is missing",
            "  `model.layers.0.mlp.gate.weight`: expected shape [4, 2], got [5, 2]",
            "  `model.layers.2.mlp.gate.weight` has no place in this model",
        ]
    );
}

/// What a prune does not look at keeps a model from being run, not from being pruned.
#[test]
fn tensors_that_only_the_forward_pass_needs_are_checked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("qwen3_moe", 2, 4, 2);
    write_model(folder.path(), &config, 1);
    assert!(Model::open(folder.path(), None).unwrap().runnable().is_ok());
    let mut made = tensors(&config);
    made.retain(|tensor| tensor.name != "model.layers.1.self_attn.q_norm.weight");
    made.push(Made {
        name: "model.layers.0.self_attn.rotary_emb.inv_freq".into(),
        dtype: "F32",
        shape: vec![1],
        bytes: vec![0; 4],
    });
    let norm = made.iter_mut().find(|tensor| tensor.name == "model.norm.weight").unwrap();
    (norm.dtype, norm.bytes) = ("I16", vec![0; 4]);
    write_weights(folder.path(), &made, 1);
    let model = Model::open(folder.path(), None).unwrap();
    let got = model.runnable().unwrap_err().to_string();
    let lines: Vec<&str> = got.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "  `model.layers.1.self_attn.q_norm.weight` of shape [2] is missing",
            "  `model.norm.weight`: expected F32, F16 or BF16, got I16",
            "  `model.layers.0.self_attn.rotary_emb.inv_freq` has no place in this model",
        ]
    );
}

/// A config that describes two decoders is pruned by its `text_config`, and not run as if it were the other.
#[test]
fn a_config_of_two_decoders_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config("olmoe", 2, 4, 2);
    write_model(folder.path(), &config, 1);
    let mut text = config.clone();
    text["num_experts_per_tok"] = 3.into();
    config["text_config"] = text;
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let model = Model::open(folder.path(), None).unwrap();
    assert_eq!(model.experts.top_k, 3);
    let fault = model.runnable().unwrap_err().to_string();
    assert!(fault.contains("`text_config`: `other layers or experts than at the top level` is not supported"), "{fault}");
}

/// A config can declare a hundred million tensors; the report stays short and comes at once.
#[test]
fn a_config_that_declares_too_much_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), &config("olmoe", 1, 4, 2), 1);
    let boast = config("olmoe", 4096, 65_536, 2);
    fs::write(folder.path().join("config.json"), boast.to_string()).unwrap();
    let started = std::time::Instant::now();
    let got = Model::open(folder.path(), None).unwrap_err().to_string();
    assert!(got.ends_with("\n  and more") && got.lines().count() < 30, "{got}");
    assert!(started.elapsed().as_secs() < 1);
}
