//! What was measured for one seed and text, and whether the claim's order holds in it.

use std::cmp::Ordering;
use std::fmt;

use crate::corpora::Domain;

/// Perplexities on one evaluation corpus. All but the base have the same number of experts.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Seed of the corpora.
    pub seed: u64,
    /// The text that is evaluated.
    pub domain: Domain,
    /// The unmodified model.
    pub base: f64,
    /// Experts chosen by counting on a calibration corpus of the same text.
    pub matching: f64,
    /// Experts chosen by REAP on the same calibration corpus.
    pub reap: f64,
    /// Experts chosen by the norms of the router's rows.
    pub router_l2: f64,
    /// Experts chosen by counting on a calibration corpus of another text, for each other text.
    pub mismatched: Vec<(Domain, f64)>,
    /// Experts chosen by chance, for each draw.
    pub random: Vec<f64>,
}

impl Figures {
    /// The mean over the mismatched corpora.
    pub fn mismatched_mean(&self) -> f64 {
        geometric_mean(self.mismatched.iter().map(|(_, value)| *value))
    }

    /// The mean over the random draws.
    pub fn random_mean(&self) -> f64 {
        geometric_mean(self.random.iter().copied())
    }

    /// How far the matching corpus is below router L2, as a share of router L2.
    pub fn gain_of_matching(&self) -> f64 {
        1.0 - self.matching / self.router_l2
    }

    /// How far router L2 is below the mismatched corpora, as a share of their mean.
    pub fn gain_of_router_l2(&self) -> f64 {
        1.0 - self.router_l2 / self.mismatched_mean()
    }

    /// How many single mismatched corpora router L2 is below.
    pub fn router_l2_wins(&self) -> usize {
        self.mismatched.iter().filter(|(_, value)| self.router_l2 < *value).count()
    }

    /// Names every step of the order that does not hold. Something that is not a number is in no order.
    pub fn broken(&self) -> Vec<String> {
        let steps = [
            (("the matching corpus", self.matching), ("router L2", self.router_l2)),
            (("router L2", self.router_l2), ("the mismatched corpora", self.mismatched_mean())),
        ];
        let step = |((lower, a), (higher, b)): ((&str, f64), (&str, f64))| {
            let place = format!("seed {}, {}", self.seed, self.domain.name());
            (a.partial_cmp(&b) != Some(Ordering::Less))
                .then(|| format!("{place}: expected {lower} below {higher}, got {a:.4} and {b:.4}"))
        };
        steps.into_iter().filter_map(step).collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {} {:10} base {:.4}", self.seed, self.domain.name(), self.base)?;
        write!(
            f,
            "  matching {:.4}  REAP {:.4}  router L2 {:.4}  mismatched {:.4}",
            self.matching,
            self.reap,
            self.router_l2,
            self.mismatched_mean()
        )?;
        for (domain, value) in &self.mismatched {
            write!(f, "  {} {value:.4}", domain.name())?;
        }
        write!(f, "  random {:.4}", self.random_mean())
    }
}

/// The geometric mean, which treats twice as good and twice as bad alike; not a number where there are no values.
pub fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + libm::log(value), count + 1.0));
    libm::exp(sum / count)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Figures in the claim's order, worked out by hand: the mismatched mean is 8, the random mean 6.
    pub fn in_order(seed: u64, domain: Domain) -> Figures {
        let [first, second] = [4.0, 16.0];
        let mismatched = super::super::others(domain).zip([first, second]).collect();
        Figures { seed, domain, base: 1.5, matching: 2.0, reap: 1.9, router_l2: 5.0, mismatched, random: vec![4.0, 9.0] }
    }

    #[test]
    fn means_and_margins_are_those_worked_out_by_hand() {
        let figures = in_order(0, Domain::Prose);
        for (got, expected) in [
            (figures.mismatched_mean(), 8.0),
            (figures.random_mean(), 6.0),
            (figures.gain_of_matching(), 0.6),
            (figures.gain_of_router_l2(), 0.375),
        ] {
            assert!((got - expected).abs() < 1e-12, "expected {expected}, got {got}");
        }
        assert_eq!(figures.router_l2_wins(), 1, "5 is below 16 and not below 4");
    }

    #[test]
    fn each_step_that_does_not_hold_is_named_with_its_place_and_figures() {
        let good = in_order(4, Domain::Code);
        assert_eq!(good.broken(), Vec::<String>::new());
        let first = Figures { matching: 5.5, ..good.clone() };
        assert_eq!(first.broken(), ["seed 4, code: expected the matching corpus below router L2, got 5.5000 and 5.0000"]);
        let second = Figures { router_l2: 9.0, ..good.clone() };
        assert_eq!(second.broken(), ["seed 4, code: expected router L2 below the mismatched corpora, got 9.0000 and 8.0000"]);
        let reversed = Figures { matching: 10.0, router_l2: 9.0, ..good };
        assert_eq!(reversed.broken().len(), 2);
    }

    #[test]
    fn a_tie_or_something_that_is_not_a_number_is_no_order() {
        let good = in_order(0, Domain::Code);
        assert_eq!(Figures { matching: 5.0, ..good.clone() }.broken().len(), 1);
        assert_eq!(Figures { router_l2: f64::NAN, ..good.clone() }.broken().len(), 2);
        assert_eq!(Figures { mismatched: Vec::new(), ..good }.broken().len(), 1);
    }
}
