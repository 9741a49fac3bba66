//! Rules that several families share.

use super::{Rule, forms};

/// Embedding, last norm, output.
pub(super) const MODEL: &[Rule] = &[
    Rule { from: "model.embed_tokens.weight", to: &[("token_embd.weight", forms::same)] },
    Rule { from: "model.norm.weight", to: &[("output_norm.weight", forms::same)] },
    Rule { from: "lm_head.weight", to: &[("output.weight", forms::same)] },
];

/// A layer's two norms.
pub(super) const NORMS: &[Rule] = &[
    Rule { from: "model.layers.{L}.input_layernorm.weight", to: &[("blk.{L}.attn_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.post_attention_layernorm.weight", to: &[("blk.{L}.ffn_norm.weight", forms::same)] },
];

/// Query and key as they are.
pub(super) const QUERY_KEY: &[Rule] = &[
    Rule { from: "model.layers.{L}.self_attn.q_proj.weight", to: &[("blk.{L}.attn_q.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.weight", to: &[("blk.{L}.attn_k.weight", forms::same)] },
];

/// Value and output of attention.
pub(super) const VALUE_OUTPUT: &[Rule] = &[
    Rule { from: "model.layers.{L}.self_attn.v_proj.weight", to: &[("blk.{L}.attn_v.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.o_proj.weight", to: &[("blk.{L}.attn_output.weight", forms::same)] },
];

/// Biases of query, key and value.
pub(super) const BIASES: &[Rule] = &[
    Rule { from: "model.layers.{L}.self_attn.q_proj.bias", to: &[("blk.{L}.attn_q.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_proj.bias", to: &[("blk.{L}.attn_k.bias", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.v_proj.bias", to: &[("blk.{L}.attn_v.bias", forms::same)] },
];

/// Norms of query and key.
pub(super) const QUERY_KEY_NORMS: &[Rule] = &[
    Rule { from: "model.layers.{L}.self_attn.q_norm.weight", to: &[("blk.{L}.attn_q_norm.weight", forms::same)] },
    Rule { from: "model.layers.{L}.self_attn.k_norm.weight", to: &[("blk.{L}.attn_k_norm.weight", forms::same)] },
];

/// A layer without experts.
pub(super) const DENSE: &[Rule] = &[
    Rule { from: "model.layers.{L}.mlp.gate_proj.weight", to: &[("blk.{L}.ffn_gate.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.up_proj.weight", to: &[("blk.{L}.ffn_up.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.down_proj.weight", to: &[("blk.{L}.ffn_down.weight", forms::same)] },
];

/// The router and the experts of most families.
pub(super) const EXPERTS: &[Rule] = &[
    Rule { from: "model.layers.{L}.mlp.gate.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.gate_proj.weight", to: &[("blk.{L}.ffn_gate_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.up_proj.weight", to: &[("blk.{L}.ffn_up_exps.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.experts.{E}.down_proj.weight", to: &[("blk.{L}.ffn_down_exps.weight", forms::same)] },
];

/// The router and the experts as Mixtral names them.
pub(super) const MIXTRAL_EXPERTS: &[Rule] = &[
    Rule { from: "model.layers.{L}.block_sparse_moe.gate.weight", to: &[("blk.{L}.ffn_gate_inp.weight", forms::same)] },
    Rule {
        from: "model.layers.{L}.block_sparse_moe.experts.{E}.w1.weight",
        to: &[("blk.{L}.ffn_gate_exps.weight", forms::same)],
    },
    Rule { from: "model.layers.{L}.block_sparse_moe.experts.{E}.w3.weight", to: &[("blk.{L}.ffn_up_exps.weight", forms::same)] },
    Rule {
        from: "model.layers.{L}.block_sparse_moe.experts.{E}.w2.weight",
        to: &[("blk.{L}.ffn_down_exps.weight", forms::same)],
    },
];

/// Experts that every token passes.
pub(super) const SHARED_EXPERTS: &[Rule] = &[
    Rule { from: "model.layers.{L}.mlp.shared_experts.gate_proj.weight", to: &[("blk.{L}.ffn_gate_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_experts.up_proj.weight", to: &[("blk.{L}.ffn_up_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_experts.down_proj.weight", to: &[("blk.{L}.ffn_down_shexp.weight", forms::same)] },
];

/// An expert that every token passes, behind a gate of its own.
pub(super) const GATED_SHARED_EXPERT: &[Rule] = &[
    Rule { from: "model.layers.{L}.mlp.shared_expert.gate_proj.weight", to: &[("blk.{L}.ffn_gate_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_expert.up_proj.weight", to: &[("blk.{L}.ffn_up_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_expert.down_proj.weight", to: &[("blk.{L}.ffn_down_shexp.weight", forms::same)] },
    Rule { from: "model.layers.{L}.mlp.shared_expert_gate.weight", to: &[("blk.{L}.ffn_gate_inp_shexp.weight", forms::same)] },
];
