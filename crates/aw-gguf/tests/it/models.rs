//! Models as far as the choice of tensor types looks at them: names, shapes, and the metadata llama.cpp asks for.

use aw_gguf::{Metadata, TensorSpec, TensorType, Value};

/// A model without weights.
pub struct Case {
    pub name: &'static str,
    pub architecture: &'static str,
    pub layers: u64,
    pub hidden: u64,
    /// Elements of the rows of `ffn_down`.
    pub ffn: u64,
    pub experts: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub tied: bool,
    /// Keys that this architecture asks for beside the usual ones.
    pub extra: &'static [(&'static str, Extra)],
    pub parts: Parts,
}

#[derive(Clone, Copy)]
pub enum Extra {
    Number(u32),
    Float(f32),
}

/// What the layers are made of.
#[derive(Clone, Copy, PartialEq)]
pub enum Parts {
    Plain,
    /// Experts beside one that all tokens go through.
    SharedExperts,
    /// Compressed attention; the first layer is dense.
    Latent,
    /// One matrix for queries, keys and values.
    Merged,
}

const FLOATS: &[(&str, Extra)] = &[];

/// The models that the golden table is about.
pub const CASES: [Case; 10] = [
    case("dense", "llama", (8, 256, 512, 0, 8, 2)),
    Case { tied: true, ..case("dense-tied-80-layers", "llama", (80, 256, 256, 0, 16, 2)) },
    case("eight-experts", "llama", (32, 256, 256, 8, 8, 2)),
    case("olmoe", "olmoe", (16, 2048, 1024, 64, 16, 16)),
    case("qwen3moe", "qwen3moe", (48, 2048, 768, 128, 32, 4)),
    Case {
        extra: &[("expert_shared_feed_forward_length", Extra::Number(1408))],
        parts: Parts::SharedExperts,
        ..case("qwen2moe-rows-of-1408", "qwen2moe", (24, 2048, 1408, 60, 16, 16))
    },
    Case {
        tied: true,
        extra: &[("logit_scale", Extra::Float(6.0))],
        ..case("granitemoe-rows-of-96", "granitemoe", (5, 96, 96, 40, 4, 2))
    },
    Case {
        extra: &[
            ("leading_dense_block_count", Extra::Number(1)),
            ("attention.q_lora_rank", Extra::Number(256)),
            ("attention.kv_lora_rank", Extra::Number(512)),
            ("attention.key_length_mla", Extra::Number(192)),
            ("attention.value_length_mla", Extra::Number(128)),
            ("expert_shared_count", Extra::Number(2)),
            ("expert_weights_scale", Extra::Float(1.0)),
        ],
        parts: Parts::Latent,
        ..case("deepseek2", "deepseek2", (27, 2048, 1536, 64, 16, 1))
    },
    case("rows-of-40", "llama", (3, 40, 72, 0, 2, 2)),
    Case { parts: Parts::Merged, ..case("falcon", "falcon", (16, 256, 1024, 0, 8, 1)) },
];

/// Layers, hidden size, rows of `ffn_down`, experts, heads, key and value heads.
const fn case(name: &'static str, architecture: &'static str, sizes: (u64, u64, u64, u64, u64, u64)) -> Case {
    let (layers, hidden, ffn, experts, heads, kv_heads) = sizes;
    let (tied, extra, parts) = (false, FLOATS, Parts::Plain);
    Case { name, architecture, layers, hidden, ffn, experts, heads, kv_heads, tied, extra, parts }
}

impl Case {
    pub fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new();
        metadata.set("general.architecture", self.architecture);
        let mut set = |key: &str, value: Value| {
            metadata.set(format!("{}.{key}", self.architecture), value);
        };
        for (key, value) in [
            ("block_count", self.layers),
            ("context_length", 512),
            ("embedding_length", self.hidden),
            ("feed_forward_length", self.ffn),
            ("expert_feed_forward_length", self.ffn),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
            ("rope.dimension_count", self.hidden / self.heads),
            ("vocab_size", 64),
        ] {
            set(key, Value::U32(value as u32));
        }
        set("attention.layer_norm_rms_epsilon", Value::F32(1e-5));
        set("attention.layer_norm_epsilon", Value::F32(1e-5));
        if self.experts > 0 {
            set("expert_count", Value::U32(self.experts as u32));
            set("expert_used_count", Value::U32(2));
        }
        for (key, value) in self.extra {
            match value {
                Extra::Number(number) => set(key, Value::U32(*number)),
                Extra::Float(number) => set(key, Value::F32(*number)),
            }
        }
        metadata
    }

    /// The tensors as the converter stores them: norms and routers in single precision, all else in half.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Vec::new();
        let mut add = |name: String, dims: &[u64]| {
            let single = dims.len() == 1 || name.contains("ffn_gate_inp");
            let tensor_type = if single { TensorType::F32 } else { TensorType::F16 };
            tensors.push(TensorSpec { name, dims: dims.to_vec(), tensor_type });
        };
        let (hidden, ffn) = (self.hidden, self.ffn);
        if !self.tied {
            add("output.weight".to_owned(), &[hidden, 64]);
        }
        add("output_norm.weight".to_owned(), &[hidden]);
        add("token_embd.weight".to_owned(), &[hidden, 64]);
        for layer in 0..self.layers {
            let mut add = |part: &str, dims: &[u64]| add(format!("blk.{layer}.{part}"), dims);
            add("attn_norm.weight", &[hidden]);
            let kv = hidden / self.heads * self.kv_heads;
            match self.parts {
                Parts::Latent => {
                    add("attn_q_a.weight", &[hidden, 256]);
                    add("attn_q_b.weight", &[256, 192 * self.heads]);
                    add("attn_kv_a_mqa.weight", &[hidden, 576]);
                    add("attn_k_b.weight", &[128, 512, self.heads]);
                    add("attn_v_b.weight", &[512, 128, self.heads]);
                }
                Parts::Merged => add("attn_qkv.weight", &[hidden, hidden + 2 * kv]),
                Parts::Plain | Parts::SharedExperts => {
                    add("attn_q.weight", &[hidden, hidden]);
                    add("attn_k.weight", &[hidden, kv]);
                    add("attn_v.weight", &[hidden, kv]);
                }
            }
            add("attn_output.weight", &[hidden, hidden]);
            add("ffn_norm.weight", &[hidden]);
            if self.experts == 0 || self.parts == Parts::Latent && layer == 0 {
                add("ffn_gate.weight", &[hidden, ffn]);
                add("ffn_up.weight", &[hidden, ffn]);
                add("ffn_down.weight", &[ffn, hidden]);
                continue;
            }
            add("ffn_gate_inp.weight", &[hidden, self.experts]);
            add("ffn_gate_exps.weight", &[hidden, ffn, self.experts]);
            add("ffn_up_exps.weight", &[hidden, ffn, self.experts]);
            add("ffn_down_exps.weight", &[ffn, hidden, self.experts]);
            if matches!(self.parts, Parts::SharedExperts | Parts::Latent) {
                add("ffn_gate_shexp.weight", &[hidden, ffn]);
                add("ffn_up_shexp.weight", &[hidden, ffn]);
                add("ffn_down_shexp.weight", &[ffn, hidden]);
            }
        }
        tensors
    }
}
