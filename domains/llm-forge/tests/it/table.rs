//! What every family writes to disk, typed in by hand: a tiny checkpoint of each, independent of the library's layouts.

use serde_json::{Value, json};

use crate::synthetic::Made;

/// Experts per layer of every checkpoint in the table.
pub const EXPERTS: usize = 8;
const N: u64 = EXPERTS as u64;
const HIDDEN: u64 = 4;
const INNER: u64 = 3;
const LAYERS: usize = 3;

/// What a prune must do with a tensor of a layer with experts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Kept entries along this axis.
    Entries(usize),
    /// Kept slices along this axis, of experts' weights.
    Slices(usize),
    /// One of these for every expert: `{}` is its index.
    OfExpert,
    /// Nothing.
    Same,
}

use Kind::{Entries, OfExpert, Same, Slices};

/// A tensor of a layer's feed-forward block: name behind the block's, type, shape, fate.
pub type Row = (&'static str, &'static str, Vec<u64>, Kind);

/// A family's tiny checkpoint.
pub struct Family {
    pub architecture: &'static str,
    pub layout: &'static str,
    /// The config key of the number of experts.
    pub count: &'static str,
    pub config: Value,
    pub block: &'static str,
    pub rows: Vec<Row>,
    /// Layers with experts.
    pub sparse: Vec<usize>,
    /// Experts that are kept: as many of every group.
    pub keep: usize,
}

