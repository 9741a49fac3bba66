//! Where each tensor of a checkpoint goes in a GGUF file, as data.

use std::collections::BTreeMap;

use crate::checkpoint::Checkpoint;

use super::error::GgufError;
use super::factors::Factors;
use super::hparams::{Hparams, Keys};
use super::source::{self, Found};
use super::view::View;

/// Longest row that is handled, in elements; a limit on memory, far above any model.
pub(super) const ROW_MAX: u64 = 1 << 20;

/// How a family is written as GGUF.
pub struct GgufFamily {
    /// llama.cpp's name of the architecture.
    pub(crate) architecture: &'static str,
    /// Base of the rotary embedding when the config has none.
    pub(crate) rope_theta: f32,
    /// Where its tensors go.
    pub(crate) rules: &'static [&'static [Rule]],
    /// The metadata keys it adds to the common ones, and what it refuses.
    pub(crate) keys: fn(&Hparams, &mut Keys) -> Result<(), GgufError>,
    /// What its vocabulary may be.
    pub(crate) vocabulary: Vocabulary,
    /// Whether layers behind the last one, which predict further tokens, are left out; else they are refused.
    pub(crate) leaves_further_layers: bool,
    /// Tables that may stretch its rotary embedding.
    pub(crate) factors: Factors,
    /// How its tensors are found within a model of several parts.
    pub(crate) within: Option<Within>,
    /// What llama.cpp computes otherwise than the model's authors, in words.
    pub(crate) differs: Option<&'static str>,
}

impl GgufFamily {
    /// What most families are.
    pub(crate) const PLAIN: Self = Self {
        architecture: "",
        rope_theta: 10_000.0,
        rules: &[],
        keys: |_, _| Ok(()),
        vocabulary: Vocabulary::Bpe,
        leaves_further_layers: false,
        factors: Factors::None,
        within: None,
        differs: None,
    };
}

/// A text model within a larger one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within {
    /// What its tensors' names begin with there.
    pub(crate) prefix: &'static str,
    /// What those of the other parts begin with, which are left out.
    pub(crate) others: &'static [&'static str],
}

/// What a family's vocabulary may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    /// Byte-level BPE from `tokenizer.json`.
    Bpe,
    /// As [`Vocabulary::Bpe`] with the turn tokens of GLM.
    Glm,
    /// SentencePiece from `tokenizer.model` where there is one, else byte-level BPE.
    SentencePiece,
    /// As [`Vocabulary::SentencePiece`]; `tokenizer.json` may add tokens, and none is special that no file says is.
    Phi,
}

/// Where a tensor goes. `{L}` stands for the layer and `{E}` for the expert, without leading zeros.
pub(crate) struct Rule {
    /// Its name in the checkpoint.
    pub(crate) from: &'static str,
    /// What is made of it.
    pub(crate) to: &'static [(&'static str, Form)],
}

/// How a tensor's elements are taken; several views follow each other in the file.
pub(crate) type Form = fn(View, &Hparams) -> Result<Vec<View>, GgufError>;

/// A tensor of the file.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) name: String,
    /// Outermost first.
    pub(crate) dims: Vec<u64>,
    pub(crate) pieces: Vec<View>,
    /// Whether it keeps the blocks it is stored in, whatever type the others get.
    pub(crate) packed: bool,
}

impl Planned {
    pub(crate) fn row(&self) -> u64 {
        self.dims.last().copied().unwrap_or(1)
    }

    pub(crate) fn elements(&self) -> u64 {
        self.dims.iter().product()
    }
}

/// Tensors of one name, as they are found: the pieces of one that is not stacked, or those of every expert.
#[derive(Default)]
struct Gathered {
    experts: BTreeMap<u64, Vec<View>>,
    stacked: bool,
}

/// A plan, and what of the checkpoint is not in it.
pub(crate) struct Plan {
    pub(crate) tensors: Vec<Planned>,
    /// Tensors of layers that predict further tokens.
    pub(crate) further: usize,
    /// Tensors of other parts of a larger model.
    pub(crate) others: usize,
}

