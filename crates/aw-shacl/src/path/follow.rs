//! The nodes a path reaches.

use std::collections::HashSet;

use oxrdf::{Graph, TermRef};

use super::Path;
use crate::limits::{Budget, LimitError};
use crate::term::node;

/// The nodes `path` reaches from `from`, each once, in the order of the graph's indexes.
///
/// # Errors
/// When the budget is spent.
pub fn follow<'g>(graph: &'g Graph, path: &Path, from: TermRef<'g>, budget: &Budget) -> Result<Vec<TermRef<'g>>, LimitError> {
    Walk { graph, budget }.each(path, &[from], false)
}

struct Walk<'g, 'b> {
    graph: &'g Graph,
    budget: &'b Budget,
}

impl<'g> Walk<'g, '_> {
    /// Everything reached from any of `from`, without repetition.
    fn each(&self, path: &Path, from: &[TermRef<'g>], against: bool) -> Result<Vec<TermRef<'g>>, LimitError> {
        match path {
            Path::Predicate(predicate) => {
                let mut reached = Vec::new();
                for &at in from {
                    if against {
                        reached.extend(self.graph.subjects_for_predicate_object(predicate, at).map(TermRef::from));
                    } else if let Some(subject) = node(at) {
                        reached.extend(self.graph.objects_for_subject_predicate(subject, predicate));
                    }
                }
                self.budget.spend(from.len() as u64 + reached.len() as u64)?;
                Ok(if from.len() > 1 { distinct(reached) } else { reached })
            }
            Path::Inverse(path) => self.each(path, from, !against),
            Path::Sequence(paths) => {
                let mut reached = from.to_vec();
                let mut next = |path| -> Result<(), LimitError> {
                    reached = self.each(path, &reached, against)?;
                    Ok(())
                };
                if against {
                    paths.iter().rev().try_for_each(&mut next)?
                } else {
                    paths.iter().try_for_each(&mut next)?
                }
                Ok(reached)
            }
            Path::Alternative(paths) => {
                let mut reached = Vec::new();
                for path in paths {
                    reached.extend(self.each(path, from, against)?);
                }
                Ok(distinct(reached))
            }
            Path::ZeroOrOne(path) => {
                let mut reached = from.to_vec();
                reached.extend(self.each(path, from, against)?);
                Ok(distinct(reached))
            }
            Path::ZeroOrMore(path) => self.closure(path, distinct(from.to_vec()), against),
            Path::OneOrMore(path) => {
                let first = self.each(path, from, against)?;
                self.closure(path, first, against)
            }
        }
    }

    /// `start`, which holds no node twice, and everything reached from it.
    fn closure(&self, path: &Path, start: Vec<TermRef<'g>>, against: bool) -> Result<Vec<TermRef<'g>>, LimitError> {
        let mut seen: HashSet<_> = start.iter().copied().collect();
        let mut reached = start.clone();
        let mut edge = start;
        while !edge.is_empty() {
            edge = self.each(path, &edge, against)?;
            edge.retain(|&at| seen.insert(at));
            reached.extend_from_slice(&edge);
        }
        Ok(reached)
    }
}

fn distinct(mut terms: Vec<TermRef<'_>>) -> Vec<TermRef<'_>> {
    let mut seen = HashSet::with_capacity(terms.len());
    terms.retain(|&term| seen.insert(term));
    terms
}
