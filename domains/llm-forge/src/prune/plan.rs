//! What a prune will write, to the byte, from headers alone.

use super::header;
use super::layout::{Action, classify};
use super::{Selection, edit_expert_count};
use crate::checkpoint::{Dtype, TensorInfo};
use crate::families::Model;

/// Default size of an output shard's tensors, in bytes: 5 GiB.
pub const DEFAULT_SHARD_BYTES: u64 = 5 << 30;

/// Most output shards: the file names have five digits.
const MAX_SHARDS: usize = 99_999;

/// Why a prune cannot be planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A tensor in an expert block matches no rule of the layout.
    #[error("tensor `{tensor}` stands in the expert block of layer {layer}, but layout `{layout}` has no rule for it")]
    UnknownInBlock {
        /// The tensor.
        tensor: String,
        /// Its layer.
        layer: usize,
        /// The family's layout.
        layout: &'static str,
    },
    /// A tensor has as many entries as there are experts and is not in the layout.
    #[error("tensor `{tensor}` of shape {shape:?} has one entry per expert, but layout `{layout}` does not list it")]
    UnlistedExpertAxis {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// The family's layout.
        layout: &'static str,
    },
    /// The selection was made for another geometry.
    #[error("the selection is for {selected} experts in layers {layers:?}, but the model has {experts} in layers {sparse:?}")]
    OtherGeometry {
        /// Experts per layer the selection was made for.
        selected: usize,
        /// Layers the selection covers.
        layers: Vec<usize>,
        /// Experts per layer of the model.
        experts: usize,
        /// Sparse layers of the model.
        sparse: Vec<usize>,
    },
    /// Shards of this size would be too many to be numbered.
    #[error("shards of {shard_bytes} bytes would make more than {MAX_SHARDS} files; use larger shards")]
    TooManyShards {
        /// The size asked for.
        shard_bytes: u64,
    },
    /// The config cannot be edited.
    #[error(transparent)]
    Config(#[from] super::ConfigEditError),
}

/// How many tensors were treated how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// Routers, and other tensors with an entry per expert, of which only the kept entries were written.
    pub router_gate_sliced: u64,
    /// Tensors of kept experts, copied under their new names.
    pub kept_renamed: u64,
    /// Tensors of dropped experts, not written.
    pub dropped_expert: u64,
    /// Fused expert tensors of which only the kept experts were written.
    pub fused_sliced: u64,
    /// All other tensors, copied unchanged.
    pub kept_unchanged: u64,
}

/// One tensor of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTensor {
    /// Name in the output.
    pub name: String,
    /// Element type, that of the source.
    pub dtype: Dtype,
    /// Dimensions in the output.
    pub shape: Vec<u64>,
    /// Bytes in the output.
    pub bytes: u64,
    /// Place of the source tensor in the checkpoint's tensors.
    pub source: usize,
    /// Which part is written; `None` when the tensor is written whole.
    pub sliced: Option<Slice>,
}

/// The kept experts' part of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The layer whose kept experts these are.
    pub layer: usize,
    /// The axis along which the experts lie.
    pub axis: usize,
}

/// One file of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedShard {
    /// File name.
    pub name: String,
    /// Tensors in the order of their bytes.
    pub tensors: Vec<PlannedTensor>,
    /// Bytes of the whole file.
    pub bytes: u64,
}

/// What a prune will write.
#[derive(Clone, Debug)]
pub struct PrunePlan {
    /// Which experts stay.
    pub selection: Selection,
    /// The output files.
    pub shards: Vec<PlannedShard>,
    /// How many tensors are treated how.
    pub counters: Counters,
    /// Bytes of all source shards: what will be read.
    pub bytes_in: u64,
    /// Bytes of all output shards, headers included.
    pub bytes_out: u64,
    /// Bytes of all output tensors.
    pub tensor_bytes_out: u64,
    /// Parameters of the source.
    pub parameters_in: u64,
    /// Parameters of the output.
    pub parameters_out: u64,
    /// The config of the output.
    pub config_text: String,
}

