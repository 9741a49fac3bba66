//! The universal members of a recipe's root.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::document::members::{AcceptanceCriteria, BenchmarkDef, CorpusRef, Hardware, Outputs, QuantTier, Search, Target};

/// The members every recipe may have, whatever its domains. Domains add their own.
///
/// # Source
/// The alloy format, sections 2, 3, 6, 9 and 10; the foundry and line, section 1.1.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Recipe")]
pub struct RecipeRoot {
    /// Slug that names the artifact and its file.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"))]
    pub name: String,
    /// Version of the recipe, `N.N.N`.
    #[schemars(regex(pattern = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"))]
    pub version: String,
    /// Stable identity of the recipe; made from the content when absent.
    #[schemars(regex(pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"))]
    pub id: Option<String>,
    /// Long text for researchers.
    #[serde(default)]
    pub description: String,
    /// One paragraph for users, on the card as it is.
    pub user_summary: Option<String>,
    /// Who publishes.
    #[serde(default)]
    pub author: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// SPDX licence of the artifact.
    pub license: Option<String>,
    /// Vocabularies used, in order.
    #[schemars(length(min = 1))]
    pub domains: Option<Vec<String>>,
    /// Domain class, as in `"0x01"`.
    #[schemars(regex(pattern = r"^0x[0-9A-Fa-f]{2}$"))]
    pub type_byte: Option<String>,
    /// What is transformed.
    pub source: RecipeSource,
    /// What it should become.
    pub target: Option<Target>,
    /// The stages, executed in order; each is checked against its own stage type.
    #[schemars(length(min = 1))]
    pub stages: Vec<Map<String, Value>>,
    /// Repetitions of the transform stages.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub cycles: u32,
    /// What it should run on.
    pub hardware: Option<Hardware>,
    /// What should come out.
    pub outputs: Option<Outputs>,
    /// How settings are searched.
    pub search: Option<Search>,
    /// What the artifact cannot do; always on the card.
    #[serde(default)]
    pub limitations: Vec<String>,
    /// Where the method is described.
    pub methodology_paper_url: Option<String>,
    /// What the shipping side will demand.
    pub acceptance_criteria: Option<AcceptanceCriteria>,
    /// Which quantisations ship.
    #[serde(default)]
    pub quant_tiers: Vec<QuantTier>,
    /// What is measured on the result and on the base.
    #[serde(default)]
    pub evaluation_benchmarks: Vec<BenchmarkDef>,
    /// The recipe this one was forked from.
    pub parent_recipe_id: Option<String>,
    /// Artifacts it builds on; kept, nothing is made of it yet.
    #[serde(default)]
    pub parent_artifact_ids: Vec<String>,
    /// The corpus that importance is measured on, by its content.
    pub calibration_corpus: Option<CorpusRef>,
    /// When it was first written, in milliseconds since 1970.
    pub authored_at_ms: Option<u64>,
    /// When it was last changed, in milliseconds since 1970.
    pub updated_at_ms: Option<u64>,
}

/// What a recipe transforms. Further members are the domain's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipeSource {
    /// The source: a folder relative to the recipe, or the id of something published elsewhere.
    #[schemars(length(min = 1))]
    pub base_model: String,
    /// What kind of thing it is; each domain says which it knows.
    #[schemars(length(min = 1))]
    pub architecture: String,
    /// Pinned revision.
    pub revision: Option<String>,
    /// Whatever else is said of it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

fn one() -> u32 {
    1
}
