//! Keys and values of positions that were run before, so that the next position need not run them again.

/// What attention needs of one sequence's earlier positions, layer by layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache {
    layers: Vec<KeyValues>,
}

/// One layer's keys and values, as attention uses them.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyValues {
    /// `[positions, kv_heads * head_dim]`, turned by position
    pub(super) keys: Vec<f32>,
    /// `[positions, kv_heads * value_dim]`
    pub(super) values: Vec<f32>,
}

impl Cache {
    /// An empty cache for a model of so many layers.
    pub(super) fn new(layers: usize) -> Cache {
        Cache { layers: vec![KeyValues::default(); layers] }
    }

    /// One layer's keys and values, with those of the next positions behind them.
    pub(super) fn extend(&mut self, layer: usize, keys: &[f32], values: &[f32]) -> &KeyValues {
        let of_layer = &mut self.layers[layer];
        of_layer.keys.extend_from_slice(keys);
        of_layer.values.extend_from_slice(values);
        of_layer
    }
}
