//! The router baseline: norms of the router's rows, from weights alone.

use std::collections::BTreeMap;

use super::Scores;
use crate::checkpoint::{CheckpointError, widen};
use crate::families::Model;

/// Computes the L2 norm of every row of every router, in f32 from the stored type in index order.
///
/// Reads router tensors only, one row at a time.
///
/// # Errors
/// When a router cannot be read.
pub fn router_l2(model: &Model) -> Result<Scores, CheckpointError> {
    let mut layers = BTreeMap::new();
    let experts = model.experts.experts;
    for layer in model.experts.sparse_layers() {
        let router = model.router(layer).expect("an open model has a router in every layer with experts");
        let row_bytes = router.len / experts as u64;
        let mut row = vec![0; usize::try_from(row_bytes).expect("a row lies within a file this machine can address")];
        let mut norms = Vec::with_capacity(experts);
        for expert in 0..experts as u64 {
            model.checkpoint.read_into(router, expert * row_bytes..(expert + 1) * row_bytes, &mut row)?;
            let values = widen(router.dtype, &row).expect("the router of an open model is of a type that widens");
            norms.push(f64::from(norm(&values)));
        }
        layers.insert(layer, norms);
    }
    Ok(Scores::Values(layers))
}

fn norm(values: &[f32]) -> f32 {
    values.iter().fold(0f32, |sum, value| sum + value * value).sqrt()
}
