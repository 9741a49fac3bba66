//! A projection with its bias.

use crate::families::{AttentionPart, Role, Runnable};
use crate::forward::ForwardError;
use crate::forward::kernels::{self, Isa, Rows};
use crate::forward::weights::{Matrix, vector};

/// A projection and its bias; empty where the model has none.
#[derive(Debug)]
pub(super) struct Projection<'m> {
    weights: Matrix<'m>,
    bias: Vec<f32>,
}

impl<'m> Projection<'m> {
    /// Finds a projection `[outputs, width]` and its bias, where the geometry has one.
    pub(super) fn open(
        model: Runnable<'m>,
        layer: usize,
        (part, bias): (AttentionPart, Option<AttentionPart>),
        outputs: usize,
        width: usize,
    ) -> Result<Projection<'m>, ForwardError> {
        let weights = Matrix::open(model, &Role::Attention { layer, part }, outputs, width)?;
        let bias = bias.map(|part| Role::Attention { layer, part }).filter(|role| model.geometry.shape(role).is_some());
        let bias = bias.map(|role| vector(model, &role, outputs)).transpose()?.unwrap_or_default();
        Ok(Projection { weights, bias })
    }

    /// Computes `y = x w^T + bias`.
    pub(super) fn apply(
        &self,
        isa: Isa,
        x: &[f32],
        scratch: &mut kernels::Scratch,
        y: &mut Vec<f32>,
    ) -> Result<(), ForwardError> {
        let outputs = self.weights.outputs();
        y.resize(x.len() / self.weights.width() * outputs, 0.0);
        kernels::product(isa, x, &self.weights, 0..outputs, scratch, y)?;
        if !self.bias.is_empty() {
            for row in y.chunks_exact_mut(outputs) {
                for (value, bias) in row.iter_mut().zip(&self.bias) {
                    *value += bias;
                }
            }
        }
        Ok(())
    }
}
