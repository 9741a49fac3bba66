//! On-disk tensor names: the decoder naming several families share, with the names each gives its expert block.

use super::{AttentionPart, ExpertPart, FusedPart, Role};

/// How a family names the tensors of its feed-forward blocks.
#[derive(Debug)]
pub struct Naming {
    /// The module of a sparse layer, such as `mlp`.
    pub block: &'static str,
    /// The router's weight within the block.
    pub router: &'static str,
    /// The correction of the router's scores within the block, where the family has one.
    pub correction: Option<&'static str>,
    /// The projections of an expert: gate, up, down.
    pub expert: [&'static str; 3],
    /// The tensors of all experts within the block, gate above up and down, where the family stores them so.
    pub fused: Option<[&'static str; 2]>,
    /// The module within the block that every token passes, where the family has one; its projections are named as in
    /// [`Naming::dense`].
    pub shared: Option<&'static str>,
    /// The weight of its gate within the block, where it has one.
    pub shared_gate: Option<&'static str>,
    /// Module and projections (gate, up, down) of a dense layer, where the family has any.
    pub dense: Option<(&'static str, [&'static str; 3])>,
}

/// The names most families give the projections of a feed-forward block: gate, up, down.
pub(super) const PROJECTIONS: [&str; 3] = ["gate_proj", "up_proj", "down_proj"];

impl Naming {
    /// `mlp` with a `gate` and numbered experts, and nothing else.
    pub const MLP: Naming = Naming {
        block: "mlp",
        router: "gate.weight",
        correction: None,
        expert: PROJECTIONS,
        fused: None,
        shared: None,
        shared_gate: None,
        dense: None,
    };
}

const FUSED: [FusedPart; 2] = [FusedPart::GateUp, FusedPart::Down];

const PARTS: [ExpertPart; 3] = [ExpertPart::Gate, ExpertPart::Up, ExpertPart::Down];

const ATTENTION: [(&str, AttentionPart); 18] = [
    ("q_proj.weight", AttentionPart::Query),
    ("k_proj.weight", AttentionPart::Key),
    ("v_proj.weight", AttentionPart::Value),
    ("o_proj.weight", AttentionPart::Out),
    ("q_proj.bias", AttentionPart::QueryBias),
    ("k_proj.bias", AttentionPart::KeyBias),
    ("v_proj.bias", AttentionPart::ValueBias),
    ("o_proj.bias", AttentionPart::OutBias),
    ("q_norm.weight", AttentionPart::QueryNorm),
    ("k_norm.weight", AttentionPart::KeyNorm),
    ("q_a_proj.weight", AttentionPart::QueryDown),
    ("q_a_proj.bias", AttentionPart::QueryDownBias),
    ("q_a_layernorm.weight", AttentionPart::QueryDownNorm),
    ("q_b_proj.weight", AttentionPart::QueryUp),
    ("kv_a_proj_with_mqa.weight", AttentionPart::KeyValueDown),
    ("kv_a_proj_with_mqa.bias", AttentionPart::KeyValueDownBias),
    ("kv_a_layernorm.weight", AttentionPart::KeyValueDownNorm),
    ("kv_b_proj.weight", AttentionPart::KeyValueUp),
];

impl Naming {
    /// Says what a tensor is, or `None` when the family has no such name.
    pub fn role(&self, tensor: &str) -> Option<Role> {
        match tensor {
            "model.embed_tokens.weight" => return Some(Role::Embedding),
            "model.norm.weight" => return Some(Role::FinalNorm),
            "model.norm.bias" => return Some(Role::FinalNormBias),
            "lm_head.weight" => return Some(Role::Output),
            "lm_head.bias" => return Some(Role::OutputBias),
            _ => {}
        }
        let (layer, rest) = split_layer(tensor)?;
        match rest {
            "input_layernorm.weight" => return Some(Role::AttentionNorm { layer }),
            "input_layernorm.bias" => return Some(Role::AttentionNormBias { layer }),
            "post_attention_layernorm.weight" => return Some(Role::FeedForwardNorm { layer }),
            "post_attention_layernorm.bias" => return Some(Role::FeedForwardNormBias { layer }),
            _ => {}
        }
        if let Some(name) = rest.strip_prefix("self_attn.") {
            let (_, part) = ATTENTION.iter().find(|(known, _)| *known == name)?;
            return Some(Role::Attention { layer, part: *part });
        }
        self.sparse_role(layer, rest).or_else(|| self.dense_role(layer, rest))
    }

    fn sparse_role(&self, layer: usize, rest: &str) -> Option<Role> {
        let inner = rest.strip_prefix(self.block)?.strip_prefix('.')?;
        if inner == self.router {
            return Some(Role::Router { layer });
        }
        if Some(inner) == self.correction {
            return Some(Role::CorrectionBias { layer });
        }
        if Some(inner) == self.shared_gate {
            return Some(Role::SharedGate { layer });
        }
        if let Some(name) = self.shared.and_then(|module| inner.strip_prefix(module)?.strip_prefix('.')) {
            return Some(Role::SharedExpert { layer, part: part_of(name.strip_suffix(".weight")?, &PROJECTIONS)? });
        }
        if let Some(names) = &self.fused {
            let place = names.iter().position(|name| *name == inner)?;
            return Some(Role::FusedExperts { layer, part: FUSED[place] });
        }
        let (expert, name) = inner.strip_prefix("experts.")?.split_once('.')?;
        let part = part_of(name.strip_suffix(".weight")?, &self.expert)?;
        Some(Role::Expert { layer, expert: index(expert)?, part })
    }

