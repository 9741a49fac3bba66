//! Holds a written prune against its source, tensor by tensor, independently of how it was written.

use std::ops::Range;

use super::Selection;
use crate::checkpoint::{CheckpointError, TensorInfo};
use crate::families::{ExpertGeometry, Found, Model, Part, Rule};
use crate::progress::Progress;

/// Bytes compared at once.
const PIECE_BYTES: u64 = 1 << 20;

/// Most differences reported.
const MAX_DIFFERENCES: usize = 24;

/// How many experts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Every expert.
    All,
    /// This many of each layer, spread evenly over the new indices.
    PerLayer(usize),
}

/// Why a prune could not be verified. A prune that differs is not an error but a [`Verification`] with differences.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A tensor cannot be read.
    #[error(transparent)]
    Read(#[from] CheckpointError),
    /// The output is not a prune of the source to this selection.
    #[error("the output cannot be a prune of the source: {what} is {got}, expected {expected}")]
    OtherModel {
        /// What differs.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The progress hook said to stop.
    #[error("the verification was cancelled")]
    Cancelled,
}

/// One tensor that is not what the source and the selection say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// A router row, or another entry per expert, is not the kept expert's.
    #[error("`{tensor}`: row {row} is not row {old} of the source")]
    RouterRow {
        /// The router.
        tensor: String,
        /// Row in the output.
        row: usize,
        /// Row in the source.
        old: usize,
    },
    /// An expert's tensor is not the kept expert's.
    #[error("`{tensor}` is not `{source_tensor}` of the source")]
    Expert {
        /// Name in the output.
        tensor: String,
        /// Name in the source.
        source_tensor: String,
    },
    /// A slice of a tensor of all experts is not the kept expert's.
    #[error("`{tensor}`: slice {slice} is not slice {old} of the source")]
    FusedSlice {
        /// The tensor.
        tensor: String,
        /// Slice in the output.
        slice: usize,
        /// Slice in the source.
        old: usize,
    },
    /// The output holds a tensor the source has none for.
    #[error("`{tensor}` stems from no tensor of the source")]
    Unexpected {
        /// The tensor.
        tensor: String,
    },
    /// The output lacks a tensor.
    #[error("`{tensor}` is missing")]
    Missing {
        /// The tensor.
        tensor: String,
    },
    /// A tensor that should pass through changed.
    #[error("`{tensor}` is not what it is in the source")]
    Unchanged {
        /// The tensor.
        tensor: String,
    },
}

/// What was compared and what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Router rows, and entries of other tensors with one per expert, compared.
    pub router_rows: u64,
    /// Experts with tensors of their own compared, all tensors of each.
    pub experts: u64,
    /// Slices of tensors of all experts compared.
    pub fused_slices: u64,
    /// Other tensors compared.
    pub unchanged: u64,
    /// Bytes of output compared.
    pub bytes: u64,
    /// What differs; the first few.
    pub differences: Vec<Difference>,
}

impl Verification {
    /// Says whether everything compared is equal.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares the model `output` with `source`: router rows and passing tensors always, experts as `sample` says.
///
/// Every tensor of the output must stem from one of the source, and every tensor of the source that is not a dropped expert's
/// must be there. `progress` counts tensors of the output.
///
/// # Errors
/// When a tensor cannot be read, the output is of another family or size, or `progress` says to stop.
pub fn verify_rewrite(
    source: &Model,
    output: &Model,
    selection: &Selection,
    sample: Sample,
    progress: Progress<'_>,
) -> Result<Verification, VerifyError> {
    check_models(source, output, selection)?;
    let mut pass = Pass { source, output, selection, sample, found: Verification::default() };
    let total = output.checkpoint.tensors().len() as u64;
    for (place, tensor) in output.checkpoint.tensors().iter().enumerate() {
        if progress(place as u64, total).is_break() {
            return Err(VerifyError::Cancelled);
        }
        let difference = pass.compare(tensor)?;
        pass.found.differences.extend(difference);
        if pass.found.differences.len() == MAX_DIFFERENCES {
            return Ok(pass.found);
        }
    }
    let missing = source.checkpoint.tensors().iter().filter_map(|tensor| pass.missing(tensor));
    let missing: Vec<Difference> = missing.take(MAX_DIFFERENCES - pass.found.differences.len()).collect();
    pass.found.differences.extend(missing);
    Ok(pass.found)
}

fn check_models(source: &Model, output: &Model, selection: &Selection) -> Result<(), VerifyError> {
    let differs = |what, expected: String, got: String| {
        if expected == got { Ok(()) } else { Err(VerifyError::OtherModel { what, expected, got }) }
    };
    differs("architecture", source.family.architecture().to_owned(), output.family.architecture().to_owned())?;
    differs("number of experts", selection.keep().to_string(), output.experts.experts.to_string())?;
    differs("number of source experts", selection.experts().to_string(), source.experts.experts.to_string())?;
    let expected = ExpertGeometry { experts: output.experts.experts, ..source.experts.clone() };
    differs("geometry", format!("{expected:?}"), format!("{:?}", output.experts))?;
    let sparse: Vec<usize> = source.experts.sparse_layers().collect();
    let selected: Vec<usize> = selection.layers().keys().copied().collect();
    differs("list of pruned layers", format!("{sparse:?}"), format!("{selected:?}"))
}

/// Spreads `n` samples evenly over `keep` new indices.
fn sampled(sample: Sample, expert: usize, keep: usize) -> bool {
    match sample {
        Sample::All => true,
        Sample::PerLayer(n) => n > 0 && (expert * n) / keep != ((expert + 1) * n) / keep,
    }
}

/// The name of an expert's tensor with another index, which stands at `place` in it.
fn with_index(name: &str, place: &Range<usize>, index: usize) -> String {
    format!("{}{index}{}", &name[..place.start], &name[place.end..])
}

/// A comparison under way.
struct Pass<'a> {
    source: &'a Model,
    output: &'a Model,
    selection: &'a Selection,
    sample: Sample,
    found: Verification,
}

