//! Whether a profile saw every expert often enough to judge it.

use super::Profile;
use std::collections::BTreeMap;

/// How well a corpus reached one layer's experts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCoverage {
    /// Tokens of the least visited expert.
    pub fewest: u64,
    /// Per threshold: how many experts saw fewer tokens.
    pub below: BTreeMap<u64, usize>,
}

/// How well a corpus reached every layer's experts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Experts per layer.
    pub experts: usize,
    /// Per sparse layer.
    pub layers: BTreeMap<usize, LayerCoverage>,
}

/// What a profile must reach before its ranking is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoverageGate {
    /// Tokens an expert should have seen.
    pub min_tokens_per_expert: u64,
    /// Largest share of a layer's experts, from 0 to 1, that may have seen fewer.
    pub allowed_share_below: f64,
}

/// Why a profile's ranking must not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// The gate's share is not a share.
    #[error("the allowed share of experts below the minimum: expected 0 to 1, got {got}")]
    NotAShare {
        /// What was given.
        got: f64,
    },
    /// No token reached any expert of a layer.
    #[error("layer {layer}: no token reached any of its experts")]
    NeverReached {
        /// The layer.
        layer: usize,
    },
    /// Too many of a layer's experts saw too little.
    #[error(
        "layer {layer}: {below} of {experts} experts saw fewer than {minimum} tokens, expected at most {allowed}\nhint: use a larger corpus, or lower the minimum"
    )]
    TooThin {
        /// The layer.
        layer: usize,
        /// Experts below the minimum.
        below: usize,
        /// Experts in the layer.
        experts: usize,
        /// The minimum.
        minimum: u64,
        /// How many may be below it.
        allowed: usize,
    },
}

impl Coverage {
    /// Counts, per layer, the experts that saw fewer tokens than each threshold.
    #[must_use]
    pub fn of(profile: &Profile, thresholds: &[u64]) -> Coverage {
        let layers = profile.layers.iter().map(|(layer, profile)| {
            let counts = &profile.activation_count;
            let below = |threshold: &u64| (*threshold, counts.iter().filter(|count| *count < threshold).count());
            let fewest = counts.iter().copied().min().unwrap_or(0);
            (*layer, LayerCoverage { fewest, below: thresholds.iter().map(below).collect() })
        });
        Coverage { experts: profile.experts, layers: layers.collect() }
    }
}

impl CoverageGate {
    /// Holds a profile against the gate.
    ///
    /// # Errors
    /// When a layer was never reached or too many of its experts saw too little; the first such layer is named.
    pub fn check(&self, profile: &Profile) -> Result<(), CoverageError> {
        if !(0.0..=1.0).contains(&self.allowed_share_below) {
            return Err(CoverageError::NotAShare { got: self.allowed_share_below });
        }
        let (minimum, experts) = (self.min_tokens_per_expert, profile.experts);
        let allowed = (self.allowed_share_below * experts as f64).floor() as usize;
        for (layer, profile) in &profile.layers {
            let counts = &profile.activation_count;
            if counts.iter().all(|count| *count == 0) {
                return Err(CoverageError::NeverReached { layer: *layer });
            }
            let below = counts.iter().filter(|count| **count < minimum).count();
            if below > allowed {
                return Err(CoverageError::TooThin { layer: *layer, below, experts, minimum, allowed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::LayerProfile;
    use super::*;

    fn profile(counts: &[&[u64]]) -> Profile {
        let layer = |counts: &&[u64]| LayerProfile { activation_count: counts.to_vec(), ..LayerProfile::default() };
        let layers = counts.iter().map(layer).enumerate().collect();
        Profile {
            layers,
            dense_layers: Vec::new(),
            experts: counts[0].len(),
            top_k: 1,
            examples: 1,
            tokens: 1,
            truncated: 0,
            too_short: 0,
            inputs: None,
            growth: super::super::Growth::default(),
        }
    }

    #[test]
    fn experts_below_each_threshold_are_counted() {
        let coverage = Coverage::of(&profile(&[&[0, 5, 10, 11], &[4, 4, 4, 4]]), &[1, 5, 11]);
        assert_eq!(coverage.layers[&0], LayerCoverage { fewest: 0, below: BTreeMap::from([(1, 1), (5, 1), (11, 3)]) });
        assert_eq!(coverage.layers[&1], LayerCoverage { fewest: 4, below: BTreeMap::from([(1, 0), (5, 4), (11, 4)]) });
    }

    #[test]
    fn the_gate_allows_exactly_its_share() {
        let gate = |share| CoverageGate { min_tokens_per_expert: 5, allowed_share_below: share };
        let profile = profile(&[&[9, 9, 9, 9], &[4, 9, 3, 5]]);
        assert!(gate(0.5).check(&profile).is_ok());
        let error = gate(0.49).check(&profile);
        assert!(matches!(error, Err(CoverageError::TooThin { layer: 1, below: 2, experts: 4, minimum: 5, allowed: 1 })));
        assert!(matches!(gate(1.5).check(&profile), Err(CoverageError::NotAShare { .. })));
        assert!(matches!(gate(f64::NAN).check(&profile), Err(CoverageError::NotAShare { .. })));
    }

    #[test]
    fn a_layer_never_reached_is_an_error_whatever_the_gate() {
        let gate = CoverageGate { min_tokens_per_expert: 0, allowed_share_below: 1.0 };
        assert!(matches!(gate.check(&profile(&[&[1, 0], &[0, 0]])), Err(CoverageError::NeverReached { layer: 1 })));
    }
}
