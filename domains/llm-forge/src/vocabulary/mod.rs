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

use aw_domain::{Phase, StageType};

pub use shared::{Precision, Scheduler};

/// Every stage type that is declared and has no executor here.
pub(crate) fn declared() -> Vec<StageType> {
    use Phase::{Delivery, Input, Transform};
    vec![
        StageType::declared::<input::SourceConfig>(
            "source-config",
            Input,
            "States how the source is read: context, modalities, tokenizer.",
        ),
        StageType::declared::<input::ContextExtend>("context-extend", Input, "Lengthens the context the model can take."),
        StageType::declared::<input::Modality>("modality", Input, "Adds an encoder for another kind of input."),
        StageType::declared::<transform::Prune>("prune", Transform, "Removes attention heads."),
        StageType::declared::<transform::Train>("train", Transform, "Trains the model on a dataset."),
        StageType::declared::<transform::Lora>("lora", Transform, "Trains a low-rank adapter."),
        StageType::declared::<transform::Compact>("compact", Transform, "Removes dead heads and stores weak ones in fewer bits."),
        StageType::declared::<transform::Recover>("recover", Transform, "Recovers quality after surgery, in a way of its own."),
        StageType::declared::<transform::CompensationLora>(
            "compensation-lora",
            Transform,
            "Distils what pruning lost from the unpruned teacher.",
        ),
        StageType::declared::<delivery::Publish>("publish", Delivery, "Publishes the artifact under an organisation."),
        StageType::declared::<delivery::Deliver>("deliver", Delivery, "Older spelling of `publish`; nothing is required."),
        StageType::declared::<delivery::Deploy>("deploy", Delivery, "Puts the model on a machine that serves it."),
        StageType::declared::<worlds::TeamSearch>(
            "team-search",
            Transform,
            "Searches the team of models that solves the most together.",
        ),
        StageType::declared::<worlds::Ensemble>(
            "many-worlds-ensemble",
            Transform,
            "Blends a frozen target with specialists at run time.",
        ),
        StageType::declared::<worlds::GateProfile>(
            "gate-profile",
            Transform,
            "Measures what each specialist contributes to a benchmark.",
        ),
        StageType::declared::<worlds::PopulationPrune>(
            "population-prune",
            Transform,
            "Drops the specialists that contribute too little.",
        ),
        StageType::declared::<worlds::Substrate>(
            "many-worlds-substrate",
            Transform,
            "Trains the space that several models share.",
        ),
        StageType::declared::<worlds::Adapter>("many-worlds-adapter", Transform, "Trains a model's way into the shared space."),
        StageType::declared::<vision::CvIngest>("cv-ingest", Transform, "Reads image sequences of a dataset."),
        StageType::declared::<vision::CvEval>("cv-eval", Transform, "Measures a vision pipeline on benchmarks."),
    ]
}