impl Pass<'_> {
    /// Compares one tensor of the output with what it stems from.
    fn compare(&mut self, tensor: &TensorInfo) -> Result<Option<Difference>, VerifyError> {
        let (layer, rule, expert) = match self.output.find(&tensor.name) {
            Found::Rule { layer, rule, expert } if self.selection.layers().contains_key(&layer) => (layer, rule, expert),
            _ => return self.unchanged(tensor),
        };
        let kept = &self.selection.layers()[&layer];
        match (expert, rule.axis()) {
            (Some((new, _)), _) if !sampled(self.sample, new, kept.len()) => Ok(None),
            (Some((new, place)), _) => {
                let first = self.output.family.layout().rules.iter().find(|rule| rule.part == Part::Expert);
                self.found.experts += u64::from(first == Some(rule));
                let name = with_index(&tensor.name, &place, kept[new]);
                let same = self.equal_whole(&name, tensor)?;
                Ok((!same).then(|| Difference::Expert { tensor: tensor.name.clone(), source_tensor: name }))
            }
            (None, Some(axis)) => self.slices(tensor, layer, rule, axis),
            (None, None) => self.unchanged(tensor),
        }
    }

    /// Compares a tensor with an axis of experts, entry by entry.
    fn slices(&mut self, tensor: &TensorInfo, layer: usize, rule: &Rule, axis: usize) -> Result<Option<Difference>, VerifyError> {
        let kept = &self.selection.layers()[&layer];
        let (keep, experts) = (kept.len() as u64, self.selection.experts() as u64);
        let Some(from) = self.source.checkpoint.get(&tensor.name) else {
            return Ok(Some(Difference::Unexpected { tensor: tensor.name.clone() }));
        };
        let mut expected = from.shape.clone();
        expected[axis] = keep;
        if from.dtype != tensor.dtype || expected != tensor.shape {
            return Ok(Some(Difference::Unchanged { tensor: tensor.name.clone() }));
        }
        let fused = rule.is_expert_weight();
        let blocks: u64 = tensor.shape[..axis].iter().product();
        let entry = tensor.len / (blocks * keep).max(1);
        for (row, old) in kept.iter().enumerate() {
            if fused && !sampled(self.sample, row, kept.len()) {
                continue;
            }
            *(if fused { &mut self.found.fused_slices } else { &mut self.found.router_rows }) += 1;
            for block in 0..blocks {
                self.found.bytes += entry;
                let places = ((block * experts + *old as u64) * entry, (block * keep + row as u64) * entry);
                if !equal(self.source, from, self.output, tensor, places, entry)? {
                    let (tensor, old) = (tensor.name.clone(), *old);
                    return Ok(Some(match fused {
                        true => Difference::FusedSlice { tensor, slice: row, old },
                        false => Difference::RouterRow { tensor, row, old },
                    }));
                }
            }
        }
        Ok(None)
    }

    fn unchanged(&mut self, tensor: &TensorInfo) -> Result<Option<Difference>, VerifyError> {
        if self.source.checkpoint.get(&tensor.name).is_none() {
            return Ok(Some(Difference::Unexpected { tensor: tensor.name.clone() }));
        }
        self.found.unchanged += 1;
        let same = self.equal_whole(&tensor.name, tensor)?;
        Ok((!same).then(|| Difference::Unchanged { tensor: tensor.name.clone() }))
    }

    fn equal_whole(&mut self, name: &str, to: &TensorInfo) -> Result<bool, VerifyError> {
        let Some(from) = self.source.checkpoint.get(name) else { return Ok(false) };
        self.found.bytes += to.len;
        let alike = from.dtype == to.dtype && from.shape == to.shape;
        Ok(alike && equal(self.source, from, self.output, to, (0, 0), to.len)?)
    }

    /// Says when the output lacks what a tensor of the source should have become.
    fn missing(&self, tensor: &TensorInfo) -> Option<Difference> {
        let name = match self.source.find(&tensor.name) {
            Found::Rule { layer, expert: Some((expert, place)), .. } if self.selection.layers().contains_key(&layer) => {
                with_index(&tensor.name, &place, self.selection.new_index(layer, expert)?)
            }
            _ => tensor.name.clone(),
        };
        self.output.checkpoint.get(&name).is_none().then_some(Difference::Missing { tensor: name })
    }
}

/// Compares `bytes` bytes of two tensors from the given places on.
fn equal(
    source: &Model,
    from: &TensorInfo,
    output: &Model,
    to: &TensorInfo,
    (from_at, to_at): (u64, u64),
    bytes: u64,
) -> Result<bool, VerifyError> {
    let length = usize::try_from(bytes.min(PIECE_BYTES)).expect("a piece fits in memory");
    let (mut left, mut right) = (vec![0; length], vec![0; length]);
    let mut done = 0;
    while done < bytes {
        let length = usize::try_from((bytes - done).min(PIECE_BYTES)).expect("a piece fits in memory");
        let range = |at: u64| at + done..at + done + length as u64;
        source.checkpoint.read_into(from, range(from_at), &mut left[..length])?;
        output.checkpoint.read_into(to, range(to_at), &mut right[..length])?;
        if left[..length] != right[..length] {
            return Ok(false);
        }
        done += length as u64;
    }
    Ok(true)
}
