//! One constraint against the value nodes of one focus node (SHACL, section 4).

use std::collections::{BTreeMap, HashSet};

use oxrdf::{NamedNode, TermRef};

use super::{Engine, Fault, Sink, ValidateError};
use crate::literal::compare;
use crate::path::Path;
use crate::shapes::{Constraint, Shape, ShapeId};
use crate::term::{Short, literal, node, objects};
use crate::vocab;

impl<'a> Engine<'a> {
    pub(super) fn constraint(
        &mut self,
        shape: &'a Shape,
        constraint: &'a Constraint,
        focus: TermRef<'a>,
        values: &[TermRef<'a>],
        sink: &mut Sink,
    ) -> Result<(), ValidateError> {
        let fault = |value: Option<TermRef<'_>>, reason: String| Fault {
            path: shape.path.clone(),
            value: value.map(TermRef::into_owned),
            component: constraint.component(),
            source_constraint: None,
            messages: Vec::new(),
            reason,
            detail: Vec::new(),
        };
        match constraint {
            Constraint::MinCount(least) => {
                if count(values.len()) < *least {
                    sink.add(shape, focus, || fault(None, format!("{} values; at least {least} are needed", values.len())))?;
                }
            }
            Constraint::MaxCount(most) => {
                if count(values.len()) > *most {
                    sink.add(shape, focus, || fault(None, format!("{} values; at most {most} are allowed", values.len())))?;
                }
            }
            Constraint::UniqueLang => {
                for (language, times) in languages(values) {
                    if times > 1 {
                        sink.add(shape, focus, || {
                            fault(None, format!("{times} values in the language {language:?}; one is allowed"))
                        })?;
                    }
                }
            }
            Constraint::HasValue(wanted) => {
                if !values.contains(&wanted.as_ref()) {
                    sink.add(shape, focus, || fault(None, format!("the value {} is missing", Short(wanted.as_ref()))))?;
                }
            }
            Constraint::Equals(other) => {
                let others = self.others(focus, other)?;
                let known: HashSet<_> = others.iter().copied().collect();
                for &value in values.iter().filter(|value| !known.contains(value)) {
                    sink.add(shape, focus, || fault(Some(value), format!("{} is no value of {other}", Short(value))))?;
                }
                let values: HashSet<_> = values.iter().copied().collect();
                for &value in others.iter().filter(|value| !values.contains(value)) {
                    sink.add(shape, focus, || fault(Some(value), format!("{}, a value of {other}, is missing", Short(value))))?;
                }
            }
            Constraint::Disjoint(other) => {
                let others: HashSet<_> = self.others(focus, other)?.into_iter().collect();
                for &value in values.iter().filter(|value| others.contains(value)) {
                    sink.add(shape, focus, || fault(Some(value), format!("{} is a value of {other} too", Short(value))))?;
                }
            }
            Constraint::LessThan(other) | Constraint::LessThanOrEquals(other) => {
                let or_equal = matches!(constraint, Constraint::LessThanOrEquals(_));
                let others = self.others(focus, other)?;
                for &value in values {
                    self.budget.spend(others.len() as u64)?;
                    for &than in &others {
                        if !compare(value, than).is_some_and(|o| o.is_lt() || (or_equal && o.is_eq())) {
                            let word = if or_equal { "at most" } else { "less than" };
                            sink.add(shape, focus, || {
                                fault(Some(value), format!("{} is not {word} {}, a value of {other}", Short(value), Short(than)))
                            })?;
                        }
                    }
                }
            }
            Constraint::Closed(allowed) => self.closed(shape, allowed, focus, values, sink)?,
            Constraint::Property(id) => {
                for &value in values {
                    self.check(*id, value, sink)?;
                    if sink.is_full() {
                        break;
                    }
                }
            }
            Constraint::Qualified { shape: qualified, min, max, siblings } => {
                let count = self.qualified(*qualified, siblings, values)?;
                let name = &self.shapes.shapes[*qualified].node;
                let counted = |component, reason| Fault { component, ..fault(None, reason) };
                if let Some(least) = min.filter(|&least| count < least) {
                    let reason = format!("{count} values conform to {name}; at least {least} are needed");
                    sink.add(shape, focus, || counted(component("QualifiedMinCount"), reason))?;
                }
                if let Some(most) = max.filter(|&most| count > most) {
                    let reason = format!("{count} values conform to {name}; at most {most} are allowed");
                    sink.add(shape, focus, || counted(component("QualifiedMaxCount"), reason))?;
                }
            }
            #[cfg(feature = "sparql")]
            Constraint::Sparql(query) => self.sparql(shape, query, focus, sink)?,
            #[cfg(feature = "sparql")]
            Constraint::Component(used) => self.component(shape, used, focus, values, sink)?,
            _ => {
                for &value in values {
                    if self.value_conforms(constraint, value)? == Some(false) {
                        let detail = self.detail(constraint, value, sink)?;
                        let reason = if sink.collects() { self.reason(constraint, value) } else { String::new() };
                        sink.add(shape, focus, || Fault { detail, ..fault(Some(value), reason) })?;
                        if sink.is_full() {
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Why a value does not conform to the shape of `sh:node`.
    fn detail(
        &mut self,
        constraint: &'a Constraint,
        value: TermRef<'a>,
        sink: &Sink,
    ) -> Result<Vec<crate::ValidationResult>, ValidateError> {
        let Constraint::Node(id) = constraint else { return Ok(Vec::new()) };
        if !sink.collects() {
            return Ok(Vec::new());
        }
        let mut below = sink.below();
        self.check(*id, value, &mut below)?;
        Ok(below.into_results())
    }

    /// The values of another predicate, in the graph's order, each once.
    fn others(&self, focus: TermRef<'a>, predicate: &NamedNode) -> Result<Vec<TermRef<'a>>, ValidateError> {
        let others: Vec<_> = objects(self.data, focus, predicate.as_ref()).collect();
        self.budget.spend(1 + others.len() as u64)?;
        Ok(others)
    }

    fn closed(
        &mut self,
        shape: &'a Shape,
        allowed: &[NamedNode],
        focus: TermRef<'a>,
        values: &[TermRef<'a>],
        sink: &mut Sink,
    ) -> Result<(), ValidateError> {
        for subject in values.iter().filter_map(|&value| node(value)) {
            for triple in self.data.triples_for_subject(subject) {
                self.budget.spend(1)?;
                if allowed.binary_search_by(|known| known.as_ref().cmp(&triple.predicate)).is_ok() {
                    continue;
                }
                sink.add(shape, focus, || Fault {
                    path: Some(Path::Predicate(triple.predicate.into_owned())),
                    value: Some(triple.object.into_owned()),
                    component: component("Closed"),
                    source_constraint: None,
                    messages: Vec::new(),
                    reason: format!("{subject} is of a closed shape, which has no {}", triple.predicate),
                    detail: Vec::new(),
                })?;
            }
        }
        Ok(())
    }

    /// How many values conform to a qualified shape, and to none of its siblings.
    fn qualified(&mut self, id: ShapeId, siblings: &[ShapeId], values: &[TermRef<'a>]) -> Result<i64, ValidateError> {
        let mut found = 0;
        'values: for &value in values {
            if !self.conforms(id, value)? {
                continue;
            }
            for &sibling in siblings {
                if self.conforms(sibling, value)? {
                    continue 'values;
                }
            }
            found += 1;
        }
        Ok(found)
    }
}

fn component(name: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{}{name}ConstraintComponent", vocab::SH))
}

fn count(values: usize) -> i64 {
    i64::try_from(values).unwrap_or(i64::MAX)
}

/// How often each language is used.
fn languages<'g>(values: &[TermRef<'g>]) -> BTreeMap<&'g str, usize> {
    let mut times = BTreeMap::new();
    for language in values.iter().filter_map(|&value| literal(value)?.language()) {
        *times.entry(language).or_insert(0) += 1;
    }
    times
}
