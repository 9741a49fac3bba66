//! What may watch a forward pass.

use super::Routing;

/// Watches routing and experts. Calls come on the thread that started the pass, in an order that depends on nothing but the
/// corpus and the model: wave by wave, layer by layer, experts ascending, tokens in corpus order.
pub trait Observer {
    /// Says whether [`Observer::expert`] is to be called: norms cost a little.
    fn wants_experts(&self) -> bool {
        true
    }

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
