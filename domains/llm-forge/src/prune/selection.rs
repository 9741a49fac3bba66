//! Which experts stay: within each layer the `keep` best, ties to the lower index.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Strategy;
use crate::families::{ExpertGeometry, Groups};

/// A number per expert of every sparse layer; larger is more worth keeping.
#[derive(Clone, Debug, PartialEq)]
pub enum Scores {
    /// Whole numbers, compared as such.
    Counts(BTreeMap<usize, Vec<u64>>),
    /// Finite numbers.
    Values(BTreeMap<usize, Vec<f64>>),
}

/// Why a selection was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// Fewer experts would stay than a token is routed to.
    #[error("cannot keep {keep} experts per layer: every token is routed to {top_k}; keep at least {top_k}")]
    BelowTopK {
        /// Experts to keep.
        keep: usize,
        /// Experts a token is routed to.
        top_k: usize,
    },
    /// As many experts would stay as there are, or more.
    #[error("nothing to prune: keeping {keep} of {experts} experts per layer; keep fewer than {experts}")]
    NothingToPrune {
        /// Experts to keep.
        keep: usize,
        /// Experts per layer.
        experts: usize,
    },
    /// The experts that would stay do not fill the groups a token is routed by.
    #[error("cannot keep {keep} experts per layer: they are routed in {} groups, each of which must keep as many; {reason}", .groups.count)]
    Groups {
        /// Experts to keep.
        keep: usize,
        /// How experts are grouped.
        groups: Groups,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A kept list takes more experts from one group than from another.
    #[error("layer {layer}: kept experts {kept:?} are not {each} of every group of {group}")]
    Uneven {
        /// The layer.
        layer: usize,
        /// The list as given.
        kept: Vec<usize>,
        /// How many each group should keep.
        each: usize,
        /// Experts in a group.
        group: usize,
    },
    /// A sparse layer has no scores.
    #[error("layer {layer} routes to experts but has no scores; scored: {scored:?}")]
    MissingLayer {
        /// The layer.
        layer: usize,
        /// The layers that have scores.
        scored: Vec<usize>,
    },
    /// Scores are given for a layer without experts.
    #[error("layer {layer} has scores but no experts; layers with experts: {sparse:?}")]
    NotSparse {
        /// The layer.
        layer: usize,
        /// The sparse layers.
        sparse: Vec<usize>,
    },
    /// A layer has another number of scores than experts.
    #[error("layer {layer}: expected {expected} scores, got {got}")]
    WrongLength {
        /// The layer.
        layer: usize,
        /// Experts per layer.
        expected: usize,
        /// Scores given.
        got: usize,
    },
    /// A score is not a finite number.
    #[error("layer {layer}: the score of expert {expert} is {score}, expected a finite number")]
    NotFinite {
        /// The layer.
        layer: usize,
        /// The expert.
        expert: usize,
        /// The score.
        score: f64,
    },
    /// A measured layer has nothing but zeros: whatever was kept of it would be arbitrary.
    #[error("layer {layer}: no expert was reached by the calibration corpus, so `{strategy}` cannot rank them")]
    Unreached {
        /// The layer.
        layer: usize,
        /// The strategy.
        strategy: Strategy,
    },
    /// A kept list is not ascending, repeats an expert or names one that does not exist.
    #[error("layer {layer}: kept experts {kept:?} are not {keep} ascending indices below {experts}")]
    KeptList {
        /// The layer.
        layer: usize,
        /// The list as given.
        kept: Vec<usize>,
        /// How many should be kept.
        keep: usize,
        /// Experts per layer.
        experts: usize,
    },
}

/// The experts that stay, per sparse layer, ascending. An expert's new index is its rank among those kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    experts: usize,
    keep: usize,
    layers: BTreeMap<usize, Vec<usize>>,
}

