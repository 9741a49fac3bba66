//! By what experts are ranked.

use std::fmt;

/// A way of ranking the experts of a layer, as recipes name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strategy {
    /// How many calibration tokens were routed to the expert.
    ActivationCount,
    /// Mean over an expert's tokens of routing weight times the norm of its output.
    Reap,
    /// Sum over an expert's tokens of routing weight times the norm of its output.
    GateWeightedSum,
    /// Sum over an expert's tokens of the norm of its output, unweighted.
    ExpertActivationNorm,
    /// The norm of the expert's row of the router: a control from weights alone.
    RouterGateL2,
    /// Pseudo-random order from a recorded seed: the floor.
    Random,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 6] =
        [Self::ActivationCount, Self::Reap, Self::GateWeightedSum, Self::ExpertActivationNorm, Self::RouterGateL2, Self::Random];

    /// Returns the name in a recipe's `strategy`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ActivationCount => "calibration-aware-activation-count",
            Self::Reap => "reap",
            Self::GateWeightedSum => "gate-weighted-sum",
            Self::ExpertActivationNorm => "expert-activation-norm",
            Self::RouterGateL2 => "router-gate-l2",
            Self::Random => "random",
        }
    }

    /// Returns the strategy of a recipe's name for it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name)
    }

    /// Returns the name in a sidecar's `selection.metric`.
    #[must_use]
    pub fn metric(self) -> &'static str {
        match self {
            Self::ActivationCount => "activation_count",
            Self::Reap => "reap",
            Self::GateWeightedSum => "gate_weighted_sum",
            Self::ExpertActivationNorm => "expert_activation_norm",
            Self::RouterGateL2 => "router_gate_l2_norm",
            Self::Random => "random",
        }
    }

    /// Says whether the ranking comes from running a corpus, and so needs an importance file.
    #[must_use]
    pub fn is_measured(self) -> bool {
        !matches!(self, Self::RouterGateL2 | Self::Random)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
