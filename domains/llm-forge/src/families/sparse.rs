//! Which layers route to experts: the rules several families share.

use super::MAX_LAYERS;
use super::config::ConfigReader;

/// A layer is sparse when it is not listed in `mlp_only_layers` and its one-based place is a multiple of
/// `decoder_sparse_step`.
pub(super) fn step_and_list(reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
    let step = reader.optional_count("decoder_sparse_step", MAX_LAYERS).unwrap_or(1);
    let mut sparse: Vec<bool> = (0..layers).map(|layer| (layer + 1).is_multiple_of(step)).collect();
    for layer in reader.layer_list("mlp_only_layers", layers).unwrap_or_default() {
        sparse[layer] = false;
    }
    sparse
}

/// All but the first `first_k_dense_replace` layers are sparse; `default` of them where the config does not say.
pub(super) fn after_the_first(reader: &mut ConfigReader<'_>, layers: usize, default: usize) -> Vec<bool> {
    let dense = reader.whole("first_k_dense_replace", MAX_LAYERS).unwrap_or(default);
    if let Some(step) = reader.get("moe_layer_freq").filter(|step| step.as_u64() != Some(1)) {
        reader.unsupported("moe_layer_freq", step, "1: every layer behind the dense ones has experts");
    }
    (0..layers).map(|layer| layer >= dense).collect()
}
