//! Which experts are left, so that a pruned model can be evaluated before it is written.

use crate::families::ExpertGeometry;
use std::collections::BTreeMap;

/// Which experts each layer keeps. A dropped expert is out of the softmax, which gives, bit for bit, what the model gives with
/// that expert cut out and its router row removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpertMask {
    /// Per sparse layer: true for every kept expert.
    kept: BTreeMap<usize, Vec<bool>>,
}

/// Why a set of kept experts does not fit a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// A sparse layer is missing from the set.
    #[error("layer {layer} routes to experts, but the kept experts name none for it")]
    LayerMissing {
        /// The layer.
        layer: usize,
    },
    /// The set names a layer without experts.
    #[error("layer {layer} has no experts, but the kept experts name some for it")]
    LayerDense {
        /// The layer.
        layer: usize,
    },
    /// An expert does not exist.
    #[error("layer {layer}: expert {expert} does not exist, the layer has {experts}")]
    NoSuchExpert {
        /// The layer.
        layer: usize,
        /// The expert.
        expert: usize,
        /// How many there are.
        experts: usize,
    },
    /// An expert is named twice.
    #[error("layer {layer}: expert {expert} is named twice")]
    Twice {
        /// The layer.
        layer: usize,
        /// The expert.
        expert: usize,
    },
    /// Fewer experts are left than a token is routed to.
    #[error("layer {layer} keeps {kept} experts, expected at least {top_k}: every token is routed to that many")]
    TooFew {
        /// The layer.
        layer: usize,
        /// How many are kept.
        kept: usize,
        /// How many a token needs.
        top_k: usize,
    },
}

impl ExpertMask {
    /// Makes a mask from kept expert indices per layer.
    ///
    /// # Errors
    /// When a sparse layer is missing, a dense one is named, an expert does not exist or is named twice, or fewer experts are
    /// left than a token is routed to.
    pub fn new(geometry: &ExpertGeometry, kept: &BTreeMap<usize, Vec<usize>>) -> Result<ExpertMask, MaskError> {
        if let Some(layer) = kept.keys().find(|layer| !geometry.sparse.get(**layer).copied().unwrap_or(false)) {
            return Err(MaskError::LayerDense { layer: *layer });
        }
        let sparse = geometry.sparse_layers();
        let flags = sparse.map(|layer| {
            let kept = kept.get(&layer).ok_or(MaskError::LayerMissing { layer })?;
            Ok((layer, layer_flags(geometry, layer, kept)?))
        });
        Ok(ExpertMask { kept: flags.collect::<Result<_, MaskError>>()? })
    }

    /// Gives a layer's flags, true for every kept expert; none for a layer without experts.
    #[must_use]
    pub fn layer(&self, layer: usize) -> Option<&[bool]> {
        self.kept.get(&layer).map(Vec::as_slice)
    }
}

fn layer_flags(geometry: &ExpertGeometry, layer: usize, kept: &[usize]) -> Result<Vec<bool>, MaskError> {
    let mut flags = vec![false; geometry.experts];
    for expert in kept.iter().copied() {
        let flag = flags.get_mut(expert).ok_or(MaskError::NoSuchExpert { layer, expert, experts: geometry.experts })?;
        if *flag {
            return Err(MaskError::Twice { layer, expert });
        }
        *flag = true;
    }
    if kept.len() < geometry.top_k {
        return Err(MaskError::TooFew { layer, kept: kept.len(), top_k: geometry.top_k });
    }
    Ok(flags)
}