/// Plans the prune of `model` to the experts of `selection`.
///
/// Output tensors follow the order of the source; a shard closes before its tensors would pass `shard_bytes`, and a larger
/// tensor gets a shard of its own. Sizes depend on the selection only through the order of tensors at shard borders, so a
/// plan of [`Selection::for_estimate`] has the exact `tensor_bytes_out`.
///
/// # Errors
/// When a tensor matches no rule, the selection is for another geometry, or the config's expert counts cannot be set.
pub fn plan_prune(model: &Model, selection: &Selection, shard_bytes: u64) -> Result<PrunePlan, PlanError> {
    check_geometry(model, selection)?;
    let mut packer = Packer { shard_bytes, shards: vec![Vec::new()], used: 0 };
    let mut counters = Counters::default();
    let (mut parameters_in, mut parameters_out) = (0, 0);
    for (source, tensor) in model.checkpoint.tensors().iter().enumerate() {
        let planned = plan_tensor(model, selection, source, tensor, &mut counters)?;
        let parameters = model.parameters(tensor);
        parameters_in += parameters;
        if let Some(planned) = planned {
            parameters_out += if planned.sliced.is_some() {
                parameters / selection.experts() as u64 * selection.keep() as u64
            } else {
                parameters
            };
            packer.push(planned)?;
        }
    }
    let shards = packer.finish();
    Ok(PrunePlan {
        selection: selection.clone(),
        counters,
        bytes_in: model.checkpoint.shards().iter().map(|shard| shard.bytes).sum(),
        bytes_out: shards.iter().map(|shard| shard.bytes).sum(),
        tensor_bytes_out: shards.iter().flat_map(|shard| &shard.tensors).map(|tensor| tensor.bytes).sum(),
        shards,
        parameters_in,
        parameters_out,
        config_text: edit_expert_count(&model.config_text, selection.experts() as u64, selection.keep() as u64)?,
    })
}

impl PrunePlan {
    /// Returns the parameters a token passes through, before and after alike: top-k and expert size do not change.
    #[must_use]
    pub fn active_parameters(model: &Model) -> u64 {
        let (experts, top_k) = (model.experts.experts as u64, model.experts.top_k as u64);
        let (mut other, mut expert) = (0, 0);
        for tensor in model.checkpoint.tensors() {
            match model.rule(&tensor.name) {
                Some(rule) if rule.is_expert_weight() => expert += model.parameters(tensor),
                _ => other += model.parameters(tensor),
            }
        }
        other + expert / experts * top_k
    }
}

fn check_geometry(model: &Model, selection: &Selection) -> Result<(), PlanError> {
    let sparse: Vec<usize> = model.experts.sparse_layers().collect();
    let layers: Vec<usize> = selection.layers().keys().copied().collect();
    if selection.experts() == model.experts.experts && layers == sparse {
        return Ok(());
    }
    Err(PlanError::OtherGeometry { selected: selection.experts(), layers, experts: model.experts.experts, sparse })
}

fn plan_tensor(
    model: &Model,
    selection: &Selection,
    source: usize,
    tensor: &TensorInfo,
    counters: &mut Counters,
) -> Result<Option<PlannedTensor>, PlanError> {
    let mut planned = PlannedTensor {
        name: tensor.name.clone(),
        dtype: tensor.dtype,
        shape: tensor.shape.clone(),
        bytes: tensor.len,
        source,
        sliced: None,
    };
    match classify(model, selection, tensor)? {
        Action::Keep => counters.kept_unchanged += 1,
        Action::Rename(name) => {
            counters.kept_renamed += 1;
            planned.name = name;
        }
        Action::Drop => {
            counters.dropped_expert += 1;
            return Ok(None);
        }
        Action::Slice { slice, fused } => {
            *(if fused { &mut counters.fused_sliced } else { &mut counters.router_gate_sliced }) += 1;
            planned.bytes = tensor.len / selection.experts() as u64 * selection.keep() as u64;
            planned.shape[slice.axis] = selection.keep() as u64;
            planned.sliced = Some(slice);
        }
    }
    Ok(Some(planned))
}

/// Fills shards in order.
struct Packer {
    shard_bytes: u64,
    shards: Vec<Vec<PlannedTensor>>,
    /// Tensor bytes in the last shard.
    used: u64,
}

impl Packer {
    fn push(&mut self, tensor: PlannedTensor) -> Result<(), PlanError> {
        let last = self.shards.last().expect("starts with one shard and only grows");
        if !last.is_empty() && self.used.saturating_add(tensor.bytes) > self.shard_bytes {
            if self.shards.len() == MAX_SHARDS {
                return Err(PlanError::TooManyShards { shard_bytes: self.shard_bytes });
            }
            self.shards.push(Vec::new());
            self.used = 0;
        }
        self.used += tensor.bytes;
        self.shards.last_mut().expect("starts with one shard and only grows").push(tensor);
        Ok(())
    }

    fn finish(self) -> Vec<PlannedShard> {
        let count = self.shards.len();
        let mut shards = Vec::with_capacity(count);
        for (place, tensors) in self.shards.into_iter().enumerate() {
            let name = format!("model-{:05}-of-{count:05}.safetensors", place + 1);
            let data: u64 = tensors.iter().map(|tensor| tensor.bytes).sum();
            let mut shard = PlannedShard { name, tensors, bytes: data };
            shard.bytes += header::shard_header(&shard).len() as u64;
            shards.push(shard);
        }
        shards
    }
}