/// Says where every tensor of a checkpoint goes, in the order of the checkpoint.
pub(crate) fn plan(family: &GgufFamily, hparams: &Hparams, checkpoint: &Checkpoint) -> Result<Plan, GgufError> {
    let mut order: Vec<String> = Vec::new();
    let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
    let tied = hparams.flag("tie_word_embeddings", false)?;
    let layers = u64::from(hparams.count("num_hidden_layers")?);
    let (mut left_further, mut left_others) = (0, 0);
    for (place, tensor) in checkpoint.tensors().iter().enumerate() {
        let mut bare = tensor.name.as_str();
        if let Some(within) = family.within {
            if within.others.iter().any(|other| bare.starts_with(other)) {
                left_others += 1;
                continue;
            }
            bare = bare.strip_prefix(within.prefix).unwrap_or(bare);
        }
        let further = bare.starts_with("mtp.") || matched_layer(bare).is_some_and(|layer| layer >= layers);
        if further && family.leaves_further_layers {
            left_further += 1;
            continue;
        }
        if tied && bare == "lm_head.weight" {
            continue;
        }
        let (source, shape) = match source::find(place, checkpoint, hparams)? {
            Found::Elements { source, shape } => (source, shape),
            Found::Scales => continue,
        };
        let found = family.rules.iter().copied().flatten().find_map(|rule| matched(rule.from, bare).map(|holes| (rule, holes)));
        let no_place = || GgufError::NoPlace { tensor: tensor.name.clone(), architecture: family.architecture };
        let (rule, holes) = found.ok_or_else(no_place)?;
        if further {
            return Err(no_place());
        }
        for (to, form) in rule.to {
            let name = holes.layer.map_or_else(|| (*to).to_owned(), |layer| to.replace("{L}", &layer.to_string()));
            let views = form(View::whole(tensor.name.clone(), source.clone(), shape.clone()), hparams)?;
            let entry = gathered.entry(name.clone()).or_insert_with(|| {
                order.push(name);
                Gathered::default()
            });
            entry.stacked |= holes.expert.is_some();
            entry.experts.entry(holes.expert.unwrap_or(0)).or_default().extend(views);
        }
    }
    let experts = hparams.first(&["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"]);
    let experts = experts.map(|key| hparams.count(key)).transpose()?.map_or(0, u64::from);
    let mut planned = Vec::with_capacity(order.len());
    for name in order {
        let Some(found) = gathered.remove(&name) else { continue };
        planned.push(join(name, found, experts)?);
    }
    Ok(Plan { tensors: planned, further: left_further, others: left_others })
}

fn join(name: String, gathered: Gathered, experts: u64) -> Result<Planned, GgufError> {
    if gathered.stacked && !gathered.experts.keys().copied().eq(0..experts) {
        let got = gathered.experts.len() as u64;
        return Err(GgufError::Experts { tensor: name, expected: experts, got });
    }
    let count = gathered.experts.len() as u64;
    let pieces: Vec<View> = gathered.experts.into_values().flatten().collect();
    let Some(first) = pieces.first() else {
        return Err(GgufError::Experts { tensor: name, expected: experts, got: 0 });
    };
    let mut dims = first.dims.clone();
    if let Some(odd) = pieces.iter().find(|piece| piece.dims.get(1..) != dims.get(1..)) {
        return Err(odd.misfit(format!("rows as the others of `{name}`: {dims:?}")));
    }
    if gathered.stacked {
        if let Some(odd) = pieces.iter().find(|piece| piece.dims != dims) {
            return Err(odd.misfit(format!("the shape of the other experts: {dims:?}")));
        }
        dims.insert(0, count);
    } else if let Some(outer) = dims.first_mut() {
        *outer = pieces.iter().filter_map(|piece| piece.dims.first()).sum();
    }
    let packed = pieces.iter().map(View::is_packed).collect::<Result<Vec<_>, _>>()?;
    if let Some(odd) = pieces.iter().zip(&packed).find_map(|(piece, is)| (*is != packed[0]).then_some(piece)) {
        return Err(odd.misfit(format!("elements stored as those of the other parts of `{name}`")));
    }
    let planned = Planned { name, dims, pieces, packed: packed[0] };
    if planned.row() > ROW_MAX {
        return Err(GgufError::Row { elements: planned.row(), tensor: planned.name, limit: ROW_MAX });
    }
    Ok(planned)
}

