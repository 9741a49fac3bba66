//! Constraints that look at one value alone.

use std::cmp::Ordering;

use oxrdf::TermRef;

use super::{Engine, ValidateError};
use crate::literal::{compare, is_well_formed};
use crate::shapes::{Bound, Constraint, NodeKind};
use crate::term::{Short, literal, order, text};

impl<'a> Engine<'a> {
    /// Whether a value satisfies a constraint; nothing when the constraint is not one of single values.
    pub(super) fn value_conforms(
        &mut self,
        constraint: &'a Constraint,
        value: TermRef<'a>,
    ) -> Result<Option<bool>, ValidateError> {
        Ok(Some(match constraint {
            Constraint::Class(class) => self.is_instance(value, class.as_ref())?,
            Constraint::Datatype(datatype) => {
                literal(value).is_some_and(|literal| literal.datatype() == datatype.as_ref() && is_well_formed(literal))
            }
            Constraint::NodeKind(kind) => kind.allows(value),
            Constraint::Range(bound, limit) => {
                compare(value, limit.as_ref().into()).is_some_and(|ordering| bound.allows(ordering))
            }
            Constraint::MinLength(least) => length(value).is_some_and(|length| length >= *least),
            Constraint::MaxLength(most) => length(value).is_some_and(|length| length <= *most),
            Constraint::Pattern { regex, .. } => match text(value) {
                Some(text) => {
                    self.budget.spend(1 + text.len() as u64 / 64)?;
                    regex.is_match(text)
                }
                None => false,
            },
            Constraint::LanguageIn(ranges) => literal(value)
                .and_then(|literal| literal.language())
                .is_some_and(|language| ranges.iter().any(|range| language_matches(language, range))),
            Constraint::In(allowed) => allowed.binary_search_by(|member| order(member.as_ref(), value)).is_ok(),
            Constraint::Not(shape) => !self.conforms(*shape, value)?,
            Constraint::Node(shape) => self.conforms(*shape, value)?,
            Constraint::And(shapes) => {
                let mut all = true;
                for &shape in shapes {
                    all = all && self.conforms(shape, value)?;
                }
                all
            }
            Constraint::Or(shapes) => {
                let mut any = false;
                for &shape in shapes {
                    any = any || self.conforms(shape, value)?;
                }
                any
            }
            Constraint::Xone(shapes) => {
                let mut count = 0;
                for &shape in shapes {
                    count += usize::from(self.conforms(shape, value)?);
                }
                count == 1
            }
            _ => return Ok(None),
        }))
    }

    /// What is wrong with a value that does not conform, in words.
    pub(super) fn reason(&self, constraint: &Constraint, value: TermRef<'_>) -> String {
        let term = value;
        let value = Short(value);
        let name = |id: usize| self.shapes.shapes[id].node.to_string();
        let names = |ids: &[usize]| ids.iter().map(|&id| name(id)).collect::<Vec<_>>().join(", ");
        match constraint {
            Constraint::Class(class) => format!("{value} is no instance of {class}"),
            Constraint::Datatype(datatype) => match literal(term) {
                Some(found) if found.datatype() == datatype.as_ref() => format!("{value} is not a well-formed {datatype}"),
                Some(found) => format!("{value} is of datatype {}, not {datatype}", found.datatype()),
                None => format!("{value} is not a literal of datatype {datatype}"),
            },
            Constraint::NodeKind(kind) => format!("{value} is not {kind}"),
            Constraint::Range(bound, limit) => match compare(term, limit.as_ref().into()) {
                Some(_) => format!("{value} is not {bound} {limit}"),
                None => format!("{value} cannot be compared with {limit}"),
            },
            Constraint::MinLength(least) => format!("{value} is shorter than {least} characters"),
            Constraint::MaxLength(most) => format!("{value} is longer than {most} characters"),
            Constraint::Pattern { pattern, .. } => format!("{value} does not match the pattern {pattern:?}"),
            Constraint::LanguageIn(ranges) => format!("{value} is in none of the languages {}", ranges.join(", ")),
            Constraint::In(allowed) => {
                let shown: Vec<_> = allowed.iter().take(10).map(|member| Short(member.as_ref()).to_string()).collect();
                let more = allowed.len().saturating_sub(10);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{value} is none of {}{more}", shown.join(", "))
            }
            Constraint::Not(shape) => format!("{value} conforms to {}, which it must not", name(*shape)),
            Constraint::Node(shape) => format!("{value} does not conform to {}", name(*shape)),
            Constraint::And(shapes) => format!("{value} does not conform to all of {}", names(shapes)),
            Constraint::Or(shapes) => format!("{value} conforms to none of {}", names(shapes)),
            Constraint::Xone(shapes) => format!("{value} does not conform to exactly one of {}", names(shapes)),
            _ => format!("{value} is wrong"),
        }
    }
}

/// Characters of SPARQL's `str()`; blank nodes have none.
fn length(value: TermRef<'_>) -> Option<i64> {
    text(value).map(|text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
}

/// SPARQL's `langMatches`: basic filtering of RFC 4647.
fn language_matches(language: &str, range: &str) -> bool {
    if range == "*" {
        return !language.is_empty();
    }
    let (head, rest) = (language.get(..range.len()), language.get(range.len()..));
    head.is_some_and(|head| head.eq_ignore_ascii_case(range)) && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

impl Bound {
    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::MinExclusive => ordering.is_gt(),
            Self::MinInclusive => ordering.is_ge(),
            Self::MaxExclusive => ordering.is_lt(),
            Self::MaxInclusive => ordering.is_le(),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MinExclusive => "greater than",
            Self::MinInclusive => "at least",
            Self::MaxExclusive => "less than",
            Self::MaxInclusive => "at most",
        })
    }
}

impl NodeKind {
    fn allows(self, value: TermRef<'_>) -> bool {
        if literal(value).is_some() {
            self.literal
        } else if crate::term::iri(value).is_some() {
            self.iri
        } else {
            self.blank && matches!(value, TermRef::BlankNode(_))
        }
    }
}

impl std::fmt::Display for NodeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [(self.iri, "an IRI"), (self.blank, "a blank node"), (self.literal, "a literal")];
        f.write_str(&names.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect::<Vec<_>>().join(" or "))
    }
}
