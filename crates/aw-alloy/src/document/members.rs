//! The universal members of alloy documents as Rust types: the one source of their JSON Schemas.
//!
//! The types read; they never write. Documents are kept as trees that hold every unknown member, every `null` and every number's
//! spelling, and a typed value would lose them. Members that may be absent may also be `null`, as published documents have them.
//! In a document unknown members are legal at every level; in a recipe that is to be run they are refused
//! ([`schemas::recipe`](super::schemas::recipe)).

mod acceptance;
mod evaluation;
mod hardware;
mod integrity;
mod receipt;
mod results;
mod root;
mod search;
mod source;

pub use acceptance::{AcceptanceCriteria, BenchmarkCriterion, HardwareCriteria, IntegrityCriteria};
pub use evaluation::{BenchmarkDef, CalibrationAnchor, CorpusRef, QuantTier, Tolerance};
pub use hardware::{Hardware, Outputs, Product};
pub use integrity::{
    Anchor, AnchorType, Attestation, Certification, CodeAttestation, DatasetHash, FileHash, IntegritySignature, TrustLevel,
};
pub use receipt::{Publication, Receipt};
pub use results::{BenchmarkResult, HardwareProfile, Metric, Results, RunProgress, Sample, ScoreCorrection};
pub use root::{DocumentRoot, DocumentStage, ENSEMBLE, REPOSITORY};
pub use search::{Search, SearchMethod};
pub use source::{EnsembleMember, Source, Target};
