//! What happens to each tensor: a closed table, in which whatever is not foreseen is an error.

use super::{PlanError, Selection};
use crate::checkpoint::TensorInfo;
use crate::families::{Family, Role};

/// What a prune does with one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Copied bit for bit under its own name.
    Keep,
    /// A kept expert: copied bit for bit under its new name.
    Rename(String),
    /// A dropped expert: not written.
    Drop,
    /// A router: only the kept rows of axis 0 are written.
    Slice {
        /// The router's layer.
        layer: usize,
    },
}

/// Says what happens to a tensor.
///
/// # Source
/// Specification of expert pruning, the table of the two streaming passes.
pub(super) fn classify(family: &dyn Family, selection: &Selection, tensor: &TensorInfo) -> Result<Action, PlanError> {
    let pruned = |layer: &usize| selection.layers().contains_key(layer);
    match family.role(&tensor.name) {
        Some(Role::Router { layer }) if pruned(&layer) => Ok(Action::Slice { layer }),
        Some(Role::Expert { layer, expert, part }) if pruned(&layer) => Ok(match selection.new_index(layer, expert) {
            Some(expert) => Action::Rename(family.tensor_name(&Role::Expert { layer, expert, part })),
            None => Action::Drop,
        }),
        Some(_) => Ok(Action::Keep),
        None => classify_unknown(family, selection, tensor),
    }
}

/// A tensor the family does not know may pass through only where it cannot hold anything per expert.
fn classify_unknown(family: &dyn Family, selection: &Selection, tensor: &TensorInfo) -> Result<Action, PlanError> {
    let name = tensor.name.clone();
    if let Some(layer) = family.block_layer(&name).filter(|layer| selection.layers().contains_key(layer)) {
        return Err(PlanError::UnknownInBlock { tensor: name, layer, layout: family.layout_id() });
    }
    if tensor.shape.first() == Some(&(selection.experts() as u64)) {
        let layout = family.layout_id();
        return Err(PlanError::UnlistedExpertAxis { tensor: name, shape: tensor.shape.clone(), layout });
    }
    Ok(Action::Keep)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::checkpoint::Dtype;
    use crate::families::{Geometry, QkNorm, family};

    fn geometry() -> Geometry {
        Geometry {
            layers: 2,
            hidden: 8,
            vocab: 16,
            heads: 2,
            kv_heads: 2,
            head_dim: 4,
            experts: 4,
            top_k: 2,
            expert_intermediate: 6,
            dense_intermediate: Some(6),
            sparse: vec![false, true],
            rms_eps: 1e-6,
            rope_theta: 1e4,
            norm_topk: false,
            qk_norm: QkNorm::PerHead,
            clip_qkv: None,
            attention_bias: false,
            sliding_window: None,
            tie_embeddings: false,
            max_positions: 16,
        }
    }

    fn action(name: &str, shape: &[u64]) -> Result<Action, PlanError> {
        let selection = Selection::from_kept(&geometry(), &BTreeMap::from([(1, vec![1, 3])])).unwrap();
        let tensor = TensorInfo { name: name.to_owned(), dtype: Dtype::BF16, shape: shape.to_vec(), shard: 0, offset: 0, len: 0 };
        classify(family("qwen3_moe").unwrap(), &selection, &tensor)
    }

    #[test]
    fn experts_are_renamed_to_their_rank_or_dropped() {
        let new = "model.layers.1.mlp.experts.1.up_proj.weight".to_owned();
        assert_eq!(action("model.layers.1.mlp.experts.3.up_proj.weight", &[6, 8]).unwrap(), Action::Rename(new));
        assert_eq!(action("model.layers.1.mlp.experts.2.up_proj.weight", &[6, 8]).unwrap(), Action::Drop);
        assert_eq!(action("model.layers.1.mlp.gate.weight", &[4, 8]).unwrap(), Action::Slice { layer: 1 });
    }

    #[test]
    fn a_known_tensor_may_have_as_many_rows_as_there_are_experts() {
        assert_eq!(action("model.layers.1.self_attn.q_norm.weight", &[4]).unwrap(), Action::Keep);
    }

    #[test]
    fn an_unknown_tensor_in_an_expert_block_is_an_error() {
        let fault = action("model.layers.1.mlp.gate.e_score_correction_bias", &[4]).unwrap_err().to_string();
        assert_eq!(
            fault,
            "tensor `model.layers.1.mlp.gate.e_score_correction_bias` stands in the expert block of layer 1, but layout \
             `mlp-experts-unfused` has no rule for it"
        );
        assert!(matches!(
            action("model.layers.1.mlp.experts.1.up_proj.weight_scale", &[1]),
            Err(PlanError::UnknownInBlock { layer: 1, .. })
        ));
    }

    #[test]
    fn an_unlisted_tensor_with_an_axis_per_expert_is_an_error() {
        let fault = action("model.layers.1.expert_bias", &[4, 2]).unwrap_err().to_string();
        assert_eq!(
            fault,
            "tensor `model.layers.1.expert_bias` of shape [4, 2] has one row per expert, but layout `mlp-experts-unfused` \
             does not list it"
        );
        assert_eq!(action("vision.patch.weight", &[5, 4]).unwrap(), Action::Keep);
    }
}