fn unfused(names: [&'static str; 3]) -> Vec<Row> {
    let shapes = [vec![INNER, HIDDEN], vec![INNER, HIDDEN], vec![HIDDEN, INNER]];
    names.into_iter().zip(shapes).map(|(name, shape)| (name, "BF16", shape, OfExpert)).collect()
}

fn projections() -> Vec<Row> {
    unfused(["experts.{}.gate_proj.weight", "experts.{}.up_proj.weight", "experts.{}.down_proj.weight"])
}

fn router() -> Row {
    ("gate.weight", "BF16", vec![N, HIDDEN], Entries(0))
}

fn shared(names: [&'static str; 3]) -> Vec<Row> {
    let shapes = [vec![N, HIDDEN], vec![N, HIDDEN], vec![HIDDEN, N]];
    names.into_iter().zip(shapes).map(|(name, shape)| (name, "BF16", shape, Same)).collect()
}

/// As wide as there are experts, which must confuse nobody.
fn shared_experts() -> Vec<Row> {
    shared(["shared_experts.gate_proj.weight", "shared_experts.up_proj.weight", "shared_experts.down_proj.weight"])
}

fn shared_expert() -> Vec<Row> {
    shared(["shared_expert.gate_proj.weight", "shared_expert.up_proj.weight", "shared_expert.down_proj.weight"])
}

fn config(architecture: &str, more: Value) -> Value {
    let mut config = json!({
        "model_type": architecture,
        "num_hidden_layers": LAYERS,
        "hidden_size": HIDDEN,
        "vocab_size": 5,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 4,
        "intermediate_size": INNER,
        "moe_intermediate_size": INNER,
        "num_experts_per_tok": 2,
        "max_position_embeddings": 16,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn family(architecture: &'static str, layout: &'static str, count: &'static str, more: Value, rows: Vec<Row>) -> Family {
    let mut config = config(architecture, more);
    config[count] = EXPERTS.into();
    Family { architecture, layout, count, config, block: "mlp", rows, sparse: (0..LAYERS).collect(), keep: 4 }
}

/// Every family of the registry.
pub fn families() -> Vec<Family> {
    let mixtral = || [vec![router()], unfused(["experts.{}.w1.weight", "experts.{}.w3.weight", "experts.{}.w2.weight"])].concat();
    let plain = || [vec![router()], projections()].concat();
    let gated = || [plain(), shared_expert(), vec![("shared_expert_gate.weight", "BF16", vec![1, HIDDEN], Same)]].concat();
    let deepseek = || [plain(), shared_experts()].concat();
    let corrected = || [deepseek(), vec![("gate.e_score_correction_bias", "F32", vec![N], Entries(0))]].concat();
    let ernie = || [deepseek(), vec![("moe_statics.e_score_correction_bias", "F32", vec![1, N], Entries(1))]].concat();
    let granite = vec![
        ("router.layer.weight", "BF16", vec![N, HIDDEN], Entries(0)),
        ("input_linear.weight", "BF16", vec![N, 2 * INNER, HIDDEN], Slices(0)),
        ("output_linear.weight", "BF16", vec![N, HIDDEN, INNER], Slices(0)),
    ];
    let gpt_oss = vec![
        ("router.weight", "BF16", vec![N, HIDDEN], Entries(0)),
        ("router.bias", "BF16", vec![N], Entries(0)),
        ("experts.gate_up_proj", "BF16", vec![N, HIDDEN, 2 * INNER], Slices(0)),
        ("experts.gate_up_proj_bias", "BF16", vec![N, 2 * INNER], Slices(0)),
        ("experts.down_proj", "BF16", vec![N, INNER, HIDDEN], Slices(0)),
        ("experts.down_proj_bias", "BF16", vec![N, HIDDEN], Slices(0)),
    ];
    let llama4 = [
        vec![
            ("router.weight", "BF16", vec![N, HIDDEN], Entries(0)),
            ("experts.gate_up_proj", "BF16", vec![N, HIDDEN, 2 * INNER], Slices(0)),
            ("experts.down_proj", "BF16", vec![N, INNER, HIDDEN], Slices(0)),
        ],
        shared_expert(),
    ]
    .concat();
    let first_dense = json!({"first_k_dense_replace": 1});
    vec![
        Family {
            sparse: vec![1, 2],
            ..family("deepseek_v2", "deepseek-routed-shared", "n_routed_experts", first_dense.clone(), deepseek())
        },
        Family {
            sparse: vec![1, 2],
            ..family(
                "deepseek_v3",
                "deepseek-routed-shared-corrected",
                "n_routed_experts",
                json!({"first_k_dense_replace": 1, "n_group": 2, "topk_group": 1}),
                corrected(),
            )
        },
        Family {
            sparse: vec![1],
            ..family(
                "ernie4_5_moe",
                "ernie-routed-shared-corrected",
                "moe_num_experts",
                json!({"moe_k": 2, "moe_layer_start_index": 1, "moe_layer_end_index": 1, "moe_layer_interval": 1}),
                ernie(),
            )
        },
        Family {
            sparse: vec![1, 2],
            ..family("glm4_moe", "deepseek-routed-shared-corrected", "n_routed_experts", first_dense, corrected())
        },
        family("gpt_oss", "gpt-oss-fused", "num_local_experts", json!({}), gpt_oss),
        Family {
            block: "block_sparse_moe",
            ..family("granitemoe", "granite-moe-fused", "num_local_experts", json!({}), granite)
        },
        Family {
            block: "feed_forward",
            sparse: vec![1],
            ..family("llama4_text", "llama4-fused-shared", "num_local_experts", json!({"interleave_moe_layer_step": 2}), llama4)
        },
        Family {
            block: "block_sparse_moe",
            ..family("mixtral", "block_sparse_moe-unfused", "num_local_experts", json!({}), mixtral())
        },
        family("olmoe", "mlp-experts-unfused", "num_experts", json!({}), plain()),
        Family {
            block: "block_sparse_moe",
            ..family("phimoe", "block_sparse_moe-unfused", "num_local_experts", json!({}), mixtral())
        },
        family("qwen2_moe", "mlp-experts-shared-expert", "num_experts", json!({}), gated()),
        Family {
            sparse: vec![0, 2],
            ..family("qwen3_moe", "mlp-experts-unfused", "num_experts", json!({"mlp_only_layers": [1]}), plain())
        },
        Family {
            sparse: vec![1],
            ..family("qwen3_next", "mlp-experts-shared-expert", "num_experts", json!({"decoder_sparse_step": 2}), gated())
        },
    ]
}

/// Bytes of a tensor, no two alike: small positive numbers in every type used here.
pub fn made(name: String, dtype: &'static str, shape: &[u64], counter: &mut u16) -> Made {
    let mut bytes = Vec::new();
    for _ in 0..shape.iter().product::<u64>() {
        *counter = counter.wrapping_add(1);
        let [low, high] = (*counter & 0x3fff).to_le_bytes();
        match dtype {
            "F32" => bytes.extend_from_slice(&[0, 0, low, high]),
            "BF16" => bytes.extend_from_slice(&[low, high]),
            _ => bytes.push(low),
        }
    }
    Made { name, dtype, shape: shape.to_vec(), bytes }
}

/// A tensor, and what a prune must do with it: layer, fate, and for one of an expert its index and its name with `{}`.
pub struct Source {
    pub made: Made,
    pub fate: Option<(usize, Kind)>,
    pub expert: Option<(usize, String)>,
}

impl Family {
    /// The checkpoint's tensors, with names under `prefix`.
    pub fn sources(&self, prefix: &str) -> Vec<Source> {
        let mut counter = 0;
        let mut sources = Vec::new();
        let same = |name: &str, shape: &[u64], sources: &mut Vec<Source>, counter: &mut u16| {
            let made = made(format!("{prefix}{name}"), "BF16", shape, counter);
            sources.push(Source { made, fate: None, expert: None });
        };
        same("model.embed_tokens.weight", &[5, HIDDEN], &mut sources, &mut counter);
        for layer in 0..LAYERS {
            // As many rows as there are experts.
            same(&format!("model.layers.{layer}.self_attn.q_proj.weight"), &[N, HIDDEN], &mut sources, &mut counter);
            same(&format!("model.layers.{layer}.input_layernorm.weight"), &[HIDDEN], &mut sources, &mut counter);
            if self.sparse.contains(&layer) {
                self.push_layer(&format!("{prefix}model.layers.{layer}."), layer, &mut sources, &mut counter);
            } else {
                same(&format!("model.layers.{layer}.{}.gate_proj.weight", self.block), &[N, HIDDEN], &mut sources, &mut counter);
            }
        }
        same("model.norm.weight", &[HIDDEN], &mut sources, &mut counter);
        same("lm_head.weight", &[5, HIDDEN], &mut sources, &mut counter);
        sources
    }

    /// The block of a layer with experts, with names under `prefix`.
    pub fn push_layer(&self, prefix: &str, layer: usize, sources: &mut Vec<Source>, counter: &mut u16) {
        for (name, dtype, shape, kind) in &self.rows {
            let name = format!("{prefix}{}.{name}", self.block);
            let experts = if *kind == OfExpert { EXPERTS } else { 1 };
            for expert in 0..experts {
                let made = made(name.replace("{}", &expert.to_string()), dtype, shape, counter);
                let expert = (*kind == OfExpert).then(|| (expert, name.clone()));
                sources.push(Source { made, fate: Some((layer, *kind)), expert });
            }
        }
    }
}

/// The kept entries of a tensor along an axis, computed byte by byte from the shape alone.
pub fn take(made: &Made, axis: usize, kept: &[usize]) -> (Vec<u64>, Vec<u8>) {
    let total: u64 = made.shape.iter().product();
    let width = made.bytes.len() as u64 / total;
    let inner: u64 = made.shape[axis + 1..].iter().product();
    let mut bytes = Vec::new();
    for element in 0..total {
        let place = usize::try_from(element / inner % made.shape[axis]).unwrap();
        if kept.contains(&place) {
            let begin = usize::try_from(element * width).unwrap();
            bytes.extend_from_slice(&made.bytes[begin..begin + usize::try_from(width).unwrap()]);
        }
    }
    let mut shape = made.shape.clone();
    shape[axis] = kept.len() as u64;
    (shape, bytes)
}
