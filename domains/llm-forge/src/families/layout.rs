//! Where a family keeps its experts: names as they stand on disk, and what a prune does with each.
//!
//! A layout is data. What it does not list and may hold something per expert is an error, never a guess.

use std::ops::Range;

use super::names::index;

/// How the tensors of a family's expert blocks are named and shaped.
///
/// A tensor's name is a layer prefix, the layer's index, a dot, and the rest: the block's name and one of its `rules`, or one of
/// the modules `beside` the block.
#[derive(Debug)]
pub struct ExpertLayout {
    /// The layout's id, as recipes spell it in `expertTensorLayout`.
    pub id: &'static str,
    /// What may stand before a decoder layer's index.
    pub layers: &'static [&'static str],
    /// What may stand before the index of a next-token-prediction layer, where those are numbered apart from the decoder's.
    pub next_token_layers: &'static [&'static str],
    /// The feed-forward module of a layer.
    pub block: &'static str,
    /// What the block of a layer with experts consists of.
    pub rules: &'static [Rule],
    /// The other modules of a layer; none of them holds anything per expert.
    pub beside: &'static [&'static str],
    /// Beginnings of the names outside of the layers, none of which holds anything per expert.
    pub outside: &'static [&'static str],
}

/// The modules most decoders have beside the block.
pub const BESIDE: &[&str] = &["self_attn", "input_layernorm", "post_attention_layernorm"];

/// What most models have outside of their layers.
pub const OUTSIDE: &[&str] = &["model.embed_tokens.", "model.norm.", "lm_head."];

/// One kind of tensor of an expert block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name after the block's: `{}` stands for an expert's index, a final `*` for anything.
    pub pattern: &'static str,
    /// What it is.
    pub part: Part,
    /// When a layer with experts must have it.
    pub need: Need,
    /// Parameters in one stored element: 1 but for packed weights (2) and their scales (0).
    pub parameters: u64,
}

/// When a layer with experts must have a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Always,
    /// Never.
    Never,
    /// Where the layer lacks the tensor of this pattern, which takes its place.
    Without(&'static str),
    /// Where the layer has the tensor of this pattern, which it goes with.
    With(&'static str),
}

/// What a tensor of an expert block is, and so what a prune does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The router, `[experts, hidden]`: kept rows are written.
    Router,
    /// Something else with an entry per expert along an axis, such as a score correction: kept entries are written.
    PerExpert {
        /** The axis of the experts. */
        axis: usize,
    },
    /// A tensor of one expert, whose index stands in its name: renamed or left out.
    Expert,
    /// A tensor of all experts: kept slices are written.
    Fused {
        /** The axis of the experts. */
        axis: usize,
    },
    /// Part of the block, but not of an expert, such as a shared expert: copied.
    Shared,
}

impl Rule {
    const fn new(pattern: &'static str, part: Part) -> Self {
        Self { pattern, part, need: Need::Always, parameters: 1 }
    }

    /// The router.
    #[must_use]
    pub const fn router(pattern: &'static str) -> Self {
        Self::new(pattern, Part::Router)
    }

    /// Something with an entry per expert.
    #[must_use]
    pub const fn per_expert(pattern: &'static str, axis: usize) -> Self {
        Self::new(pattern, Part::PerExpert { axis })
    }

    /// A tensor of one expert; the pattern holds `{}` once.
    #[must_use]
    pub const fn expert(pattern: &'static str) -> Self {
        Self::new(pattern, Part::Expert)
    }

    /// A tensor of all experts.
    #[must_use]
    pub const fn fused(pattern: &'static str, axis: usize) -> Self {
        Self::new(pattern, Part::Fused { axis })
    }

    /// A part of the block that belongs to no expert.
    #[must_use]
    pub const fn shared(pattern: &'static str) -> Self {
        Self::new(pattern, Part::Shared).needed(Need::Never)
    }

    /// The same, but a layer needs it only then.
    #[must_use]
    pub const fn needed(self, need: Need) -> Self {
        Self { need, ..self }
    }

    /// The same, with another number of parameters in one stored element.
    #[must_use]
    pub const fn parameters(self, parameters: u64) -> Self {
        Self { parameters, ..self }
    }

    /// The axis along which the experts lie in one tensor.
    #[must_use]
    pub const fn axis(&self) -> Option<usize> {
        match self.part {
            Part::Router => Some(0),
            Part::PerExpert { axis } | Part::Fused { axis } => Some(axis),
            Part::Expert | Part::Shared => None,
        }
    }

    /// Whether the tensor is, or is part of, the weights of routed experts.
    #[must_use]
    pub const fn is_expert_weight(&self) -> bool {
        matches!(self.part, Part::Expert | Part::Fused { .. })
    }

