//! How many experts stay: a number, a share, or a number for each layer.

use aw_domain::Problem;

use super::PruneConfig;
use crate::comparison::keep_for_ratio;
use crate::families::Groups;

/// What a recipe says of how many experts stay. Exactly one of its members is set.
pub(super) enum Budget<'a> {
    /// So many of every layer.
    Count(&'static str, usize),
    /// So large a share of every layer.
    Ratio(f64),
    /// So many of each layer, from the first with experts.
    PerLayer(&'a [usize]),
}

impl<'a> Budget<'a> {
    /// Reads the members that say it.
    ///
    /// # Errors
    /// When none says it, two do, or what one says is not possible for any model.
    pub(super) fn of(prune: &'a PruneConfig) -> Result<Self, Problem> {
        let counts = [("keepExpertsPerLayer", prune.keep_experts_per_layer), ("keepExperts", prune.keep_experts)];
        if let [(_, Some(keep)), (_, Some(older))] = counts
            && keep != older
        {
            return Err(Problem::new("keep", "keepExperts", "`keepExperts` and `keepExpertsPerLayer` disagree")
                .hint("remove `keepExperts`, its older name"));
        }
        let count = counts.into_iter().find_map(|(field, keep)| Some(Self::Count(field, keep?)));
        let ratio = prune.keep_ratio.map(Self::Ratio);
        let list = prune.keep_per_layer.as_deref().map(Self::PerLayer);
        let mut said = [count, ratio, list].into_iter().flatten();
        match (said.next(), said.next()) {
            (Some(budget), None) => budget.check(),
            (Some(_), Some(second)) => {
                let message = "the stage says twice how many experts to keep";
                Err(Problem::new("keep", second.field(), message)
                    .hint("give one of `keepExpertsPerLayer`, `keepRatio` and `keepPerLayer`"))
            }
            (None, _) => Err(Problem::new("missing-field", "", "the stage does not say how many experts to keep")
                .hint("add `keepExpertsPerLayer`, or `keepRatio`")),
        }
    }

    fn check(self) -> Result<Self, Problem> {
        match &self {
            Self::Ratio(ratio) if !(*ratio > 0.0 && *ratio < 1.0) => {
                Err(Problem::new("keep", "keepRatio", format!("expected a share above 0 and below 1, got {ratio}")))
            }
            Self::PerLayer([]) => Err(Problem::new("keep", "keepPerLayer", "the list names no layer")),
            Self::PerLayer([first, rest @ ..]) => match rest.iter().position(|keep| keep != first) {
                None => Ok(self),
                Some(at) => Err(uneven(*first, at + 1, rest[at])),
            },
            _ => Ok(self),
        }
    }

    /// The member that says it.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Count(field, _) => field,
            Self::Ratio(_) => "keepRatio",
            Self::PerLayer(_) => "keepPerLayer",
        }
    }

    /// How many experts each layer keeps, in a model of so many.
    pub(super) fn keep(&self, experts: usize, top_k: usize, groups: Groups) -> usize {
        match self {
            Self::Count(_, keep) => *keep,
            Self::Ratio(ratio) => keep_for_ratio(experts, top_k, groups, *ratio),
            Self::PerLayer(list) => list.first().copied().unwrap_or_default(),
        }
    }

    /// Holds a list against the number of layers with experts.
    pub(super) fn check_layers(&self, layers: usize) -> Option<Problem> {
        let Self::PerLayer(list) = self else { return None };
        let message = format!("the list has {} numbers, the model has {layers} layers with experts", list.len());
        (list.len() != layers).then(|| Problem::new("keep", "keepPerLayer", message))
    }
}

/// No family's config has room for it: the number of experts stands there once.
fn uneven(first: usize, at: usize, other: usize) -> Problem {
    let message = format!(
        "the list keeps {first} and {other} experts (entries 0 and {at}), but a checkpoint's config states one number for all layers and no \
         program loads another"
    );
    Problem::new("keep-uneven", format!("keepPerLayer[{at}]"), message)
        .hint("keep as many in every layer; a `criterion-comparison` measures what adaptive budgets would be worth")
}
