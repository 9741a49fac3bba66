//! What a prune has to know of a model, read from its `config.json`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::ConfigReader;
use super::layout::MAX_NEXT_TOKEN_LAYERS;
use super::{Family, FamilyError, MAX_EXPERTS, MAX_LAYERS};

/// The layers of a model and their experts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpertGeometry {
    /// Number of decoder layers.
    pub layers: usize,
    /// Width of the residual stream, and so of a router's rows.
    pub hidden: usize,
    /// Experts per sparse layer (N).
    pub experts: usize,
    /// Experts a token is routed to (k).
    pub top_k: usize,
    /// Per layer: true when it routes to experts. The decoder's layers, then next-token-prediction layers where the checkpoint
    /// holds any.
    pub sparse: Vec<bool>,
    /// Next-token-prediction layers the config declares behind the decoder's.
    pub next_token_layers: usize,
    /// How a token's experts are limited to groups.
    pub groups: Groups,
}

/// Grouped routing: experts are split into groups of neighbours, and a token's experts come from its best groups only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Number of groups; one where routing is not grouped.
    pub count: usize,
    /// Groups a token may use.
    pub used: usize,
    /// Best experts of a group its score is made of: a group must have as many.
    pub scored_by: usize,
}

impl Default for Groups {
    fn default() -> Self {
        Self { count: 1, used: 1, scored_by: 1 }
    }
}

impl ExpertGeometry {
    /// Yields the layers that route to experts, ascending.
    pub fn sparse_layers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.sparse.len()).filter(|layer| self.sparse[*layer])
    }

    /// Reads what a family's config declares, by the keys the family names.
    ///
    /// # Errors
    /// [`FamilyError::Config`] with every field that is missing or wrong.
    pub fn read(family: &(impl Family + ?Sized), config: &Value) -> Result<Self, FamilyError> {
        let mut reader = ConfigReader::decoder(family.architecture(), config);
        let layers = reader.count("num_hidden_layers", MAX_LAYERS);
        let geometry = Self {
            layers,
            hidden: reader.dimension("hidden_size"),
            experts: reader.experts(family.expert_count_keys(), MAX_EXPERTS),
            top_k: reader.dimension(family.top_k_key()),
            sparse: family.sparse(&mut reader, layers),
            next_token_layers: reader.whole("num_nextn_predict_layers", MAX_NEXT_TOKEN_LAYERS as u64).unwrap_or(0),
            groups: family.groups(&mut reader),
        };
        geometry.check(&mut reader, family.top_k_key());
        reader.finish(geometry)
    }

    fn check(&self, reader: &mut ConfigReader<'_>, top_k_key: &'static str) {
        if !reader.clean() {
            return;
        }
        let Self { experts, top_k, groups, .. } = *self;
        reader.require(top_k <= experts, top_k_key, &format!("at most the {experts} experts of a layer"), top_k);
        let divides = experts.is_multiple_of(groups.count);
        reader.require(divides, "n_group", &format!("a divisor of the {experts} experts of a layer"), groups.count);
        let expected = format!("at most the n_group = {} groups there are", groups.count);
        reader.require(groups.used <= groups.count, "topk_group", &expected, groups.used);
        let reach = experts / groups.count * groups.used;
        let expected = format!("at most the {reach} experts of {} groups", groups.used);
        reader.require(!divides || top_k <= reach, top_k_key, &expected, top_k);
    }
}
