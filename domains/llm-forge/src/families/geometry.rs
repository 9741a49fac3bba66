//! What the forward pass needs to know of a model: dimensions and rules, with no name of any architecture.

use super::config::ConfigReader;
use super::rope::RopeFields;
use super::{Family, MAX_EXPERTS, MAX_LAYERS};

/// What the forward pass needs to know of a model, read from its `config.json`.
///
/// # Source
/// The reference implementations' config classes; every field is declared by the config or by the family's documented default.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// Number of decoder layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Rows of the embedding and output matrices.
    pub vocab: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one query and key head.
    pub head_dim: usize,
    /// Width of one value head.
    pub value_dim: usize,
    /// Experts per sparse layer (N).
    pub experts: usize,
    /// Experts a token is routed to (k).
    pub top_k: usize,
    /// Inner width of one expert.
    pub expert_intermediate: usize,
    /// Inner width of a dense layer's feed-forward block; `None` where the family has no dense layers.
    pub dense_intermediate: Option<usize>,
    /// Per layer: true when the layer routes to experts, false when its feed-forward block is dense.
    pub sparse: Vec<bool>,
    /// Epsilon of every norm.
    pub rms_eps: f32,
    /// What the norms before attention, before the feed-forward block and before the output are.
    pub norms: Norms,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// How the rotary embedding turns a head.
    pub rotary: Rotary,
    /// Whether the selected experts' weights are divided by their sum.
    pub norm_topk: bool,
    /// How a token's experts and their weights follow from its router logits.
    pub routing: RoutingRule,
    /// The expert every token passes beside those it is routed to.
    pub shared: Option<SharedExpert>,
    /// How the experts' weights are stored.
    pub expert_form: ExpertForm,
    /// Where query and key are normalised.
    pub qk_norm: QkNorm,
    /// Clamp of query, key and value projections, where declared.
    pub clip_qkv: Option<f32>,
    /// Which attention projections carry a bias.
    pub attention_bias: AttentionBias,
    /// Factor of the attention scores before their softmax.
    pub attention_scale: f32,
    /// Keys and values that pass a narrow latent, where the family has them.
    pub latent: Option<Latent>,
    /// Attention window in tokens, where declared and in use.
    pub sliding_window: Option<usize>,
    /// Constants the family multiplies by.
    pub multipliers: Multipliers,
    /// Whether the output matrix is the embedding matrix.
    pub tie_embeddings: bool,
    /// Whether the output matrix carries a bias.
    pub output_bias: bool,
    /// Longest context the config declares, in tokens.
    pub max_positions: usize,
}

/// Where a family normalises query and key before the rotary embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QkNorm {
    /// Nowhere.
    None,
    /// RMS norm over each head (`head_dim` weights).
    PerHead,
    /// RMS norm over the full projection before it is split into heads.
    FullWidth,
}

/// What the norms of the residual stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norms {
    /// Division by the root of the mean square, times a weight.
    Rms,
    /// Mean taken away, division by the standard deviation, times a weight, plus a bias.
    Layer,
}

/// Which attention projections carry a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionBias {
    /// None of them.
    None,
    /// Query, key and value; with a latent, the projections into it.
    Inputs,
    /// Those and the output projection.
    All,
}

/// How the rotary embedding turns a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotary {
    /// Values of a head that are turned: the first ones, or, with a latent, the last.
    pub width: usize,
    /// Whether value `2j` turns with `2j + 1`, rather than value `j` with `j + width / 2`.
    pub interleaved: bool,
    /// The stretched frequencies, where declared.
    pub yarn: Option<Yarn>,
}

/// Frequencies stretched by parts for contexts longer than those trained on.
///
/// # Source
/// Peng et al. 2023 (YaRN), as `_compute_yarn_parameters` of transformers computes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Yarn {
    /// How much longer the context is.
    pub factor: f64,
    /// The context trained on, in tokens.
    pub original_positions: f64,
    /// Turns over the original context above which a frequency stays.
    pub beta_fast: f64,
    /// Turns over the original context below which a frequency is divided by the factor.
    pub beta_slow: f64,
    /// Whether the bounds are rounded to whole dimensions.
    pub truncate: bool,
    /// Factor of cosines and sines.
    pub attention_factor: f64,
}