/// The layer of a decoder's tensor.
fn matched_layer(name: &str) -> Option<u64> {
    name.strip_prefix("model.layers.")?.split_once('.')?.0.parse().ok()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Holes {
    layer: Option<u64>,
    expert: Option<u64>,
}

/// Matches a name against a pattern.
fn matched(pattern: &str, name: &str) -> Option<Holes> {
    let mut holes = Holes::default();
    let (mut pattern, mut name) = (pattern, name);
    loop {
        let Some(open) = pattern.find('{') else { return (pattern == name).then_some(holes) };
        name = name.strip_prefix(&pattern[..open])?;
        let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
        let text = &name[..digits];
        if text.len() > 1 && text.starts_with('0') {
            return None;
        }
        let number: u64 = text.parse().ok()?;
        let hole = if pattern[open..].starts_with("{L}") { &mut holes.layer } else { &mut holes.expert };
        *hole = Some(number);
        (pattern, name) = (&pattern[open + 3..], &name[digits..]);
    }
}

/// Forms that several families use.
pub(crate) mod forms {
    use super::{GgufError, Hparams, View};

    /// As it is.
    pub(crate) fn same(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
        Ok(vec![view])
    }

    /// The first half of the last-but-one dimension: the gate of a fused gate and up projection.
    pub(crate) fn first_half(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
        Ok(vec![view.part(1, 0, 2)?])
    }

    /// The second half of the last-but-one dimension.
    pub(crate) fn second_half(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
        Ok(vec![view.part(1, 1, 2)?])
    }

    /// The last two dimensions changed for each other: stored `[in, out]`, kept `[out, in]`.
    pub(crate) fn transposed(view: View, _: &Hparams) -> Result<Vec<View>, GgufError> {
        Ok(vec![view.transpose()?])
    }

    /// Query rows from halves of a head (`x0 x1 … | y0 y1 …`) to the pairs llama.cpp turns (`x0 y0 x1 y1 …`).
    pub(crate) fn query_pairs(view: View, hparams: &Hparams) -> Result<Vec<View>, GgufError> {
        pairs(view, hparams.count("num_attention_heads")?)
    }

    /// Key rows from halves of a head to pairs.
    pub(crate) fn key_pairs(view: View, hparams: &Hparams) -> Result<Vec<View>, GgufError> {
        let heads = hparams.count("num_attention_heads")?;
        pairs(view, hparams.count_or("num_key_value_heads", heads)?)
    }

    fn pairs(view: View, heads: u32) -> Result<Vec<View>, GgufError> {
        let (dims, heads) = (view.dims.clone(), u64::from(heads.max(1)));
        let width = dims.first().copied().unwrap_or(0) / heads;
        Ok(vec![view.split_first(&[heads, 2, width / 2])?.swap(1, 2).shaped(dims)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_numbers_and_nothing_else() {
        let both = |layer, expert| Some(Holes { layer, expert });
        assert_eq!(matched("a.{L}.b.{E}.c", "a.12.b.3.c"), both(Some(12), Some(3)));
        assert_eq!(matched("a.{L}.b", "a.0.b"), both(Some(0), None));
        for odd in ["a.00.b", "a..b", "a.x.b", "a.1.b.c", "a.1", "a.99999999999999999999.b", "xa.1.b"] {
            assert_eq!(matched("a.{L}.b", odd), None, "{odd}");
        }
        assert_eq!(matched("plain", "plain"), both(None, None));
    }
}
