//! Strided views: a checkpoint tensor's elements in the order a GGUF tensor has them.
//!
//! Splitting, transposing, taking every other row, turning the halves of a head into pairs: all of it is a view with other strides, so
//! that one reader serves every family and nothing is held twice.

use std::sync::Arc;

use crate::checkpoint::Checkpoint;

use super::error::GgufError;
use super::source::{MX_BLOCK, Source};

/// Bytes read at once for elements that lie apart.
const SLAB_BYTES: u64 = 8 << 20;

/// One dimension: how many, and how far apart, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) len: u64,
    pub(crate) stride: u64,
}

/// What is done to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Map {
    Same,
    /// `x + 1`: norms stored as their distance from one.
    PlusOne,
    /// `-exp(x)`: decay rates stored as logarithms.
    MinusExp,
}

/// A checkpoint tensor's elements in another order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    source: Source,
    pub(crate) offset: u64,
    pub(crate) axes: Vec<Axis>,
    /// Its shape, outermost first: the axes' lengths unless they were split.
    pub(crate) dims: Vec<u64>,
    pub(crate) map: Map,
    name: String,
}

impl View {
    /// All of a source as it is.
    pub(crate) fn whole(name: String, source: Source, shape: Vec<u64>) -> Self {
        let mut stride = 1;
        let mut axes: Vec<Axis> = shape
            .iter()
            .rev()
            .map(|len| {
                let axis = Axis { len: *len, stride };
                stride *= (*len).max(1);
                axis
            })
            .collect();
        axes.reverse();
        Self { source, offset: 0, axes, dims: shape, map: Map::Same, name }
    }

