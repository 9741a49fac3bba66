//! On-disk tensor names: the decoder naming all three families share, with the names each gives its expert block.

use super::{AttentionPart, ExpertPart, Role};

/// How a family names the tensors of its feed-forward blocks.
#[derive(Debug)]
pub(super) struct Naming {
    /// The module of a sparse layer, such as `mlp`.
    pub block: &'static str,
    /// The projections of an expert: gate, up, down.
    pub expert: [&'static str; 3],
    /// Module and projections (gate, up, down) of a dense layer, where the family has any.
    pub dense: Option<(&'static str, [&'static str; 3])>,
}

const PARTS: [ExpertPart; 3] = [ExpertPart::Gate, ExpertPart::Up, ExpertPart::Down];

const ATTENTION: [(&str, AttentionPart); 10] = [
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
];

impl Naming {
    /// Says what a tensor is, or `None` when the family has no such name.
    pub fn role(&self, tensor: &str) -> Option<Role> {
        match tensor {
            "model.embed_tokens.weight" => return Some(Role::Embedding),
            "model.norm.weight" => return Some(Role::FinalNorm),
            "lm_head.weight" => return Some(Role::Output),
            _ => {}
        }
        let (layer, rest) = split_layer(tensor)?;
        match rest {
            "input_layernorm.weight" => return Some(Role::AttentionNorm { layer }),
            "post_attention_layernorm.weight" => return Some(Role::FeedForwardNorm { layer }),
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
        if inner == "gate.weight" {
            return Some(Role::Router { layer });
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
    /// When asked for a dense layer's tensor in a family without dense layers: no geometry of such a family has one.
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
            Role::Router { layer } => format!("model.layers.{layer}.{}.gate.weight", self.block),
            Role::Expert { layer, expert, part } => {
                format!("model.layers.{layer}.{}.experts.{expert}.{}.weight", self.block, self.expert[*part as usize])
            }
            Role::Dense { layer, part } => {
                let (block, names) = self.dense.as_ref().expect("only a family with dense layers has this role");
                format!("model.layers.{layer}.{block}.{}.weight", names[*part as usize])
            }
        }
    }
}

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
        block: "mlp",
        expert: ["gate_proj", "up_proj", "down_proj"],
        dense: Some(("mlp", ["gate_proj", "up_proj", "down_proj"])),
    };

    #[test]
    fn a_name_and_its_role_determine_each_other() {
        let layer = 12;
        let mut roles =
            vec![Role::Embedding, Role::FinalNorm, Role::Output, Role::AttentionNorm { layer }, Role::FeedForwardNorm { layer }];
        roles.extend(ATTENTION.map(|(_, part)| Role::Attention { layer, part }));
        roles.push(Role::Router { layer });
        roles.extend(PARTS.map(|part| Role::Expert { layer, expert: 63, part }));
        roles.extend(PARTS.map(|part| Role::Dense { layer, part }));
        for role in roles {
            assert_eq!(NAMING.role(&NAMING.tensor_name(&role)), Some(role));
        }
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
