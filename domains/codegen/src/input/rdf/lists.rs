//! RDF lists.

use std::collections::HashSet;

use super::statements::{Node, Statement, Statements, Term};
use super::vocabulary::{RDF_FIRST, RDF_NIL, RDF_REST};

impl<'a> Statements<'a> {
    /// The statements that hold a list's elements, in its order, and all statements the list is made of.
    ///
    /// # Errors
    /// Why it is no proper list: a node without exactly one element and one rest, a rest that leads back, or a node that two lists or
    /// two statements share. Every node is visited once, whatever the graph holds.
    pub(crate) fn list(&self, head: Term<'a>) -> Result<List<'a>, String> {
        let mut list = List { elements: Vec::new(), parts: Vec::new() };
        let mut seen = HashSet::new();
        let mut at = head;
        loop {
            let Some(node) = at.node() else { return Err("a list ends in a literal, expected rdf:nil".to_owned()) };
            if node == Node::Iri(RDF_NIL) {
                return Ok(list);
            }
            if !seen.insert(node) {
                return Err("a list leads back into itself".to_owned());
            }
            if self.uses(node) > 1 {
                return Err("a part of a list is used more than once; expected a list of its own".to_owned());
            }
            let ([first], [rest]) = (self.said(node, RDF_FIRST), self.said(node, RDF_REST)) else {
                let message = "a part of a list has no element or rest, or several; expected one rdf:first and one rdf:rest";
                return Err(message.to_owned());
            };
            list.elements.push(first.object);
            list.parts.extend([*first, *rest]);
            at = rest.object;
        }
    }
}

/// A list that was read.
pub(crate) struct List<'a> {
    /// Its elements, in order.
    pub(crate) elements: Vec<Term<'a>>,
    /// The statements it is made of.
    pub(crate) parts: Vec<Statement<'a>>,
}