    /// A list of values that no tensor holds.
    pub(crate) fn made(name: String, values: Vec<f32>) -> Self {
        let shape = vec![values.len() as u64];
        Self::whole(name, Source::Made(Arc::from(values)), shape)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn elements(&self) -> u64 {
        self.axes.iter().map(|axis| axis.len).product()
    }

    /// The error of a tensor whose shape is not what a form takes.
    pub(crate) fn misfit(&self, expected: impl Into<String>) -> GgufError {
        GgufError::Shape { tensor: self.name.clone(), shape: self.dims.clone(), expected: expected.into() }
    }

    fn axis(&self, from_last: usize) -> Result<usize, GgufError> {
        self.axes.len().checked_sub(1 + from_last).ok_or_else(|| self.misfit(format!("at least {} dimensions", from_last + 1)))
    }

    /// The part from `first` of `len`, along the axis counted from the last one.
    pub(crate) fn narrow(mut self, from_last: usize, first: u64, len: u64) -> Result<Self, GgufError> {
        let at = self.axis(from_last)?;
        let axis = self.axes[at];
        if first.checked_add(len).is_none_or(|end| end > axis.len) {
            return Err(self.misfit(format!("at least {} along dimension {at}", first.saturating_add(len))));
        }
        self.offset += first * axis.stride;
        self.axes[at].len = len;
        self.dims[at] = len;
        Ok(self)
    }

    /// One of `parts` equal parts along an axis counted from the last one.
    pub(crate) fn part(self, from_last: usize, part: u64, parts: u64) -> Result<Self, GgufError> {
        let len = self.axes[self.axis(from_last)?].len;
        if !len.is_multiple_of(parts) {
            return Err(self.misfit(format!("a multiple of {parts} in dimension {}", self.axis(from_last)?)));
        }
        self.narrow(from_last, part * (len / parts), len / parts)
    }

    /// Every `step`-th from `first`, along an axis counted from the last one.
    pub(crate) fn every(mut self, from_last: usize, first: u64, step: u64) -> Result<Self, GgufError> {
        let at = self.axis(from_last)?;
        if !self.axes[at].len.is_multiple_of(step) {
            return Err(self.misfit(format!("a multiple of {step} in dimension {at}")));
        }
        self.offset += first * self.axes[at].stride;
        self.axes[at].len /= step;
        self.axes[at].stride *= step;
        self.dims[at] = self.axes[at].len;
        Ok(self)
    }

    /// The last two dimensions changed for each other.
    pub(crate) fn transpose(mut self) -> Result<Self, GgufError> {
        let at = self.axis(1)?;
        self.axes.swap(at, at + 1);
        self.dims.swap(at, at + 1);
        Ok(self)
    }

    /// The first dimension taken as several, outermost first.
    pub(crate) fn split_first(mut self, sizes: &[u64]) -> Result<Self, GgufError> {
        let Some(first) = self.axes.first().copied() else { return Err(self.misfit("at least one dimension")) };
        let product = sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        if product != Some(first.len) {
            return Err(self.misfit(format!("a first dimension of {sizes:?} multiplied")));
        }
        let mut stride = first.stride;
        let mut axes: Vec<Axis> = Vec::with_capacity(sizes.len());
        for size in sizes.iter().rev() {
            axes.push(Axis { len: *size, stride });
            stride *= size;
        }
        axes.reverse();
        self.axes.splice(0..1, axes);
        self.dims = self.axes.iter().map(|axis| axis.len).collect();
        Ok(self)
    }

    /// Two dimensions, by their place, changed for each other.
    pub(crate) fn swap(mut self, a: usize, b: usize) -> Self {
        self.axes.swap(a, b);
        self.dims.swap(a, b);
        self
    }

    /// The same elements under another shape.
    pub(crate) fn shaped(mut self, dims: Vec<u64>) -> Result<Self, GgufError> {
        if dims.iter().product::<u64>() != self.elements() {
            return Err(self.misfit(format!("as many elements as {dims:?}")));
        }
        self.dims = dims;
        Ok(self)
    }

    pub(crate) fn mapped(mut self, map: Map) -> Self {
        self.map = map;
        self
    }

    /// Elements of a row: of the innermost axis.
    fn row(&self) -> u64 {
        self.axes.last().map_or(1, |axis| axis.len)
    }

    /// Where a row starts in the tensor, in elements.
    fn start(&self, mut row: u64) -> u64 {
        let mut at = self.offset;
        for axis in self.axes.iter().rev().skip(1) {
            at += row % axis.len * axis.stride;
            row /= axis.len;
        }
        at
    }

    /// Reads elements from `first`, both it and `out` whole rows of the view.
    pub(crate) fn read(
        &self,
        checkpoint: &Checkpoint,
        first: u64,
        out: &mut [f32],
        scratch: &mut Vec<u8>,
    ) -> Result<(), GgufError> {
        let row = self.row();
        let size = self.source.element_bytes(checkpoint);
        let (mut at, rows) = (first / row, out.len() as u64 / row);
        let end = at + rows;
        let inner = self.axes.last().map_or(1, |axis| axis.stride);
        let mut out = out;
        while at < end {
            let taken = if inner == 1 { self.adjacent(at, end) } else { self.apart(at, end, size) };
            let (now, rest) = std::mem::take(&mut out).split_at_mut((taken * row) as usize);
            if inner == 1 {
                self.source.read(checkpoint, self.start(at), now, scratch)?;
            } else {
                self.read_apart(checkpoint, at, taken, now, scratch)?;
            }
            out = rest;
            at += taken;
        }
        Ok(())
    }

    /// Says whether its elements are kept in the blocks they are stored in.
    ///
    /// # Errors
    /// When they are blocks of which this view would take parts.
    pub(crate) fn is_packed(&self) -> Result<bool, GgufError> {
        if !matches!(self.source, Source::Mxfp4 { .. }) {
            return Ok(false);
        }
        let whole = |number: u64| number.is_multiple_of(MX_BLOCK);
        let (inner, outer) = self.axes.split_last().ok_or_else(|| self.misfit("at least one dimension"))?;
        if inner.stride != 1 || !whole(inner.len) || !whole(self.offset) || !outer.iter().all(|axis| whole(axis.stride)) {
            return Err(self.misfit(format!("rows of whole blocks of {MX_BLOCK}")));
        }
        Ok(true)
    }

    /// Reads the blocks of `elements` from `first`, both whole rows of a view that [`is_packed`](Self::is_packed).
    pub(crate) fn read_packed(
        &self,
        checkpoint: &Checkpoint,
        first: u64,
        elements: u64,
        scratch: &mut Vec<u8>,
    ) -> Result<Vec<u8>, GgufError> {
        let row = self.row();
        let (mut at, end) = (first / row, (first + elements) / row);
        let mut out = Vec::new();
        while at < end {
            let taken = self.adjacent(at, end);
            self.source.read_packed(checkpoint, self.start(at), taken * row, &mut out, scratch)?;
            at += taken;
        }
        Ok(out)
    }

    /// How many rows from `at` lie one behind the other.
    fn adjacent(&self, at: u64, end: u64) -> u64 {
        let row = self.row();
        let start = self.start(at);
        (1..end - at).find(|next| self.start(at + next) != start + next * row).unwrap_or(end - at)
    }

    /// How many rows from `at` are read together when their elements lie apart: within one block of the second axis from the last,
    /// and no more than a slab.
    fn apart(&self, at: u64, end: u64, size: u64) -> u64 {
        let Some(second) = self.axes.len().checked_sub(2).map(|place| self.axes[place]) else { return 1 };
        let block = second.len - at % second.len;
        let fits = (SLAB_BYTES / (self.row() * second.stride * size).max(1)).max(1);
        block.min(end - at).min(fits)
    }

    fn read_apart(
        &self,
        checkpoint: &Checkpoint,
        at: u64,
        rows: u64,
        out: &mut [f32],
        scratch: &mut Vec<u8>,
    ) -> Result<(), GgufError> {
        let (row, start) = (self.row(), self.start(at));
        let step = self.axes.len().checked_sub(2).map_or(1, |place| self.axes[place].stride);
        let inner = self.axes.last().map_or(1, |axis| axis.stride);
        let across = (rows - 1) * step + 1;
        if across <= inner {
            // A column of the tensor after the other; each holds one element of every row.
            let mut column = vec![0.0; across as usize];
            for place in 0..row {
                self.source.read(checkpoint, start + place * inner, &mut column, scratch)?;
                for (index, value) in column.iter().step_by(step as usize).enumerate() {
                    out[index * row as usize + place as usize] = *value;
                }
            }
            return Ok(());
        }
        // Rows further apart than their own elements: each spans a stretch of the tensor.
        let mut span = vec![0.0; ((row - 1) * inner + 1) as usize];
        for index in 0..rows {
            self.source.read(checkpoint, start + index * step, &mut span, scratch)?;
            let to = &mut out[(index * row) as usize..((index + 1) * row) as usize];
            to.iter_mut().zip(span.iter().step_by(inner as usize)).for_each(|(to, from)| *to = *from);
        }
        Ok(())
    }

    /// Applies what is done to each element.
    pub(crate) fn apply(&self, values: &mut [f32]) {
        match self.map {
            Map::Same => {}
            Map::PlusOne => values.iter_mut().for_each(|value| *value += 1.0),
            Map::MinusExp => values.iter_mut().for_each(|value| *value = -libm::expf(*value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint of one tensor `[3, 8, 6]` whose elements are their places.
    fn checkpoint() -> (tempfile::TempDir, Checkpoint) {
        let values: Vec<u8> = (0..144_u16).flat_map(|place| f32::from(place).to_le_bytes()).collect();
        let header = r#"{"a":{"dtype":"F32","shape":[3,8,6],"data_offsets":[0,576]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(&values);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        (folder, checkpoint)
    }

    /// What the view should give, an element at a time.
    fn expected(view: &View) -> Vec<f32> {
        let place = |mut index: u64| {
            let mut at = view.offset;
            for axis in view.axes.iter().rev() {
                at += index % axis.len * axis.stride;
                index /= axis.len;
            }
            f32::from(u16::try_from(at).unwrap())
        };
        (0..view.elements()).map(place).collect()
    }

    #[test]
    fn every_view_reads_its_elements_from_any_row_on() {
        let (_folder, checkpoint) = checkpoint();
        let whole = || View::whole("a".into(), Source::Tensor(0), checkpoint.tensors()[0].shape.clone());
        let views = [
            whole(),
            whole().narrow(1, 2, 5).unwrap(),
            whole().part(1, 1, 2).unwrap(),
            whole().every(1, 1, 2).unwrap(),
            whole().every(0, 1, 3).unwrap(),
            whole().transpose().unwrap(),
            whole().transpose().unwrap().every(1, 1, 2).unwrap(),
            whole().part(1, 1, 4).unwrap().transpose().unwrap(),
            whole().split_first(&[3, 1]).unwrap().swap(0, 1),
            whole().swap(0, 1),
        ];
        for view in views {
            let (all, row) = (expected(&view), view.row());
            let mut scratch = Vec::new();
            for first in (0..view.elements()).step_by(row as usize) {
                let mut out = vec![-1.0; (view.elements() - first) as usize];
                view.read(&checkpoint, first, &mut out, &mut scratch).unwrap();
                assert_eq!(out, all[first as usize..], "{view:?} from {first}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_names_the_tensor() {
        let (_folder, checkpoint) = checkpoint();
        let whole = || View::whole("a".into(), Source::Tensor(0), checkpoint.tensors()[0].shape.clone());
        for error in [
            whole().narrow(0, 4, 3).unwrap_err(),
            whole().part(2, 0, 2).unwrap_err(),
            whole().every(1, 0, 3).unwrap_err(),
            whole().split_first(&[2, 2]).unwrap_err(),
            whole().shaped(vec![143]).unwrap_err(),
            whole().narrow(3, 0, 1).unwrap_err(),
        ] {
            assert!(error.to_string().contains("tensor `a` has shape [3, 8, 6]"), "{error}");
        }
    }
}
