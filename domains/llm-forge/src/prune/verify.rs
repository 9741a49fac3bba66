//! Holds a written prune against its source, tensor by tensor, independently of how it was written.

use super::Selection;
use crate::checkpoint::{CheckpointError, TensorInfo};
use crate::families::{Model, Role};
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
    /// A router row is not the kept expert's.
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
    /// Router rows compared.
    pub router_rows: u64,
    /// Experts compared, three tensors each.
    pub experts: u64,
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
/// Opening `output` as a [`Model`] has already shown that its tensors are those of the smaller geometry. `progress` counts
/// tensors of the output.
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
    let mut found = Verification::default();
    let total = output.checkpoint.tensors().len() as u64;
    for (place, tensor) in output.checkpoint.tensors().iter().enumerate() {
        if progress(place as u64, total).is_break() {
            return Err(VerifyError::Cancelled);
        }
        let role = output.family.role(&tensor.name).expect("an open model has only tensors with roles");
        let difference = match role {
            Role::Router { layer } => compare_router(source, output, tensor, &selection.layers()[&layer], &mut found)?,
            Role::Expert { layer, expert, part } => {
                if !sampled(sample, expert, selection.keep()) {
                    continue;
                }
                let old = selection.layers()[&layer][expert];
                found.experts += u64::from(part == crate::families::ExpertPart::Gate);
                compare_expert(source, output, tensor, &Role::Expert { layer, expert: old, part }, &mut found)?
            }
            _ => compare_unchanged(source, output, tensor, &mut found)?,
        };
        found.differences.extend(difference);
        if found.differences.len() == MAX_DIFFERENCES {
            break;
        }
    }
    Ok(found)
}

fn check_models(source: &Model, output: &Model, selection: &Selection) -> Result<(), VerifyError> {
    let differs = |what, expected: String, got: String| {
        if expected == got { Ok(()) } else { Err(VerifyError::OtherModel { what, expected, got }) }
    };
    differs("architecture", source.family.architecture().to_owned(), output.family.architecture().to_owned())?;
    differs("number of experts", selection.keep().to_string(), output.geometry.experts.to_string())?;
    differs("number of source experts", selection.experts().to_string(), source.geometry.experts.to_string())?;
    let expected = crate::families::Geometry { experts: output.geometry.experts, ..source.geometry.clone() };
    differs("geometry", format!("{expected:?}"), format!("{:?}", output.geometry))?;
    let sparse: Vec<usize> = source.geometry.sparse_layers().collect();
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

fn compare_router(
    source: &Model,
    output: &Model,
    tensor: &TensorInfo,
    kept: &[usize],
    found: &mut Verification,
) -> Result<Option<Difference>, VerifyError> {
    let from = source_tensor(source, &tensor.name);
    if from.dtype != tensor.dtype {
        return Ok(Some(Difference::Unchanged { tensor: tensor.name.clone() }));
    }
    let row_bytes = tensor.len / kept.len() as u64;
    for (row, old) in kept.iter().enumerate() {
        found.router_rows += 1;
        found.bytes += row_bytes;
        let places = (*old as u64 * row_bytes, row as u64 * row_bytes);
        if !equal(source, from, output, tensor, places, row_bytes)? {
            return Ok(Some(Difference::RouterRow { tensor: tensor.name.clone(), row, old: *old }));
        }
    }
    Ok(None)
}

fn compare_expert(
    source: &Model,
    output: &Model,
    tensor: &TensorInfo,
    old: &Role,
    found: &mut Verification,
) -> Result<Option<Difference>, VerifyError> {
    let name = source.family.tensor_name(old);
    let same = equal_whole(source, source_tensor(source, &name), output, tensor, found)?;
    Ok((!same).then(|| Difference::Expert { tensor: tensor.name.clone(), source_tensor: name }))
}

fn compare_unchanged(
    source: &Model,
    output: &Model,
    tensor: &TensorInfo,
    found: &mut Verification,
) -> Result<Option<Difference>, VerifyError> {
    found.unchanged += 1;
    let same = equal_whole(source, source_tensor(source, &tensor.name), output, tensor, found)?;
    Ok((!same).then(|| Difference::Unchanged { tensor: tensor.name.clone() }))
}

fn source_tensor<'a>(source: &'a Model, name: &str) -> &'a TensorInfo {
    source.checkpoint.get(name).expect("both models were found to have one geometry but for the number of experts")
}

fn equal_whole(
    source: &Model,
    from: &TensorInfo,
    output: &Model,
    to: &TensorInfo,
    found: &mut Verification,
) -> Result<bool, VerifyError> {
    found.bytes += to.len;
    Ok(from.dtype == to.dtype && from.len == to.len && equal(source, from, output, to, (0, 0), to.len)?)
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
