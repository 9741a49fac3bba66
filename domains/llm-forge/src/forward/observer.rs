//! What may watch a forward pass.

use super::Routing;
use crate::families::Role;

/// Watches routing and experts. Calls come on the thread that started the pass, in an order that depends on nothing but the
/// corpus and the model: wave by wave, layer by layer, experts ascending, tokens in corpus order.
pub trait Observer {
    /// Says whether [`Observer::expert`] is to be called: norms cost a little.
    fn wants_experts(&self) -> bool {
        true
    }

    /// Says whether [`Observer::inputs`] is to be called: keeping rows takes memory, twice that of a wave or more.
    fn wants_inputs(&self) -> bool {
        false
    }

    /// Sees the rows of one wave that enter some matrices, all of equal width. Every matrix of the layers is seen once a wave, an
    /// expert's with the rows given to it alone; embedding and output are not. Experts stored together are seen one by one, by
    /// the roles they would have if they were stored apart.
    fn inputs(&mut self, _roles: &[Role], _rows: &mut dyn Iterator<Item = &[f32]>) {}

    /// Sees a layer's routing of one wave.
    fn routed(&mut self, layer: usize, routing: &Routing);

    /// Sees one expert's work on one wave.
    fn expert(&mut self, visit: &Visit<'_>);
}

/// One expert's work on one wave.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The layer.
    pub layer: usize,
    /// The expert.
    pub expert: usize,
    /// The final routing weight of each token that reached the expert, in corpus order.
    pub weights: &'a [f32],
    /// The L2 norm of the expert's output for each of them, before weighting.
    pub norms: &'a [f64],
}

/// An observer that watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn wants_experts(&self) -> bool {
        false
    }

    fn routed(&mut self, _layer: usize, _routing: &Routing) {}

    fn expert(&mut self, _visit: &Visit<'_>) {}
}
