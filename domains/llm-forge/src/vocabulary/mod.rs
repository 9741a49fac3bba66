//! The whole stage vocabulary: a type for each stage of the published format, in the shape documents hold it.
//!
//! A stage that nothing executes yet is declared: documents and recipes may hold it, a plan refuses it. A stage that runs here has
//! two types: the one in `stages/`, strict, that runs, and the one in [`published`], with everything documents were seen to hold.
//! A definition in use is never edited: the vocabulary grows by new types and new members.
//!
//! # Source
//! The alloy format, sections 4 and 6.

pub mod corpora;
pub mod delivery;
pub mod input;
pub mod published;
pub mod transform;
pub mod vision;
pub mod worlds;

mod defaults;
mod shared;

use aw_domain::{Executor, Phase, StageType, schema_of};
use schemars::JsonSchema;
use serde_json::{Value, json};

pub use shared::{Precision, Scheduler};

/// Every stage type that is declared and has no executor here.
pub(crate) fn declared() -> Vec<StageType> {
    use Phase::{Delivery, Input, Transform};
    vec![
        stage::<input::SourceConfig>("source-config", Input, "States how the source is read: context, modalities, tokenizer."),
        stage::<input::ContextExtend>("context-extend", Input, "Lengthens the context the model can take."),
        stage::<input::Modality>("modality", Input, "Adds an encoder for another kind of input."),
        stage::<transform::Prune>("prune", Transform, "Removes attention heads."),
        stage::<transform::Train>("train", Transform, "Trains the model on a dataset."),
        stage::<transform::Lora>("lora", Transform, "Trains a low-rank adapter."),
        stage::<transform::Compact>("compact", Transform, "Removes dead heads and stores weak ones in fewer bits."),
        stage::<transform::Recover>("recover", Transform, "Recovers quality after surgery, in a way of its own."),
        stage::<transform::CompensationLora>(
            "compensation-lora",
            Transform,
            "Distils what pruning lost from the unpruned teacher.",
        ),
        stage::<delivery::Quant>("quant", Delivery, "Stores the weights in fewer bits, one file a tier."),
        stage::<delivery::Publish>("publish", Delivery, "Publishes the artifact under an organisation."),
        stage::<delivery::Deliver>("deliver", Delivery, "Older spelling of `publish`; nothing is required."),
        stage::<delivery::Deploy>("deploy", Delivery, "Puts the model on a machine that serves it."),
        stage::<worlds::TeamSearch>("team-search", Transform, "Searches the team of models that solves the most together."),
        stage::<worlds::Ensemble>("many-worlds-ensemble", Transform, "Blends a frozen target with specialists at run time."),
        stage::<worlds::GateProfile>("gate-profile", Transform, "Measures what each specialist contributes to a benchmark."),
        stage::<worlds::PopulationPrune>("population-prune", Transform, "Drops the specialists that contribute too little."),
        stage::<worlds::Substrate>("many-worlds-substrate", Transform, "Trains the space that several models share."),
        stage::<worlds::Adapter>("many-worlds-adapter", Transform, "Trains a model's way into the shared space."),
        stage::<vision::CvIngest>("cv-ingest", Transform, "Reads image sequences of a dataset."),
        stage::<vision::CvEval>("cv-eval", Transform, "Measures a vision pipeline on benchmarks."),
    ]
}

fn stage<T: JsonSchema>(name: &'static str, phase: Phase, summary: &'static str) -> StageType {
    StageType::new(name, summary, phase, closed(schema_of::<T>()), Executor::DeclaredOnly)
}

/// In a recipe a member that nobody knows is a typo; the universal types that stages hold leave that open.
fn closed(mut schema: Value) -> Value {
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
    for definition in definitions.into_iter().flat_map(serde_json::Map::values_mut) {
        if definition.get("properties").is_some() && definition.get("additionalProperties").is_none() {
            definition["additionalProperties"] = json!(false);
        }
    }
    schema
}