impl Selection {
    /// Keeps the `keep` experts of each layer with the largest scores, ties to the lower index. Where experts are routed in
    /// groups, the best of each group are kept, as many of every group.
    ///
    /// # Errors
    /// When `keep` is out of bounds, scores do not fit the geometry, are not finite, or a measured layer is all zero.
    pub fn rank(geometry: &ExpertGeometry, strategy: Strategy, scores: &Scores, keep: usize) -> Result<Self, SelectError> {
        check_keep(geometry, keep)?;
        let layers = match scores {
            Scores::Counts(layers) => {
                check_layers(geometry, layers)?;
                refuse_unreached(strategy, layers, |count| *count == 0)?;
                layers.iter().map(|(layer, counts)| (*layer, best(counts, geometry.groups, keep, |a, b| a.cmp(b)))).collect()
            }
            Scores::Values(layers) => {
                check_layers(geometry, layers)?;
                check_finite(layers)?;
                refuse_unreached(strategy, layers, |value| value.abs() <= 0.0)?;
                let order = |a: &f64, b: &f64| a.partial_cmp(b).unwrap_or(Ordering::Equal);
                layers.iter().map(|(layer, values)| (*layer, best(values, geometry.groups, keep, order))).collect()
            }
        };
        Ok(Self { experts: geometry.experts, keep, layers })
    }

    /// Takes kept lists as recorded, to repeat a prune.
    ///
    /// # Errors
    /// When the lists do not fit the geometry, are of different lengths, or are not ascending.
    pub fn from_kept(geometry: &ExpertGeometry, kept: &BTreeMap<usize, Vec<usize>>) -> Result<Self, SelectError> {
        let keep = kept.values().next().map_or(0, Vec::len);
        check_keep(geometry, keep)?;
        check_covers(geometry, kept)?;
        let experts = geometry.experts;
        for (layer, list) in kept {
            let ascending = list.windows(2).all(|pair| pair[0] < pair[1]);
            if list.len() != keep || !ascending || list.last().is_some_and(|last| *last >= experts) {
                return Err(SelectError::KeptList { layer: *layer, kept: list.clone(), keep, experts });
            }
            let (group, each) = (experts / geometry.groups.count, keep / geometry.groups.count);
            if list.chunks(each).enumerate().any(|(place, part)| part.iter().any(|expert| expert / group != place)) {
                return Err(SelectError::Uneven { layer: *layer, kept: list.clone(), each, group });
            }
        }
        Ok(Self { experts, keep, layers: kept.clone() })
    }

    /// Keeps the first experts of each layer or group: of the right size for an estimate, before anything is measured.
    ///
    /// # Errors
    /// When `keep` is out of bounds.
    pub fn for_estimate(geometry: &ExpertGeometry, keep: usize) -> Result<Self, SelectError> {
        check_keep(geometry, keep)?;
        let (group, each) = (geometry.experts / geometry.groups.count, keep / geometry.groups.count);
        let first: Vec<usize> = (0..geometry.groups.count).flat_map(|place| place * group..place * group + each).collect();
        let layers = geometry.sparse_layers().map(|layer| (layer, first.clone())).collect();
        Ok(Self { experts: geometry.experts, keep, layers })
    }

    /// Returns how many experts each layer had.
    #[must_use]
    pub fn experts(&self) -> usize {
        self.experts
    }

    /// Returns how many experts each layer keeps.
    #[must_use]
    pub fn keep(&self) -> usize {
        self.keep
    }

    /// Returns the kept experts by layer, ascending.
    #[must_use]
    pub fn layers(&self) -> &BTreeMap<usize, Vec<usize>> {
        &self.layers
    }

    /// Returns the new index of an expert, or `None` when it is dropped or its layer is not pruned.
    #[must_use]
    pub fn new_index(&self, layer: usize, expert: usize) -> Option<usize> {
        self.layers.get(&layer)?.binary_search(&expert).ok()
    }
}

