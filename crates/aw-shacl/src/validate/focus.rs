//! Which nodes a shape is for.

use std::collections::HashSet;
use std::rc::Rc;

use oxrdf::TermRef;
use oxrdf::vocab::rdf;

use super::{Engine, ValidateError};
use crate::shapes::{Shape, Target};
use crate::term::order;
use crate::vocab;

impl<'a> Engine<'a> {
    /// The nodes of all targets of a shape, each once, sorted.
    pub fn focus_nodes(&mut self, shape: &'a Shape) -> Result<Vec<TermRef<'a>>, ValidateError> {
        let mut found = HashSet::new();
        for target in &shape.targets {
            match target {
                Target::Node(node) => {
                    found.insert(node.as_ref());
                }
                Target::Class(class) => {
                    let below = self.below(class.as_ref())?;
                    let mut classes: Vec<_> = below.iter().copied().collect();
                    classes.sort_by(|&a, &b| order(a, b));
                    for class in classes {
                        found.extend(self.data.subjects_for_predicate_object(rdf::TYPE, class).map(TermRef::from));
                    }
                }
                Target::SubjectsOf(predicate) => {
                    found.extend(self.data.triples_for_predicate(predicate).map(|t| TermRef::from(t.subject)));
                }
                Target::ObjectsOf(predicate) => found.extend(self.data.triples_for_predicate(predicate).map(|t| t.object)),
            }
        }
        self.budget.spend(found.len() as u64)?;
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|&a, &b| order(a, b));
        Ok(found)
    }

    /// A class and the classes below it in the data.
    pub(super) fn below(&mut self, class: TermRef<'a>) -> Result<Rc<HashSet<TermRef<'a>>>, ValidateError> {
        if let Some(known) = self.below.get(&class) {
            return Ok(known.clone());
        }
        let mut seen = HashSet::from([class]);
        let mut left = vec![class];
        while let Some(class) = left.pop() {
            self.budget.spend(1)?;
            let more = self.data.subjects_for_predicate_object(vocab::SUB_CLASS_OF, class).map(TermRef::from);
            left.extend(more.filter(|&class| seen.insert(class)));
        }
        let below = Rc::new(seen);
        self.below.insert(class, below.clone());
        Ok(below)
    }
}