    /// Matches the name after the block's; gives the expert's index and where in `rest` it stands, for [`Part::Expert`].
    fn matches(&self, rest: &str) -> Option<Option<(usize, Range<usize>)>> {
        if let Some(beginning) = self.pattern.strip_suffix('*') {
            return rest.starts_with(beginning).then_some(None);
        }
        let Some((before, after)) = self.pattern.split_once("{}") else {
            return (rest == self.pattern).then_some(None);
        };
        let text = rest.strip_prefix(before)?.strip_suffix(after)?;
        Some(Some((index(text)?, before.len()..before.len() + text.len())))
    }

    /// The tensor's name in a layer's block, for an expert where the rule has one.
    fn name(&self, expert: usize) -> String {
        self.pattern.replacen("{}", &expert.to_string(), 1)
    }
}

/// What a layout says of a tensor's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One of the layout's rules, in the block of a layer.
    Rule {
        /** The layer. */
        layer: usize,
        /** The rule. */
        rule: &'static Rule,
        /** For a tensor of one expert: its index, and where in the name that stands. */
        expert: Option<(usize, Range<usize>)>,
    },
    /// In the block of a layer, but not of an expert as far as the layout knows.
    InBlock {
        /** The layer. */
        layer: usize,
    },
    /// In a layer, beside the block, or outside of the layers: known to hold nothing per expert.
    Known,
    /// In a layer the model does not have.
    NoSuchLayer,
    /// Anything else.
    Unknown,
}

impl ExpertLayout {
    /// Says what a tensor is by its name, in a model of `layers` decoder layers and up to `next_token` more.
    ///
    /// Next-token-prediction layers that are numbered apart count on from the decoder's.
    #[must_use]
    pub fn find(&'static self, name: &str, layers: usize, next_token: usize) -> Found {
        let Some((prefix, layer)) = self.layer(name) else {
            let known = self.outside.iter().any(|beginning| name.starts_with(beginning));
            return if known { Found::Known } else { Found::Unknown };
        };
        let Some(layer) = layer.place(layers, next_token) else {
            return Found::NoSuchLayer;
        };
        let rest = &name[prefix..];
        let module = |module: &str| rest.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
        if module(self.block) {
            let begin = self.block.len() + 1;
            for rule in self.rules {
                if let Some(expert) = rule.matches(&rest[begin..]) {
                    let moved = |range: Range<usize>| range.start + prefix + begin..range.end + prefix + begin;
                    return Found::Rule { layer, rule, expert: expert.map(|(expert, range)| (expert, moved(range))) };
                }
            }
            return Found::InBlock { layer };
        }
        if self.beside.iter().any(|beside| module(beside)) { Found::Known } else { Found::Unknown }
    }

    /// Splits a name behind `<prefix><index>.`.
    fn layer(&self, name: &str) -> Option<(usize, LayerIndex)> {
        let split = |prefix: &str| {
            let (text, _) = name.strip_prefix(prefix)?.split_once('.')?;
            Some((prefix.len() + text.len() + 1, index(text)?))
        };
        let decoder = self.layers.iter().find_map(|prefix| split(prefix)).map(|(end, layer)| (end, LayerIndex::Decoder(layer)));
        let next = || self.next_token_layers.iter().find_map(|prefix| split(prefix));
        decoder.or_else(|| next().map(|(end, layer)| (end, LayerIndex::NextToken(layer))))
    }

    /// The name of a rule's tensor in the layers under `prefix`.
    #[must_use]
    pub fn name(&self, prefix: &str, layer: usize, rule: &Rule, expert: usize) -> String {
        format!("{prefix}{layer}.{}.{}", self.block, rule.name(expert))
    }

    /// The prefix and own index of a layer, of those the names of a checkpoint begin with.
    #[must_use]
    pub fn prefix(&self, layer: usize, layers: usize, present: impl Fn(&str) -> bool) -> (&'static str, usize) {
        let apart = layer >= layers && !self.next_token_layers.is_empty();
        let (prefixes, index) = if apart { (self.next_token_layers, layer - layers) } else { (self.layers, layer) };
        (prefixes.iter().copied().find(|prefix| present(prefix)).unwrap_or(prefixes[0]), index)
    }

    /// The rule of the router.
    #[must_use]
    pub fn router(&self) -> Option<&'static Rule> {
        self.rules.iter().find(|rule| rule.part == Part::Router)
    }
}

/// An index as it stands in a name.
#[derive(Clone, Copy)]
enum LayerIndex {
    Decoder(usize),
    NextToken(usize),
}

impl LayerIndex {
    fn place(self, layers: usize, next_token: usize) -> Option<usize> {
        let (place, end) = match self {
            Self::Decoder(layer) => (layer, layers + next_token),
            Self::NextToken(layer) => (layers + layer, layers + MAX_NEXT_TOKEN_LAYERS),
        };
        (place < end).then_some(place)
    }
}

/// Most next-token-prediction layers a model may have.
pub(super) const MAX_NEXT_TOKEN_LAYERS: usize = 64;
