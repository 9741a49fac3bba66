//! The root of a document.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    AcceptanceCriteria, Attestation, BenchmarkDef, CorpusRef, Hardware, HardwareProfile, Outputs, QuantTier, Receipt, Results,
    Search, Source, Target,
};

/// Documents of this `type` have a target and specialists for a source, and counts for results.
pub const ENSEMBLE: &str = "many-worlds-ensemble";
/// Documents of this `type` chain the commits of a repository; their source is no model.
pub const REPOSITORY: &str = "repo-attestation";

/// The universal members of a document, whatever its domains. Domains add their own, and unknown ones are legal.
///
/// # Source
/// The alloy format, sections 2 and 10.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Alloy document", transform = shapes)]
pub struct DocumentRoot {
    /// Slug of the artifact.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Revision of the document, `N.N.N`; it does not identify bytes.
    #[schemars(regex(pattern = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"))]
    pub version: String,
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
    #[serde(default = "license")]
    #[schemars(length(min = 1))]
    pub license: String,
    /// Vocabularies used, in order.
    #[schemars(length(min = 1))]
    pub domains: Option<Vec<String>>,
    /// Domain class, as in `"0x01"`.
    #[schemars(regex(pattern = r"^0x[0-9A-Fa-f]{2}$"))]
    pub type_byte: Option<String>,
    /// What kind of document it is, for special shapes.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What is transformed.
    pub source: Source,
    /// What it should become.
    pub target: Option<Target>,
    /// The stages, executed in order.
    #[schemars(length(min = 1))]
    pub stages: Vec<DocumentStage>,
    /// Repetitions of the transform stages.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub cycles: u64,
    /// What it takes.
    pub hardware: Option<Hardware>,
    /// What should come out.
    pub outputs: Option<Outputs>,
    /// How settings are searched.
    pub search: Option<Search>,
    /// What a run measured.
    pub results: Option<Results>,
    /// Where it was published.
    pub receipt: Option<Receipt>,
    /// What vouches for it, in ensembles and artifacts.
    pub integrity: Option<Attestation>,
    /// The document this one was forged from.
    pub source_alloy_id: Option<String>,
    /// Ids under which the results were published.
    pub forged_model_ids: Option<Vec<String>>,
    /// What the artifact cannot do; always on the card.
    #[serde(default)]
    pub limitations: Vec<String>,
    /// Where the method is described.
    pub methodology_paper_url: Option<String>,
    /// What the shipping side will demand.
    pub acceptance_criteria: Option<AcceptanceCriteria>,
    /// Which quantisations ship.
    pub quant_tiers: Option<Vec<QuantTier>>,
    /// What is measured on the result and on the base.
    pub evaluation_benchmarks: Option<Vec<BenchmarkDef>>,
    /// The corpus that importance is measured on.
    pub calibration_corpus: Option<CorpusRef>,
    /// Identity of the recipe or artifact.
    pub id: Option<String>,
    /// The recipe this one was forked from.
    pub parent_recipe_id: Option<String>,
    /// The recipe of an artifact.
    pub recipe_id: Option<String>,
    /// Its version.
    #[schemars(regex(pattern = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"))]
    pub recipe_version: Option<String>,
    /// Its name.
    pub recipe_name: Option<String>,
    /// When the run started.
    pub forged_at: Option<String>,
    /// The same in milliseconds since 1970; 0 is not run.
    pub forged_at_ms: Option<u64>,
    /// How long the run took, in minutes.
    #[schemars(range(min = 0))]
    pub duration_minutes: Option<f64>,
    /// Parameters of the result, in billions.
    #[schemars(range(min = 0))]
    pub forged_params_b: Option<f64>,
    /// Parameters a token uses, in billions; `null` for dense models.
    #[schemars(range(min = 0))]
    pub active_params_b: Option<f64>,
    /// Devices the result ran on.
    pub hardware_verified: Option<Vec<HardwareProfile>>,
}

/// What every stage has, whatever its stage type.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentStage {
    /// The stage type.
    #[serde(rename = "type")]
    #[schemars(length(min = 1))]
    pub kind: String,
    /// The author's words on it, on the card as a quote.
    pub notes: Option<String>,
    /// The members of its stage type.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

/// Says which members of `source` a document of which `type` must have.
fn shapes(schema: &mut schemars::Schema) {
    let of_type = |name: &str| json!({"properties": {"type": {"const": name}}, "required": ["type"]});
    let needs = |names: &[&str]| json!({"properties": {"source": {"required": names}}});
    let ordinary = json!({"if": of_type(REPOSITORY), "else": needs(&["baseModel", "architecture"])});
    schema.insert("if".into(), of_type(ENSEMBLE));
    schema.insert("then".into(), needs(&["target", "specialists"]));
    schema.insert("else".into(), ordinary);
}

fn one() -> u64 {
    1
}

fn license() -> String {
    "apache-2.0".into()
}