/// How a token's experts and their weights follow from its router logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoutingRule {
    /// What makes scores of the logits.
    pub scoring: Scoring,
    /// The learned bias added to the scores for the selection, not for the weights.
    pub correction: Correction,
    /// How the selection is limited to groups of neighbouring experts.
    pub groups: Option<GroupedRouting>,
    /// Least sum the weights are divided by, where they are.
    pub sum_at_least: f32,
    /// What is added to that sum.
    pub sum_plus: f32,
    /// Factor of the weights.
    pub scale: f32,
}

impl RoutingRule {
    /// Softmax over all experts, the largest selected.
    pub const SOFTMAX: RoutingRule = RoutingRule {
        scoring: Scoring::Softmax,
        correction: Correction::None,
        groups: None,
        sum_at_least: 0.0,
        sum_plus: 0.0,
        scale: 1.0,
    };
}

/// How a learned correction of the router's scores is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// There is none.
    None,
    /// `[experts]`
    Vector,
    /// `[1, experts]`
    Row,
}

/// What makes scores of router logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scoring {
    /// Softmax over all experts.
    Softmax,
    /// The logits select; the weights are their softmax over the selected.
    SoftmaxOfSelected,
    /// The logistic function of each.
    Sigmoid,
    /// The largest logit twice over, each weighed by a softmax over the logits near it.
    ///
    /// # Source
    /// Liu et al. 2024, arXiv 2409.12136, as at inference.
    SparseMixer {
        /** How near, relative to the largest: twice this. */
        jitter: f32,
    },
}

/// Routing limited to a token's best groups of experts. Groups are of neighbours and of equal size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedRouting {
    /// Number of groups.
    pub count: usize,
    /// Groups a token may use.
    pub used: usize,
    /// What a group is judged by.
    pub score: GroupScore,
}

/// What a group of experts is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupScore {
    /// The best of its experts.
    Best,
    /// The sum of its two best.
    TwoBest,
}

/// The expert every token passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedExpert {
    /// Its inner width.
    pub intermediate: usize,
    /// Whether its output is multiplied by the logistic function of a projection of the token.
    pub gated: bool,
}

/// How experts' weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpertForm {
    /// Three tensors an expert.
    Separate,
    /// Two tensors a layer: gate above up `[experts, 2 * inner, hidden]`, and down `[experts, hidden, inner]`.
    Fused,
}

/// Keys and values made from a narrow latent (multi-head latent attention).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latent {
    /// Width of the queries' latent; `None` where queries are projected at once.
    pub query_rank: Option<usize>,
    /// Width of the latent of keys and values.
    pub key_value_rank: usize,
    /// Values of a query and key head that carry no position; the rotary ones follow them.
    pub plain_dim: usize,
}

/// Constants a family multiplies by; one where it has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multipliers {
    /// Of the embeddings.
    pub embedding: f32,
    /// Of every block's output before it is added.
    pub residual: f32,
    /// What logits are divided by.
    pub logits_divisor: f32,
}

impl GroupedRouting {
    /// The grouping a family's config declares; none where one group holds all experts.
    pub(super) fn of(groups: super::Groups) -> Option<GroupedRouting> {
        let score = if groups.scored_by == 2 { GroupScore::TwoBest } else { GroupScore::Best };
        (groups.count > 1).then_some(GroupedRouting { count: groups.count, used: groups.used, score })
    }
}

impl AttentionBias {
    /// `with` where a flag is set, else none.
    pub(super) fn when(flag: bool, with: AttentionBias) -> AttentionBias {
        if flag { with } else { AttentionBias::None }
    }
}

impl Multipliers {
    /// No constants.
    pub const ONE: Multipliers = Multipliers { embedding: 1.0, residual: 1.0, logits_divisor: 1.0 };
}

impl Geometry {
    /// Reads what the configs of most families spell alike; everything else is as in the plainest decoder: every layer sparse,
    /// softmax routing, no bias, no norm of query and key.
    ///
    /// The experts' keys differ from family to family: `experts`, `top_k` and `expert_intermediate` are one here.
    pub(super) fn plain(reader: &mut ConfigReader<'_>, default_theta: f64) -> Geometry {
        let rope_theta = reader.rope_theta(default_theta);
        Geometry::with_theta(reader, rope_theta)
    }

