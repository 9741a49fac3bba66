//! What a tensor is to the forward pass.

/// What a tensor is, by its on-disk name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `[vocab, hidden]`
    Embedding,
    /// `[hidden]`
    FinalNorm,
    /// `[vocab, hidden]`
    Output,
    /// `[hidden]`, before attention
    AttentionNorm {
        /** Layer index. */
        layer: usize,
    },
    /// `[hidden]`, before the feed-forward block
    FeedForwardNorm {
        /** Layer index. */
        layer: usize,
    },
    /// One attention tensor.
    Attention {
        /** Layer index. */
        layer: usize,
        /** Which. */
        part: AttentionPart,
    },
    /// `[hidden]`, before attention, where norms have a bias
    AttentionNormBias {
        /** Layer index. */
        layer: usize,
    },
    /// `[hidden]`, before the feed-forward block, where norms have a bias
    FeedForwardNormBias {
        /** Layer index. */
        layer: usize,
    },
    /// `[hidden]`, where norms have a bias
    FinalNormBias,
    /// `[vocab]`
    OutputBias,
    /// `[experts]` or `[1, experts]`: added to the router's scores for the selection
    CorrectionBias {
        /** Layer index. */
        layer: usize,
    },
    /// All experts' weights of a layer in one tensor.
    FusedExperts {
        /** Layer index. */
        layer: usize,
        /** Which. */
        part: FusedPart,
    },
    /// One projection of the expert every token passes.
    SharedExpert {
        /** Layer index. */
        layer: usize,
        /** Which. */
        part: ExpertPart,
    },
    /// `[1, hidden]`: the gate of the expert every token passes
    SharedGate {
        /** Layer index. */
        layer: usize,
    },
    /// `[experts, hidden]`: the router gate
    Router {
        /** Layer index. */
        layer: usize,
    },
    /// One projection of one expert.
    Expert {
        /** Layer index. */
        layer: usize,
        /** Expert index. */
        expert: usize,
        /** Which. */
        part: ExpertPart,
    },
    /// One projection of a dense layer's feed-forward block.
    Dense {
        /** Layer index. */
        layer: usize,
        /** Which. */
        part: ExpertPart,
    },
}

/// The tensors of an attention block. Projections are `[out, in]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the field's")]
pub enum AttentionPart {
    Query,
    Key,
    Value,
    Out,
    QueryBias,
    KeyBias,
    ValueBias,
    OutBias,
    QueryNorm,
    KeyNorm,
    /// Hidden to the queries' latent.
    QueryDown,
    QueryDownBias,
    QueryDownNorm,
    /// The queries' latent to all query heads.
    QueryUp,
    /// Hidden to the latent of keys and values, and the shared rotary key behind it.
    KeyValueDown,
    KeyValueDownBias,
    KeyValueDownNorm,
    /// The latent to all heads, each with its key before its value.
    KeyValueUp,
}

/// The tensors that hold all experts of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FusedPart {
    /// `[experts, 2 * inner, hidden]`: each expert's gate above its up projection.
    GateUp,
    /// `[experts, hidden, inner]`
    Down,
}

/// The three projections of a gated feed-forward block: `down(silu(gate(x)) * up(x))`. Each is `[out, in]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the field's")]
pub enum ExpertPart {
    Gate,
    Up,
    Down,
}

impl AttentionPart {
    /// Every part any family has.
    pub const ALL: [AttentionPart; 18] = [
        AttentionPart::Query,
        AttentionPart::Key,
        AttentionPart::Value,
        AttentionPart::Out,
        AttentionPart::QueryBias,
        AttentionPart::KeyBias,
        AttentionPart::ValueBias,
        AttentionPart::OutBias,
        AttentionPart::QueryNorm,
        AttentionPart::KeyNorm,
        AttentionPart::QueryDown,
        AttentionPart::QueryDownBias,
        AttentionPart::QueryDownNorm,
        AttentionPart::QueryUp,
        AttentionPart::KeyValueDown,
        AttentionPart::KeyValueDownBias,
        AttentionPart::KeyValueDownNorm,
        AttentionPart::KeyValueUp,
    ];
}
