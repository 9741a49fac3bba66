//! What happens to each tensor: a closed table, in which whatever is not foreseen is an error.

use super::plan::Slice;
use super::{PlanError, Selection};
use crate::checkpoint::TensorInfo;
use crate::families::{Found, Model, Part};

/// What a prune does with one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Copied bit for bit under its own name.
    Keep,
    /// A kept expert: copied bit for bit under its new name.
    Rename(String),
    /// A dropped expert: not written.
    Drop,
    /// A router or another tensor with an entry per expert: only the kept entries are written.
    Slice {
        /// Which entries.
        slice: Slice,
        /// Whether the entries are experts' weights.
        fused: bool,
    },
}

/// Says what happens to a tensor.
///
/// # Source
/// Specification of expert pruning, the table of the two streaming passes.
pub(super) fn classify(model: &Model, selection: &Selection, tensor: &TensorInfo) -> Result<Action, PlanError> {
    let pruned = |layer: &usize| selection.layers().contains_key(layer);
    let (layer, rule, expert) = match model.find(&tensor.name) {
        Found::Rule { layer, rule, expert } if pruned(&layer) => (layer, rule, expert),
        Found::InBlock { layer } if pruned(&layer) => {
            let (tensor, layout) = (tensor.name.clone(), model.family.layout().id);
            return Err(PlanError::UnknownInBlock { tensor, layer, layout });
        }
        Found::Unknown | Found::NoSuchLayer => return unlisted(model, selection, tensor),
        Found::Rule { .. } | Found::InBlock { .. } | Found::Known => return Ok(Action::Keep),
    };
    let slice = |axis, fused| Ok(Action::Slice { slice: Slice { layer, axis }, fused });
    match (rule.part, expert) {
        (Part::Router, _) => slice(0, false),
        (Part::PerExpert { axis }, _) => slice(axis, false),
        (Part::Fused { axis }, _) => slice(axis, true),
        (Part::Expert, Some((expert, place))) => Ok(match selection.new_index(layer, expert) {
            Some(new) => Action::Rename(format!("{}{new}{}", &tensor.name[..place.start], &tensor.name[place.end..])),
            None => Action::Drop,
        }),
        (Part::Expert, None) | (Part::Shared, _) => Ok(Action::Keep),
    }
}

/// A tensor the layout does not know may pass through only where it cannot hold anything per expert: where its first axis of
/// more than one entry has another length than there are experts.
fn unlisted(model: &Model, selection: &Selection, tensor: &TensorInfo) -> Result<Action, PlanError> {
    let first = tensor.shape.iter().find(|entries| **entries != 1);
    if first == Some(&(selection.experts() as u64)) {
        let (layout, shape) = (model.family.layout().id, tensor.shape.clone());
        return Err(PlanError::UnlistedExpertAxis { tensor: tensor.name.clone(), shape, layout });
    }
    Ok(Action::Keep)
}
