//! The domain as the registry sees it.

use std::sync::Arc;

use aw_alloy::artifact::Artifact;
use aw_alloy::chain::{Chain, Link};
use aw_alloy::gates::regression::Series;
use aw_domain::{
    DerivedStage, Domain, Executor, Objection, Phase, Problem, RootMember, Source, SourceRequest, Stage, StageType, Tree,
    schema_of,
};
#[cfg(feature = "hub")]
use aw_domain::{Failure, FetchRequest};
use serde_json::{Map, Value};

use crate::stages::comparison::{self, ComparisonConfig, CriterionComparison};
use crate::stages::corpora::{BASELINES, CALIBRATION, Corpora, EVALUATION};
use crate::stages::eval::{Eval, EvalConfig};
use crate::stages::package::{Package, PackageConfig};
use crate::stages::profile::{ExpertActivationProfile, ProfileConfig};
use crate::stages::prune::{ExpertPrune, PruneConfig};
use crate::stages::quant::QuantConfig;
use crate::tools::Tools;
use crate::vocabulary::corpora::{CalibrationCorpusRef, PriorMetricBaseline};
use crate::vocabulary::delivery::Quant;
use crate::vocabulary::{declared, published};
use crate::{card, learned, objections, source, stages, target};

/// The language-model forge.
#[derive(Clone, Debug, Default)]
pub struct LlmForge {
    tools: Arc<Tools>,
    #[cfg(feature = "hub")]
    hub: Option<Arc<source::hub::Access>>,
}

impl LlmForge {
    /// The forge, with the programs of others it may start. Without any, the stages that need one refuse to be planned.
    #[must_use]
    pub fn new(tools: Tools) -> Self {
        Self { tools: Arc::new(tools), ..Self::default() }
    }

    /// The same with access to the Hugging Face Hub, or with why there is none, which is told when a recipe needs it.
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn with_hub(self, settings: Result<aw_hub::Settings, aw_hub::SettingsError>) -> Self {
        Self { hub: Some(Arc::new(settings)), ..self }
    }

    fn hub(&self) -> source::HubAccess<'_> {
        #[cfg(feature = "hub")]
        return self.hub.as_deref();
        #[cfg(not(feature = "hub"))]
        return None;
    }

    /// The programs of others it may start.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }
}

impl Domain for LlmForge {
    fn id(&self) -> &str {
        "llm-forge"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn type_byte(&self) -> u8 {
        0x01
    }

    fn stage_types(&self) -> Vec<StageType> {
        let here = |name, summary, phase, (schema, document_schema), stage: Arc<dyn Stage>| {
            StageType::new(name, summary, phase, schema, Executor::Here(stage)).with_document_schema(document_schema)
        };
        let mut stages = vec![
            here(
                "expert-activation-profile",
                "Measures on a corpus how much each expert matters, every metric in one pass.",
                Phase::Transform,
                (schema_of::<ProfileConfig>(), schema_of::<published::ExpertActivationProfile>()),
                Arc::new(ExpertActivationProfile),
            ),
            here(
                "expert-prune",
                "Keeps the experts of each layer that matter most and drops the rest.",
                Phase::Transform,
                (schema_of::<PruneConfig>(), schema_of::<published::ExpertPrune>()),
                Arc::new(ExpertPrune),
            ),
            here(
                "quant",
                "Writes the model as GGUF files, one a tier, each tried in llama.cpp.",
                Phase::Delivery,
                (schema_of::<QuantConfig>(), schema_of::<Quant>()),
                Arc::new(stages::quant::Quant { tools: Arc::clone(&self.tools) }),
            ),
            here(
                "eval",
                "Measures the model next to the unmodified base and to controls.",
                Phase::Delivery,
                (schema_of::<EvalConfig>(), schema_of::<published::Eval>()),
                Arc::new(Eval { tools: Arc::clone(&self.tools) }),
            ),
            StageType::new(
                comparison::TYPE,
                "Measures what several ways of choosing experts cost at several budgets, side by side, and draws it.",
                Phase::Delivery,
                schema_of::<ComparisonConfig>(),
                Executor::Here(Arc::new(CriterionComparison)),
            ),
            here(
                "package",
                "Puts the model into a folder that people load.",
                Phase::Delivery,
                (schema_of::<PackageConfig>(), schema_of::<published::Package>()),
                Arc::new(Package),
            ),
        ];
        stages.extend(declared());
        stages
    }

    fn root_members(&self) -> Vec<RootMember> {
        // To run, a corpus is pinned by its hash and its id names a folder; documents only point to it.
        let corpora =
            |name| RootMember::new(name, schema_of::<Corpora>()).with_document_schema(schema_of::<Vec<CalibrationCorpusRef>>());
        let baselines = RootMember::new(BASELINES, schema_of::<Vec<PriorMetricBaseline>>());
        vec![corpora(CALIBRATION), corpora(EVALUATION), baselines]
    }

    fn derive_stages(&self, recipe: &Value) -> Result<Vec<DerivedStage>, Vec<Problem>> {
        target::derive(recipe)
    }

    fn target_disagreements(&self, recipe: &Value) -> Vec<Problem> {
        target::disagreements(recipe)
    }

    fn source(&self, request: &SourceRequest<'_>) -> Result<Source, Vec<Problem>> {
        source::find(request, self.hub())
    }

    #[cfg(feature = "hub")]
    fn fetch(&self, request: &FetchRequest<'_>) -> Result<(), Failure> {
        let access = self
            .hub()
            .ok_or_else(|| Failure::new("bug", "this is a bug: a source on the Hub was planned without access to it"))?;
        source::hub::fetch(request, access)
    }

    fn learned(&self, chain: &Chain, tree: &Tree) -> Map<String, Value> {
        learned::learned(chain, tree)
    }

    fn watched(&self, links: &[Link]) -> Vec<Series> {
        learned::watched(links)
    }

    fn card(&self, artifact: &Artifact) -> Option<String> {
        Some(card::render(artifact))
    }

    fn objections(&self, artifact: &Artifact) -> Vec<Objection> {
        objections::objections(artifact)
    }
}
