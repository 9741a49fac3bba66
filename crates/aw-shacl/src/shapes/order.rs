//! References between shapes: without circles, and not too deep.

use super::{Constraint, Shape, ShapeId};
use crate::limits::Limits;
use crate::problem::{Problem, ProblemKind};
use crate::vocab;

/// What walking has found of a shape.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    No,
    /// Its references are being walked.
    Open,
    /// How many shapes deep it reaches, itself included.
    Depth(usize),
}

/// Reports every circle once, and shapes that are nested deeper than allowed.
pub fn check(shapes: &[Shape], limits: &Limits, problems: &mut Vec<Problem>) {
    let mut seen = vec![Seen::No; shapes.len()];
    for start in 0..shapes.len() {
        if seen[start] == Seen::No {
            walk(shapes, start, &mut seen, limits, problems);
        }
    }
}

/// A depth-first walk with a stack of its own: shapes may be chained by the million.
fn walk(shapes: &[Shape], start: ShapeId, seen: &mut [Seen], limits: &Limits, problems: &mut Vec<Problem>) {
    let mut stack = vec![(start, references(&shapes[start]), 0, 1)];
    seen[start] = Seen::Open;
    while let Some((id, children, next, depth)) = stack.last_mut() {
        if let Some(&child) = children.get(*next) {
            *next += 1;
            match seen[child] {
                Seen::Depth(below) => *depth = (*depth).max(below + 1),
                Seen::No => {
                    seen[child] = Seen::Open;
                    stack.push((child, references(&shapes[child]), 0, 1));
                }
                Seen::Open => {
                    let from = stack.iter().position(|(id, ..)| *id == child).unwrap_or(0);
                    problems.push(recursive(shapes, stack[from..].iter().map(|(id, ..)| *id), child));
                }
            }
            continue;
        }
        let (id, depth) = (*id, *depth);
        seen[id] = Seen::Depth(depth);
        stack.pop();
        if let Some((.., above)) = stack.last_mut() {
            *above = (*above).max(depth + 1);
        }
        if depth == limits.shape_depth + 1 {
            problems.push(Problem {
                kind: ProblemKind::Limit,
                node: Some(shapes[id].node.clone()),
                property: None,
                value: None,
                message: format!("shapes are nested deeper than {}", limits.shape_depth),
            });
        }
    }
}

fn recursive(shapes: &[Shape], circle: impl Iterator<Item = ShapeId>, first: ShapeId) -> Problem {
    let mut names: Vec<_> = circle.map(|id| shapes[id].node.to_string()).collect();
    let more = names.len().saturating_sub(10);
    names.truncate(10);
    let gap = if more > 0 { format!(" -> ({more} more)") } else { String::new() };
    let message = format!(
        "the shape refers to itself: {}{gap} -> {}; SHACL leaves the meaning of recursive shapes open, so they are refused",
        names.join(" -> "),
        shapes[first].node
    );
    Problem { kind: ProblemKind::Recursive, node: Some(shapes[first].node.clone()), property: None, value: None, message }
}

fn references(shape: &Shape) -> Vec<ShapeId> {
    let mut found = Vec::new();
    for constraint in &shape.constraints {
        match constraint {
            Constraint::Not(id) | Constraint::Node(id) | Constraint::Property(id) => found.push(*id),
            Constraint::And(ids) | Constraint::Or(ids) | Constraint::Xone(ids) => found.extend(ids),
            Constraint::Qualified { shape, siblings, .. } => {
                found.push(*shape);
                found.extend(siblings);
            }
            _ => (),
        }
    }
    found
}

impl Constraint {
    /// The component results name as their source.
    pub(crate) fn component(&self) -> oxrdf::NamedNode {
        let name = match self {
            Self::Class(_) => "Class",
            Self::Datatype(_) => "Datatype",
            Self::NodeKind(_) => "NodeKind",
            Self::MinCount(_) => "MinCount",
            Self::MaxCount(_) => "MaxCount",
            Self::Range(super::Bound::MinExclusive, _) => "MinExclusive",
            Self::Range(super::Bound::MinInclusive, _) => "MinInclusive",
            Self::Range(super::Bound::MaxExclusive, _) => "MaxExclusive",
            Self::Range(super::Bound::MaxInclusive, _) => "MaxInclusive",
            Self::MinLength(_) => "MinLength",
            Self::MaxLength(_) => "MaxLength",
            Self::Pattern { .. } => "Pattern",
            Self::LanguageIn(_) => "LanguageIn",
            Self::UniqueLang => "UniqueLang",
            Self::Equals(_) => "Equals",
            Self::Disjoint(_) => "Disjoint",
            Self::LessThan(_) => "LessThan",
            Self::LessThanOrEquals(_) => "LessThanOrEquals",
            Self::Not(_) => "Not",
            Self::And(_) => "And",
            Self::Or(_) => "Or",
            Self::Xone(_) => "Xone",
            Self::Node(_) => "Node",
            Self::Property(_) => "Property",
            // The two counts name their own.
            Self::Qualified { .. } => "QualifiedMinCount",
            Self::Closed(_) => "Closed",
            Self::HasValue(_) => "HasValue",
            Self::In(_) => "In",
            #[cfg(feature = "sparql")]
            Self::Sparql(_) => "SPARQL",
            #[cfg(feature = "sparql")]
            Self::Component(used) => return used.component.clone(),
        };
        oxrdf::NamedNode::new_unchecked(format!("{}{name}ConstraintComponent", vocab::SH))
    }
}
