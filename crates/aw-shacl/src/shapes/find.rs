//! Which nodes of a shapes graph are shapes (SHACL, section 2.1).

use std::collections::HashSet;

use oxrdf::vocab::{rdf, rdfs};
use oxrdf::{Graph, NamedNodeRef, TermRef};

use crate::limits::Limits;
use crate::problem::{Problem, ProblemKind, Remark};
use crate::term::{node, order};
use crate::{list, vocab};

/// Predicates of SHACL's extensions and of its entailment: they demand something wherever they stand.
const EXTENSIONS: [&str; 18] = [
    "condition",
    "construct",
    "entailment",
    "expression",
    "filterShape",
    "intersection",
    "js",
    "jsFunctionName",
    "jsLibrary",
    "jsLibraryURL",
    "nodes",
    "object",
    "predicate",
    "rule",
    "subject",
    "target",
    "union",
    "values",
];

/// The shapes, in the order of their nodes; predicates of SHACL's namespace that nobody here knows become problems.
///
/// On a node that is no shape an unknown predicate is a remark: it is data, unless it looks like a slip of the pen or is of an extension.
/// `more` are the parameters of the constraint components that the graph declares.
pub fn find<'g>(
    graph: &'g Graph,
    more: &HashSet<NamedNodeRef<'_>>,
    limits: &Limits,
    problems: &mut Vec<Problem>,
    remarks: &mut Vec<Remark>,
) -> Vec<TermRef<'g>> {
    let mut found = HashSet::new();
    let mut unknown = Vec::new();
    for class in [vocab::NODE_SHAPE, vocab::PROPERTY_SHAPE] {
        for class in subclasses(graph, class.into()) {
            found.extend(graph.subjects_for_predicate_object(rdf::TYPE, class).map(TermRef::from));
        }
    }
    for triple in graph {
        let subject = TermRef::from(triple.subject);
        if more.contains(&triple.predicate) {
            found.insert(subject);
        }
        let Some(local) = vocab::local(triple.predicate.as_str()) else { continue };
        if vocab::PARAMETERS.contains(&local) || vocab::TARGETS.contains(&local) {
            found.insert(subject);
        } else if !vocab::OTHERS.contains(&local) {
            unknown.push((triple, local));
        }
        match local {
            "node" | "property" | "not" | "qualifiedValueShape" if node(triple.object).is_some() => {
                found.insert(triple.object);
            }
            // An ill-formed list is reported where its shape is read.
            "and" | "or" | "xone" => found.extend(
                list::members(graph, triple.object, limits.list_length)
                    .into_iter()
                    .flatten()
                    .filter(|&member| node(member).is_some()),
            ),
            _ => (),
        }
    }
    for (triple, local) in unknown {
        let subject = TermRef::from(triple.subject);
        let message = explain(local);
        if found.contains(&subject) || near(local).is_some() || EXTENSIONS.contains(&local) {
            problems.push(Problem {
                kind: ProblemKind::Unsupported,
                node: Some(subject.into_owned()),
                property: Some(triple.predicate.into_owned()),
                value: None,
                message,
            });
        } else {
            remarks.push(Remark { node: subject.into_owned(), message: format!("{message}; the node is no shape") });
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by(|&a, &b| order(a, b));
    found
}

/// A name of SHACL that differs in case alone, or in at most two characters put in, left out or changed.
fn near(local: &str) -> Option<&'static str> {
    let known = vocab::PARAMETERS.iter().chain(&vocab::TARGETS).chain(&vocab::OTHERS);
    let differs = |known: &str| if known.eq_ignore_ascii_case(local) { 0 } else { distance(known, local) };
    known
        .map(|known| (differs(known), *known))
        .filter(|(differs, known)| *differs <= 2.min(known.len() / 4))
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein's distance, in bytes; far texts are only known to be far.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let changed = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn explain(local: &str) -> String {
    match (local, near(local)) {
        ("entailment", _) => {
            "entailment is not supported: materialise what follows from the data and remove `sh:entailment`".into()
        }
        (_, None) if local.starts_with("js") => {
            "SHACL JavaScript is not supported; write the constraint in SHACL Core or SPARQL".into()
        }
        (_, None) if EXTENSIONS.contains(&local) => {
            format!("`sh:{local}` is of the SHACL advanced features, which are not supported")
        }
        (_, Some(near)) => format!("SHACL has no `sh:{local}`; did you mean `sh:{near}`?"),
        _ => format!("`sh:{local}` is neither of SHACL Core nor of SHACL-SPARQL"),
    }
}

/// `class` and everything that `rdfs:subClassOf` leads to it from.
pub fn subclasses<'g>(graph: &'g Graph, class: TermRef<'g>) -> Vec<TermRef<'g>> {
    let mut seen = HashSet::from([class]);
    let mut found = vec![class];
    let mut at = 0;
    while let Some(&class) = found.get(at) {
        at += 1;
        found.extend(
            graph.subjects_for_predicate_object(vocab::SUB_CLASS_OF, class).map(TermRef::from).filter(|&c| seen.insert(c)),
        );
    }
    found
}

/// Every class of the graph: instances of `rdfs:Class` and of `owl:Class`, which is one (the OWL 2 RDF-based semantics, table 5.2).
pub fn classes(graph: &Graph) -> HashSet<TermRef<'_>> {
    let metas = [rdfs::CLASS, vocab::OWL_CLASS].into_iter().flat_map(|class| subclasses(graph, class.into()));
    metas.flat_map(|class| graph.subjects_for_predicate_object(rdf::TYPE, class)).map(TermRef::from).collect()
}
