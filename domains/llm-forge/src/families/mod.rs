//! Model families: what a tensor is by its name, and the geometry a config declares.
//!
//! One file per family behind one contract; shared code never branches on an architecture's name. Lookup is exact: an unknown
//! architecture is an error that lists what is registered.

mod check;
mod config;
mod deepseek_v2;
mod deepseek_v3;
mod ernie4_5_moe;
mod error;
mod experts;
mod geometry;
mod glm4_moe;
mod gpt_oss;
mod granitemoe;
mod layout;
mod llama4_text;
mod mixtral;
mod model;
mod names;
mod olmoe;
mod phimoe;
mod qwen2_moe;
mod qwen3_moe;
mod qwen3_next;
mod roles;
mod rope;
mod shapes;
mod sparse;

use std::fmt;

use serde_json::Value;

pub use config::ConfigReader;
pub use deepseek_v2::DeepseekV2;
pub use deepseek_v3::DeepseekV3;
pub use ernie4_5_moe::Ernie45Moe;
pub use error::{ConfigProblem, FamilyError, ModelError, NotRunnable, TensorProblem};
pub use experts::{ExpertGeometry, Groups};
pub use geometry::{
    AttentionBias, Correction, ExpertForm, Geometry, GroupScore, GroupedRouting, Latent, Multipliers, Norms, QkNorm, Rotary,
    RoutingRule, Scoring, SharedExpert, Yarn,
};
pub use glm4_moe::Glm4Moe;
pub use gpt_oss::GptOss;
pub use granitemoe::GraniteMoe;
pub use layout::{BESIDE, ExpertLayout, Found, Need, OUTSIDE, Part, Rule};
pub use llama4_text::Llama4Text;
pub use mixtral::Mixtral;
pub use model::{MAX_CONFIG_BYTES, Model, Runnable};
pub use names::Naming;
pub use olmoe::Olmoe;
pub use phimoe::Phimoe;
pub use qwen2_moe::Qwen2Moe;
pub use qwen3_moe::Qwen3Moe;
pub use qwen3_next::Qwen3Next;
pub use roles::{AttentionPart, ExpertPart, FusedPart, Role};

/// Most layers a config may declare; a limit on memory, far above any model.
pub const MAX_LAYERS: u64 = 4096;

/// Most experts a layer may have; a limit on memory, far above any model.
pub const MAX_EXPERTS: u64 = 65_536;

/// One model family: where it keeps its experts, and what its config says of them.
///
/// That much is enough to prune. What else can be done with a family it offers by the methods that have a default.
pub trait Family: fmt::Debug + Sync {
    /// Returns the `model_type` of its configs, or of their `text_config`.
    fn architecture(&self) -> &'static str;

    /// Returns the name of the reference implementation's class.
    fn class(&self) -> &'static str;

    /// Returns where it keeps its experts.
    fn layout(&self) -> &'static ExpertLayout;

    /// Returns the config keys that may hold the number of experts, the usual one first.
    fn expert_count_keys(&self) -> &'static [&'static str];

    /// Returns the config key that holds the number of experts a token is routed to.
    fn top_k_key(&self) -> &'static str {
        "num_experts_per_tok"
    }

    /// Says which of the decoder's layers route to experts.
    fn sparse(&self, _reader: &mut ConfigReader<'_>, layers: usize) -> Vec<bool> {
        vec![true; layers]
    }

    /// Says how a token's experts are limited to groups.
    fn groups(&self, _reader: &mut ConfigReader<'_>) -> Groups {
        Groups::default()
    }

    /// Reads what a prune has to know from a config.
    ///
    /// # Errors
    /// [`FamilyError::Config`] with every field that is missing or wrong.
    fn experts(&self, config: &Value) -> Result<ExpertGeometry, FamilyError> {
        ExpertGeometry::read(self, config)
    }

    /// Returns its forward pass; a family without one can be pruned, but neither profiled nor evaluated as safetensors.
    fn forward(&self) -> Option<&'static dyn Forward> {
        None
    }

    /// Returns how it is written as GGUF, where it is.
    fn gguf(&self) -> Option<&'static crate::gguf::GgufFamily> {
        crate::gguf::gguf_family(self.architecture())
    }
}

/// What the forward pass needs of a family: what all its tensors are, and everything its config means.
pub trait Forward: fmt::Debug + Sync {
    /// Reads the geometry a config declares.
    ///
    /// # Errors
    /// [`FamilyError::Config`] with every field that is missing, wrong or asks for something unsupported.
    fn geometry(&self, config: &Value) -> Result<Geometry, FamilyError>;

    /// Returns what its tensors are called on disk.
    fn naming(&self) -> &'static Naming;

    /// Says what a tensor is by its on-disk name, or `None` when the family has no such tensor.
    fn role(&self, tensor: &str) -> Option<Role> {
        self.naming().role(tensor)
    }

    /// Returns the on-disk name of a role that a geometry of this family has.
    fn tensor_name(&self, role: &Role) -> String {
        self.naming().tensor_name(role)
    }
}

/// Every family there is. Adding one is its file and one line here.
static FAMILIES: [&dyn Family; 13] = [
    &DeepseekV2,
    &DeepseekV3,
    &Ernie45Moe,
    &Glm4Moe,
    &GptOss,
    &GraniteMoe,
    &Llama4Text,
    &Mixtral,
    &Olmoe,
    &Phimoe,
    &Qwen2Moe,
    &Qwen3Moe,
    &Qwen3Next,
];

/// Returns the registered families, by architecture.
#[must_use]
pub fn families() -> &'static [&'static dyn Family] {
    &FAMILIES
}

/// Returns the family of exactly this architecture.
///
/// # Errors
/// [`FamilyError::Unknown`], listing what is registered.
pub fn family(architecture: &str) -> Result<&'static dyn Family, FamilyError> {
    find(&FAMILIES, architecture)
}

/// Returns the family of exactly this architecture among `registry`.
fn find(registry: &[&'static dyn Family], architecture: &str) -> Result<&'static dyn Family, FamilyError> {
    registry.iter().copied().find(|family| family.architecture() == architecture).ok_or_else(|| FamilyError::Unknown {
        architecture: architecture.to_owned(),
        registered: registry.iter().map(|family| family.architecture()).collect(),
    })
}

/// The geometry that was read, unless a field was missing or wrong, or the relations that every forward pass relies on do not hold.
fn checked(mut reader: ConfigReader<'_>, geometry: Geometry) -> Result<Geometry, FamilyError> {
    check_relations(&mut reader, &geometry);
    reader.finish(geometry)
}

/// Checks the relations between fields that every family's forward pass relies on.
fn check_relations(reader: &mut ConfigReader<'_>, geometry: &Geometry) {
    if !reader.clean() {
        return;
    }
    let Geometry { heads, kv_heads, head_dim, experts, top_k, .. } = *geometry;
    reader.require(
        heads.is_multiple_of(kv_heads),
        "num_key_value_heads",
        &format!("a divisor of num_attention_heads = {heads}"),
        kv_heads,
    );
    reader.require(
        head_dim > 0 && head_dim.is_multiple_of(2),
        "head_dim",
        "an even number: the rotary embedding turns pairs",
        head_dim,
    );
    reader.require(top_k <= experts, "num_experts_per_tok", &format!("at most the {experts} experts of a layer"), top_k);
}
