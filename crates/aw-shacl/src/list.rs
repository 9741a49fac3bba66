//! SHACL lists: well-formed RDF lists, without a cycle, of bounded length.

use std::collections::HashSet;

use oxrdf::vocab::rdf;
use oxrdf::{Graph, TermRef};

use crate::term::{node, objects};

/// The members of the list at `head`.
///
/// # Errors
/// What breaks the list, in words.
pub fn members<'g>(graph: &'g Graph, head: TermRef<'g>, most: usize) -> Result<Vec<TermRef<'g>>, String> {
    let mut members = Vec::new();
    let mut seen = HashSet::new();
    let mut at = head;
    while at != TermRef::from(rdf::NIL) {
        if node(at).is_none() {
            return Err(format!("{at} is not a list; a list ends with rdf:nil"));
        }
        if !seen.insert(at) {
            return Err(format!("the list runs in a circle: {at} is its own rest"));
        }
        if members.len() == most {
            return Err(format!("the list is longer than {most} members"));
        }
        members.push(only(graph, at, rdf::FIRST)?);
        at = only(graph, at, rdf::REST)?;
    }
    Ok(members)
}

fn only<'g>(graph: &'g Graph, at: TermRef<'g>, predicate: oxrdf::NamedNodeRef<'static>) -> Result<TermRef<'g>, String> {
    let mut values = objects(graph, at, predicate);
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(format!("the list node {at} has no {predicate}")),
        _ => Err(format!("the list node {at} has more than one {predicate}")),
    }
}