    fn dense_role(&self, layer: usize, rest: &str) -> Option<Role> {
        let (block, names) = self.dense.as_ref()?;
        let name = rest.strip_prefix(block)?.strip_prefix('.')?.strip_suffix(".weight")?;
        Some(Role::Dense { layer, part: part_of(name, names)? })
    }

    /// Returns the on-disk name of a role; the inverse of [`Naming::role`].
    ///
    /// # Panics
    /// When asked for a tensor the family has not: no geometry of such a family has one.
    pub fn tensor_name(&self, role: &Role) -> String {
        match role {
            Role::Embedding => "model.embed_tokens.weight".to_owned(),
            Role::FinalNorm => "model.norm.weight".to_owned(),
            Role::Output => "lm_head.weight".to_owned(),
            Role::AttentionNorm { layer } => format!("model.layers.{layer}.input_layernorm.weight"),
            Role::FeedForwardNorm { layer } => {
                format!("model.layers.{layer}.post_attention_layernorm.weight")
            }
            Role::Attention { layer, part } => {
                let (name, _) = ATTENTION.iter().find(|(_, known)| known == part).expect("the table names every part");
                format!("model.layers.{layer}.self_attn.{name}")
            }
            Role::FinalNormBias => "model.norm.bias".to_owned(),
            Role::OutputBias => "lm_head.bias".to_owned(),
            Role::AttentionNormBias { layer } => format!("model.layers.{layer}.input_layernorm.bias"),
            Role::FeedForwardNormBias { layer } => format!("model.layers.{layer}.post_attention_layernorm.bias"),
            Role::Router { layer } => self.in_block(*layer, self.router),
            Role::CorrectionBias { layer } => self.in_block(*layer, self.correction.expect(ONLY)),
            Role::SharedGate { layer } => self.in_block(*layer, self.shared_gate.expect(ONLY)),
            Role::SharedExpert { layer, part } => {
                self.in_block(*layer, &format!("{}.{}.weight", self.shared.expect(ONLY), PROJECTIONS[*part as usize]))
            }
            Role::FusedExperts { layer, part } => self.in_block(*layer, self.fused.expect(ONLY)[*part as usize]),
            Role::Expert { layer, expert, part } => {
                format!("model.layers.{layer}.{}.experts.{expert}.{}.weight", self.block, self.expert[*part as usize])
            }
            Role::Dense { layer, part } => {
                let (block, names) = self.dense.as_ref().expect(ONLY);
                format!("model.layers.{layer}.{block}.{}.weight", names[*part as usize])
            }
        }
    }

    fn in_block(&self, layer: usize, name: &str) -> String {
        format!("model.layers.{layer}.{}.{name}", self.block)
    }
}

/// Why a name that is looked up is there.
const ONLY: &str = "only a family that names such a tensor has this role";

fn part_of(name: &str, names: &[&str; 3]) -> Option<ExpertPart> {
    names.iter().position(|known| *known == name).map(|place| PARTS[place])
}

fn split_layer(tensor: &str) -> Option<(usize, &str)> {
    let (layer, rest) = tensor.strip_prefix("model.layers.")?.split_once('.')?;
    Some((index(layer)?, rest))
}

/// Reads an index in its one canonical spelling, so that a name and its role determine each other.
pub(super) fn index(text: &str) -> Option<usize> {
    let canonical = text == "0" || (!text.starts_with('0') && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMING: Naming = Naming {
        correction: Some("gate.e_score_correction_bias"),
        shared: Some("shared_expert"),
        shared_gate: Some("shared_expert_gate.weight"),
        dense: Some(("mlp", PROJECTIONS)),
        ..Naming::MLP
    };

    #[test]
    fn a_name_and_its_role_determine_each_other() {
        let layer = 12;
        let mut roles =
            vec![Role::Embedding, Role::FinalNorm, Role::Output, Role::AttentionNorm { layer }, Role::FeedForwardNorm { layer }];
        roles.extend(ATTENTION.map(|(_, part)| Role::Attention { layer, part }));
        roles.extend([Role::FinalNormBias, Role::OutputBias, Role::AttentionNormBias { layer }]);
        roles.extend([Role::Router { layer }, Role::CorrectionBias { layer }, Role::SharedGate { layer }]);
        roles.extend(PARTS.map(|part| Role::SharedExpert { layer, part }));
        roles.extend(PARTS.map(|part| Role::Expert { layer, expert: 63, part }));
        roles.extend(PARTS.map(|part| Role::Dense { layer, part }));
        for role in roles {
            assert_eq!(NAMING.role(&NAMING.tensor_name(&role)), Some(role));
        }
    }

    #[test]
    fn fused_experts_have_no_numbers() {
        let naming = Naming { fused: Some(["input.weight", "output.weight"]), ..Naming::MLP };
        for part in FUSED {
            let role = Role::FusedExperts { layer: 3, part };
            assert_eq!(naming.role(&naming.tensor_name(&role)), Some(role));
        }
        assert_eq!(naming.role("model.layers.3.mlp.experts.0.up_proj.weight"), None);
    }

    #[test]
    fn odd_spellings_are_no_roles() {
        for name in [
            "model.layers.01.mlp.gate.weight",
            "model.layers.+1.mlp.gate.weight",
            "model.layers..mlp.gate.weight",
            "model.layers.1.mlp.experts.00.up_proj.weight",
            "model.layers.1.mlp.experts.3.up_proj.bias",
            "model.layers.1.mlp.gate.bias",
            "model.layers.99999999999999999999.mlp.gate.weight",
            "layers.1.mlp.gate.weight",
            "",
        ] {
            assert_eq!(NAMING.role(name), None, "{name}");
        }
    }
}
