//! How much each expert matters on a corpus: one pass of the unmodified model, all metrics at once.
//!
//! [`measure`] runs the corpus and adds up; [`Coverage`] says whether every expert was seen often enough to be judged;
//! [`Importance`] writes and reads the file that carries one metric from a profile to a prune.

mod coverage;
mod growth;
mod importance;
mod inputs;
mod measure;

pub use coverage::{Coverage, CoverageError, CoverageGate, LayerCoverage};
pub use growth::{GROWTH_FILE, Growth, GrowthError};
pub use importance::{Expectation, Importance, ImportanceError, MAX_IMPORTANCE_BYTES, Provenance};
pub use inputs::{InputSquares, Sums};
pub use measure::{LayerProfile, Pass, Profile, ProfileError, Settings, measure, measure_pass, measure_sequences};

/// A measure of how much an expert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// Tokens routed to the expert.
    ActivationCount,
    /// Sum of the final routing weights given to the expert.
    GateSum,
    /// Sum over routed tokens of routing weight times the L2 norm of the expert's output.
    GateWeightedSum,
    /// Sum over routed tokens of the L2 norm of the expert's output, without the routing weight.
    ///
    /// # Source
    /// Jaiswal et al., "Finding Fantastic Experts in MoEs" (arXiv:2504.05586), expert activation norm; written as a sum over an
    /// expert's tokens in Lasby et al., "REAP the Experts" (arXiv:2510.13999), section 4.
    ExpertActivationNorm,
    /// The gate-weighted sum divided by the activation count (router-weighted expert activation pruning).
    Reap,
    /// L2 norm of the expert's router row. Needs no corpus; the negative control.
    RouterL2,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 6] = [
        Metric::ActivationCount,
        Metric::GateSum,
        Metric::GateWeightedSum,
        Metric::ExpertActivationNorm,
        Metric::Reap,
        Metric::RouterL2,
    ];

    /// The metric's name in file names and metric versions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Metric::ActivationCount => "activation_count",
            Metric::GateSum => "gate_sum",
            Metric::GateWeightedSum => "gate_weighted_sum",
            Metric::ExpertActivationNorm => "expert_activation_norm",
            Metric::Reap => "reap",
            Metric::RouterL2 => "router_l2",
        }
    }

    /// The key of the scores in an importance file.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Metric::ActivationCount => "activation_counts",
            other => other.name(),
        }
    }

    /// The version string of an importance file.
    #[must_use]
    pub fn version(self) -> String {
        format!("v1.{}", self.name())
    }

    /// The name an importance file has.
    #[must_use]
    pub fn file_name(self) -> String {
        format!("importance.{}.json", self.name())
    }
}
