//! The norms of the residual stream.

use super::ForwardError;
use super::kernels::{self, Isa};
use super::weights::vector;
use crate::families::{Norms, Role, Runnable};

/// A norm over the hidden width.
#[derive(Debug)]
pub(super) struct Norm {
    weight: Vec<f32>,
    /// Empty for a norm without one.
    bias: Vec<f32>,
    eps: f32,
}

impl Norm {
    /// Reads a norm's weight and, where norms have one, its bias.
    pub(super) fn open(model: Runnable<'_>, weight: &Role, bias: &Role) -> Result<Norm, ForwardError> {
        let g = model.geometry;
        let bias = if g.norms == Norms::Layer { vector(model, bias, g.hidden)? } else { Vec::new() };
        Ok(Norm { weight: vector(model, weight, g.hidden)?, bias, eps: g.rms_eps })
    }

    /// Normalises rows.
    ///
    /// # Shapes
    /// `x`, `out`: `[rows, hidden]`.
    pub(super) fn apply(&self, isa: Isa, x: &[f32], out: &mut [f32]) {
        let width = self.weight.len();
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            if self.bias.is_empty() {
                kernels::rms_norm(isa, x, &self.weight, self.eps, out);
            } else {
                kernels::layer_norm(isa, x, &self.weight, &self.bias, self.eps, out);
            }
        }
    }
}
