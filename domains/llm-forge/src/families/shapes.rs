//! Which tensors a geometry has, and their shapes.

use super::{AttentionPart, ExpertPart, Geometry, QkNorm, Role};

impl Geometry {
    /// Returns the shape of a role's tensor, or `None` when a model of this geometry has no such tensor.
    ///
    /// # Shapes
    /// As documented at [`Role`]; projections are `[out, in]`.
    #[must_use]
    pub fn shape(&self, role: &Role) -> Option<Vec<u64>> {
        let sparse = |layer: &usize| self.sparse.get(*layer).copied();
        let shape = match role {
            Role::Embedding => vec![self.vocab, self.hidden],
            Role::Output if self.tie_embeddings => return None,
            Role::Output => vec![self.vocab, self.hidden],
            Role::FinalNorm => vec![self.hidden],
            Role::AttentionNorm { layer } | Role::FeedForwardNorm { layer } => {
                sparse(layer)?;
                vec![self.hidden]
            }
            Role::Attention { layer, part } => {
                sparse(layer)?;
                self.attention_shape(*part)?
            }
            Role::Router { layer } => sparse(layer)?.then(|| vec![self.experts, self.hidden])?,
            Role::Expert { layer, expert, part } => {
                let present = sparse(layer)? && *expert < self.experts;
                present.then(|| projection(*part, self.expert_intermediate, self.hidden))?
            }
            Role::Dense { layer, part } => {
                let dense = !sparse(layer)?;
                dense.then(|| projection(*part, self.dense_intermediate.unwrap_or(0), self.hidden))?
            }
        };
        Some(shape.into_iter().map(|dim| dim as u64).collect())
    }

    fn attention_shape(&self, part: AttentionPart) -> Option<Vec<usize>> {
        let (query, key) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let bias = |width: usize| self.attention_bias.then(|| vec![width]);
        let norm = |full: usize| match self.qk_norm {
            QkNorm::None => None,
            QkNorm::PerHead => Some(vec![self.head_dim]),
            QkNorm::FullWidth => Some(vec![full]),
        };
        match part {
            AttentionPart::Query => Some(vec![query, self.hidden]),
            AttentionPart::Key | AttentionPart::Value => Some(vec![key, self.hidden]),
            AttentionPart::Out => Some(vec![self.hidden, query]),
            AttentionPart::QueryBias => bias(query),
            AttentionPart::KeyBias | AttentionPart::ValueBias => bias(key),
            AttentionPart::OutBias => bias(self.hidden),
            AttentionPart::QueryNorm => norm(query),
            AttentionPart::KeyNorm => norm(key),
        }
    }

    /// Yields every role a model of this geometry has, layer by layer.
    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        let outside = [Role::Embedding, Role::FinalNorm, Role::Output].into_iter();
        let layers = (0..self.layers).flat_map(move |layer| self.layer_roles(layer));
        outside.chain(layers).filter(|role| self.shape(role).is_some())
    }

    fn layer_roles(&self, layer: usize) -> impl Iterator<Item = Role> + '_ {
        use AttentionPart as A;
        let attention =
            [A::Query, A::Key, A::Value, A::Out, A::QueryBias, A::KeyBias, A::ValueBias, A::OutBias, A::QueryNorm, A::KeyNorm];
        let parts = [ExpertPart::Gate, ExpertPart::Up, ExpertPart::Down];
        let fixed = [Role::AttentionNorm { layer }, Role::FeedForwardNorm { layer }, Role::Router { layer }];
        let experts = (0..self.experts).flat_map(move |expert| parts.map(|part| Role::Expert { layer, expert, part }));
        fixed
            .into_iter()
            .chain(attention.map(|part| Role::Attention { layer, part }))
            .chain(parts.map(|part| Role::Dense { layer, part }))
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
