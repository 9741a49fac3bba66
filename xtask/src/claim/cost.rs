//! What choices cost over all texts of a seed, and how these costs have to compare.

use super::figures::Figures;
use crate::corpora::Domain;

/// Matching costs at most this share of router L2.
pub const MATCHING_OF_ROUTER_L2_MAX: f64 = 0.5;
/// Mismatched costs at least so many times matching.
pub const MISMATCHED_OF_MATCHING_MIN: f64 = 5.0;

/// Log-perplexities above the base's, in nats per token: means over the texts of one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Seed of the corpora.
    pub seed: u64,
    /// Counting on the matching corpus.
    pub matching: f64,
    /// REAP on the matching corpus.
    pub reap: f64,
    /// Norms of the router's rows.
    pub router_l2: f64,
    /// Counting on another text, mean over both.
    pub mismatched: f64,
}

/// The costs of every seed for which all texts were measured, in the figures' order.
pub fn of_seeds(all: &[Figures]) -> Vec<Cost> {
    let mut seeds: Vec<u64> = all.iter().map(|figures| figures.seed).collect();
    seeds.dedup();
    seeds.into_iter().filter_map(|seed| of_seed(all, seed)).collect()
}

fn of_seed(all: &[Figures], seed: u64) -> Option<Cost> {
    let texts: Vec<&Figures> = all.iter().filter(|figures| figures.seed == seed).collect();
    let mean = |value: &dyn Fn(&Figures) -> f64| {
        let above = texts.iter().map(|figures| libm::log(value(figures) / figures.base));
        above.sum::<f64>() / Domain::ALL.len() as f64
    };
    (texts.len() == Domain::ALL.len()).then(|| Cost {
        seed,
        matching: mean(&|figures| figures.matching),
        reap: mean(&|figures| figures.reap),
        router_l2: mean(&|figures| figures.router_l2),
        mismatched: mean(&Figures::mismatched_mean),
    })
}

impl Cost {
    /// What matching costs, as a share of what router L2 costs.
    pub fn matching_of_router_l2(&self) -> f64 {
        self.matching / self.router_l2
    }

    /// How many times matching mismatched costs.
    pub fn mismatched_of_matching(&self) -> f64 {
        self.mismatched / self.matching
    }

    /// What REAP costs, as a share of what matching costs.
    pub fn reap_of_matching(&self) -> f64 {
        self.reap / self.matching
    }

    /// Names every comparison that does not hold. Something that is not a number holds in none.
    pub fn broken(&self) -> Vec<String> {
        let held = [
            (self.matching > 0.0, format!("expected matching to cost something, got {:.4}", self.matching)),
            (
                self.matching_of_router_l2() <= MATCHING_OF_ROUTER_L2_MAX,
                format!(
                    "expected matching / router L2 of at most {MATCHING_OF_ROUTER_L2_MAX}, got {:.4}",
                    self.matching_of_router_l2()
                ),
            ),
            (
                self.mismatched_of_matching() >= MISMATCHED_OF_MATCHING_MIN,
                format!(
                    "expected mismatched / matching of at least {MISMATCHED_OF_MATCHING_MIN}, got {:.4}",
                    self.mismatched_of_matching()
                ),
            ),
            (
                self.reap_of_matching() <= 1.0,
                format!("expected REAP / matching of at most 1, got {:.4}", self.reap_of_matching()),
            ),
        ];
        held.into_iter().filter(|(held, _)| !held).map(|(_, said)| format!("seed {}, all texts: {said}", self.seed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(domain: Domain, [matching, reap, router_l2, mismatched]: [f64; 4]) -> Figures {
        let mismatched = super::super::others(domain).map(|other| (other, mismatched)).collect();
        Figures { seed: 3, domain, base: 2.0, matching, reap, router_l2, mismatched, random: vec![9.0] }
    }

    /// Powers of two above a base of 2: costs in units of ln 2.
    fn texts(of: [f64; 4]) -> Vec<Figures> {
        Domain::ALL.map(|domain| figures(domain, of)).to_vec()
    }

    #[test]
    fn costs_are_means_over_texts() {
        let mut all = texts([4.0, 4.0, 8.0, 64.0]);
        all[1].router_l2 = 64.0;
        let [cost] = of_seeds(&all)[..] else { panic!("one seed") };
        let ln2 = libm::log(2.0);
        for (got, expected) in [(cost.matching, 1.0), (cost.router_l2, (2.0 + 5.0 + 2.0) / 3.0), (cost.mismatched, 5.0)] {
            assert!((got / ln2 - expected).abs() < 1e-12, "{cost:?}");
        }
        assert!(of_seeds(&all[..2]).is_empty(), "a seed with a text missing has no cost");
    }

    #[test]
    fn each_comparison_can_fail_alone() {
        let broken = |of| of_seeds(&texts(of)).iter().flat_map(Cost::broken).collect::<Vec<_>>().join("; ");
        assert_eq!(broken([4.0, 4.0, 8.0, 64.0]), "");
        assert_eq!(
            broken([4.0, 4.0, 7.9, 64.0]).split(": ").last().unwrap_or(""),
            "expected matching / router L2 of at most 0.5, got 0.5046"
        );
        assert!(broken([4.0, 4.0, 8.0, 63.0]).contains("mismatched / matching of at least 5"));
        assert!(broken([4.0, 4.1, 8.0, 64.0]).contains("REAP / matching of at most 1"));
        assert_eq!(broken([f64::NAN, 4.0, 8.0, 64.0]).matches("expected").count(), 4);
    }
}