/// Refuses a number of experts to keep that leaves fewer than top-k, or all, or that the groups cannot share evenly.
///
/// # Errors
/// [`SelectError::BelowTopK`], [`SelectError::NothingToPrune`], [`SelectError::Groups`].
pub fn check_keep(geometry: &ExpertGeometry, keep: usize) -> Result<(), SelectError> {
    check_budget(geometry.experts, geometry.top_k, geometry.groups, keep)
}

/// The same, of a model known by its numbers only.
///
/// # Errors
/// As [`check_keep`].
pub fn check_budget(experts: usize, top_k: usize, groups: Groups, keep: usize) -> Result<(), SelectError> {
    if keep < top_k {
        return Err(SelectError::BelowTopK { keep, top_k });
    }
    if keep >= experts {
        return Err(SelectError::NothingToPrune { keep, experts });
    }
    let refused = |reason| Err(SelectError::Groups { keep, groups, reason });
    let each = keep / groups.count;
    if !keep.is_multiple_of(groups.count) {
        return refused(format!("keep a multiple of {}", groups.count));
    }
    if each < groups.scored_by {
        return refused(format!(
            "a group is scored by its best {}, so keep at least {}",
            groups.scored_by,
            groups.scored_by * groups.count
        ));
    }
    if each * groups.used < top_k {
        let least = top_k.div_ceil(groups.used) * groups.count;
        return refused(format!("a token takes {top_k} experts from {} of the groups, so keep at least {least}", groups.used));
    }
    Ok(())
}

fn check_layers<T>(geometry: &ExpertGeometry, layers: &BTreeMap<usize, Vec<T>>) -> Result<(), SelectError> {
    check_covers(geometry, layers)?;
    for (layer, scores) in layers {
        if scores.len() != geometry.experts {
            let (expected, got) = (geometry.experts, scores.len());
            return Err(SelectError::WrongLength { layer: *layer, expected, got });
        }
    }
    Ok(())
}

/// Holds the layers given against the sparse layers, both ways.
fn check_covers<T>(geometry: &ExpertGeometry, layers: &BTreeMap<usize, T>) -> Result<(), SelectError> {
    let sparse: Vec<usize> = geometry.sparse_layers().collect();
    if let Some(layer) = sparse.iter().find(|layer| !layers.contains_key(layer)) {
        return Err(SelectError::MissingLayer { layer: *layer, scored: layers.keys().copied().collect() });
    }
    match layers.keys().find(|layer| sparse.binary_search(layer).is_err()) {
        Some(layer) => Err(SelectError::NotSparse { layer: *layer, sparse }),
        None => Ok(()),
    }
}

fn check_finite(layers: &BTreeMap<usize, Vec<f64>>) -> Result<(), SelectError> {
    for (layer, values) in layers {
        if let Some(expert) = values.iter().position(|value| !value.is_finite()) {
            return Err(SelectError::NotFinite { layer: *layer, expert, score: values[expert] });
        }
    }
    Ok(())
}

fn refuse_unreached<T>(
    strategy: Strategy,
    layers: &BTreeMap<usize, Vec<T>>,
    zero: impl Fn(&T) -> bool,
) -> Result<(), SelectError> {
    match layers.iter().find(|(_, scores)| strategy.is_measured() && scores.iter().all(&zero)) {
        Some((layer, _)) => Err(SelectError::Unreached { layer: *layer, strategy }),
        None => Ok(()),
    }
}

/// The `keep` best, as many of every group, ascending.
fn best<T>(scores: &[T], groups: Groups, keep: usize, order: impl Fn(&T, &T) -> Ordering) -> Vec<usize> {
    let (group, each) = (scores.len() / groups.count, keep / groups.count);
    let mut kept = Vec::with_capacity(keep);
    for first in (0..scores.len()).step_by(group) {
        let mut ranked: Vec<usize> = (first..first + group).collect();
        ranked.sort_by(|a, b| order(&scores[*b], &scores[*a]).then(a.cmp(b)));
        kept.extend(&ranked[..each]);
    }
    kept.sort_unstable();
    kept
}