    /// As [`Geometry::plain`], with the rotary embedding left to the family.
    pub(super) fn with_theta(reader: &mut ConfigReader<'_>, rope_theta: f64) -> Geometry {
        let layers = reader.count("num_hidden_layers", MAX_LAYERS);
        let hidden = reader.dimension("hidden_size");
        let heads = reader.dimension("num_attention_heads");
        let head_dim = reader.optional_dimension("head_dim").unwrap_or(hidden / heads);
        reader.silu();
        reader.unquantised();
        Geometry {
            layers,
            hidden,
            vocab: reader.dimension("vocab_size"),
            heads,
            kv_heads: reader.optional_dimension("num_key_value_heads").unwrap_or(heads),
            head_dim,
            value_dim: head_dim,
            experts: 1,
            top_k: 1,
            expert_intermediate: 1,
            dense_intermediate: None,
            sparse: vec![true; layers],
            rms_eps: reader.rms_eps(),
            norms: Norms::Rms,
            rope_theta,
            rotary: Rotary { width: head_dim, interleaved: false, yarn: None },
            norm_topk: false,
            routing: RoutingRule::SOFTMAX,
            shared: None,
            expert_form: ExpertForm::Separate,
            qk_norm: QkNorm::None,
            clip_qkv: None,
            attention_bias: AttentionBias::None,
            attention_scale: root_scale(head_dim),
            latent: None,
            sliding_window: None,
            multipliers: Multipliers::ONE,
            tie_embeddings: reader.flag("tie_word_embeddings", false),
            output_bias: false,
            max_positions: reader.dimension("max_position_embeddings"),
        }
    }
}

/// One over the root of a head's width: the usual factor of attention scores.
#[expect(clippy::cast_possible_truncation, reason = "the pass computes in f32")]
pub(super) fn root_scale(head_dim: usize) -> f32 {
    (1.0 / (head_dim as f64).sqrt()) as f32
}

/// Values of a head that a share of it is, rounded down.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the share is above zero and at most one")]
pub(super) fn turned(head_dim: usize, share: f64) -> usize {
    (head_dim as f64 * share) as usize
}

impl Geometry {
    /// Reads the experts of a layer and which layers have them; `width` is the key of an expert's inner width.
    pub(super) fn routed(self, reader: &mut ConfigReader<'_>, family: &dyn Family, width: &'static str) -> Geometry {
        let sparse = family.sparse(reader, self.layers);
        Geometry {
            experts: reader.experts(family.expert_count_keys(), MAX_EXPERTS),
            top_k: reader.dimension(family.top_k_key()),
            expert_intermediate: reader.dimension(width),
            dense_intermediate: if sparse.contains(&false) { Some(reader.dimension("intermediate_size")) } else { None },
            sparse,
            ..self
        }
    }

    /// So many experts that every token passes, held as one.
    pub(super) fn shared_experts(&self, count: usize) -> SharedExpert {
        SharedExpert { intermediate: count.saturating_mul(self.expert_intermediate), gated: false }
    }

    /// Reads what configs say of heads made from latents.
    pub(super) fn latent(reader: &mut ConfigReader<'_>, rope: RopeFields, interleaved: bool) -> Geometry {
        let plain = Geometry::with_theta(reader, rope.theta);
        let (plain_dim, turned) = (reader.dimension("qk_nope_head_dim"), reader.dimension("qk_rope_head_dim"));
        let head_dim = plain_dim.saturating_add(turned);
        let key_value_rank = reader.dimension("kv_lora_rank");
        let latent = Latent { query_rank: reader.optional_dimension("q_lora_rank"), key_value_rank, plain_dim };
        let expected = format!("num_attention_heads = {}: every head has a key of its own", plain.heads);
        reader.require(plain.kv_heads == plain.heads, "num_key_value_heads", &expected, plain.kv_heads);
        reader.require(turned.is_multiple_of(2), "qk_rope_head_dim", "an even number: the rotary embedding turns pairs", turned);
        let bias = reader.flag("attention_bias", false);
        Geometry {
            head_dim,
            value_dim: reader.dimension("v_head_dim"),
            rotary: Rotary { width: turned, interleaved, yarn: rope.yarn },
            attention_bias: AttentionBias::when(bias, AttentionBias::All),
            attention_scale: root_scale(head_dim) * (rope.score_factor * rope.score_factor) as f32,
            latent: Some(latent),
            ..plain
        }
    }
}
