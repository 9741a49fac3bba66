//! Which tensors a geometry has, and their shapes.

use super::{AttentionBias, AttentionPart, Correction, ExpertForm, ExpertPart, FusedPart, Geometry, Norms, QkNorm, Role};

impl Geometry {
    /// Returns the shape of a role's tensor, or `None` when a model of this geometry has no such tensor.
    ///
    /// # Shapes
    /// As documented at [`Role`]; projections are `[out, in]`.
    #[must_use]
    pub fn shape(&self, role: &Role) -> Option<Vec<u64>> {
        let shape = match role {
            Role::Embedding => vec![self.vocab, self.hidden],
            Role::Output => (!self.tie_embeddings).then(|| vec![self.vocab, self.hidden])?,
            Role::OutputBias => self.output_bias.then(|| vec![self.vocab])?,
            Role::FinalNorm => vec![self.hidden],
            Role::FinalNormBias => self.norm_bias()?,
            Role::AttentionNorm { layer } | Role::FeedForwardNorm { layer } => {
                self.sparse.get(*layer)?;
                vec![self.hidden]
            }
            Role::AttentionNormBias { layer } | Role::FeedForwardNormBias { layer } => {
                self.sparse.get(*layer)?;
                self.norm_bias()?
            }
            Role::Attention { layer, part } => {
                self.sparse.get(*layer)?;
                self.attention_shape(*part)?
            }
            Role::Dense { layer, part } => {
                let dense = !self.sparse.get(*layer)?;
                dense.then(|| projection(*part, self.dense_intermediate.unwrap_or(0), self.hidden))?
            }
            Role::Router { layer }
            | Role::CorrectionBias { layer }
            | Role::Expert { layer, .. }
            | Role::FusedExperts { layer, .. }
            | Role::SharedExpert { layer, .. }
            | Role::SharedGate { layer } => {
                self.sparse.get(*layer).filter(|sparse| **sparse)?;
                self.sparse_shape(role)?
            }
        };
        Some(shape.into_iter().map(|dim| dim as u64).collect())
    }

    fn norm_bias(&self) -> Option<Vec<usize>> {
        (self.norms == Norms::Layer).then(|| vec![self.hidden])
    }

    /// The shape of a tensor of a sparse layer's feed-forward block.
    fn sparse_shape(&self, role: &Role) -> Option<Vec<usize>> {
        let (experts, inner, hidden) = (self.experts, self.expert_intermediate, self.hidden);
        let fused = self.expert_form == ExpertForm::Fused;
        match role {
            Role::Router { .. } => Some(vec![experts, hidden]),
            Role::CorrectionBias { .. } => match self.routing.correction {
                Correction::None => None,
                Correction::Vector => Some(vec![experts]),
                Correction::Row => Some(vec![1, experts]),
            },
            Role::Expert { expert, part, .. } => (!fused && *expert < experts).then(|| projection(*part, inner, hidden)),
            Role::FusedExperts { part: FusedPart::GateUp, .. } => fused.then(|| vec![experts, 2 * inner, hidden]),
            Role::FusedExperts { part: FusedPart::Down, .. } => fused.then(|| vec![experts, hidden, inner]),
            Role::SharedExpert { part, .. } => self.shared.map(|shared| projection(*part, shared.intermediate, hidden)),
            Role::SharedGate { .. } => self.shared.filter(|shared| shared.gated).map(|_| vec![1, hidden]),
            _ => None,
        }
    }

    fn attention_shape(&self, part: AttentionPart) -> Option<Vec<usize>> {
        use AttentionPart as A;
        let (query, value) = (self.heads * self.head_dim, self.heads * self.value_dim);
        let inputs_bias = self.attention_bias != AttentionBias::None;
        match part {
            A::Out => return Some(vec![self.hidden, value]),
            A::OutBias => return (self.attention_bias == AttentionBias::All).then(|| vec![self.hidden]),
            _ => {}
        }
        if let Some(latent) = self.latent {
            let (rank, key_value) = (latent.query_rank, latent.key_value_rank);
            let key_value_down = key_value + self.head_dim - latent.plain_dim;
            return match part {
                A::Query => rank.is_none().then(|| vec![query, self.hidden]),
                A::QueryDown => rank.map(|rank| vec![rank, self.hidden]),
                A::QueryDownBias => rank.filter(|_| inputs_bias).map(|rank| vec![rank]),
                A::QueryDownNorm => rank.map(|rank| vec![rank]),
                A::QueryUp => rank.map(|rank| vec![query, rank]),
                A::KeyValueDown => Some(vec![key_value_down, self.hidden]),
                A::KeyValueDownBias => inputs_bias.then(|| vec![key_value_down]),
                A::KeyValueDownNorm => Some(vec![key_value]),
                A::KeyValueUp => Some(vec![self.heads * (latent.plain_dim + self.value_dim), key_value]),
                _ => None,
            };
        }
        let key = self.kv_heads * self.head_dim;
        let norm = |full: usize| match self.qk_norm {
            QkNorm::None => None,
            QkNorm::PerHead => Some(vec![self.head_dim]),
            QkNorm::FullWidth => Some(vec![full]),
        };
        match part {
            A::Query => Some(vec![query, self.hidden]),
            A::Key | A::Value => Some(vec![key, self.hidden]),
            A::QueryBias => inputs_bias.then(|| vec![query]),
            A::KeyBias | A::ValueBias => inputs_bias.then(|| vec![key]),
            A::QueryNorm => norm(query),
            A::KeyNorm => norm(key),
            _ => None,
        }
    }

    /// Yields every role a model of this geometry has, layer by layer.
    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        let outside = [Role::Embedding, Role::FinalNorm, Role::FinalNormBias, Role::Output, Role::OutputBias].into_iter();
        let layers = (0..self.layers).flat_map(move |layer| self.layer_roles(layer));
        outside.chain(layers).filter(|role| self.shape(role).is_some())
    }

    fn layer_roles(&self, layer: usize) -> impl Iterator<Item = Role> + '_ {
        let parts = [ExpertPart::Gate, ExpertPart::Up, ExpertPart::Down];
        let fixed = [
            Role::AttentionNorm { layer },
            Role::AttentionNormBias { layer },
            Role::FeedForwardNorm { layer },
            Role::FeedForwardNormBias { layer },
            Role::Router { layer },
            Role::CorrectionBias { layer },
            Role::FusedExperts { layer, part: FusedPart::GateUp },
            Role::FusedExperts { layer, part: FusedPart::Down },
            Role::SharedGate { layer },
        ];
        let experts = (0..self.experts).flat_map(move |expert| parts.map(|part| Role::Expert { layer, expert, part }));
        fixed
            .into_iter()
            .chain(AttentionPart::ALL.map(|part| Role::Attention { layer, part }))
            .chain(parts.map(|part| Role::Dense { layer, part }))
            .chain(parts.map(|part| Role::SharedExpert { layer, part }))
            .chain(experts)
    }

    /// Yields the layers that route to experts, ascending.
    pub fn sparse_layers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.layers).filter(|layer| self.sparse[*layer])
    }
}

fn projection(part: ExpertPart, inner: usize, hidden: usize) -> Vec<usize> {
    match part {
        ExpertPart::Gate | ExpertPart::Up => vec![inner, hidden],
        ExpertPart::Down => vec![hidden, inner],
    }
}
