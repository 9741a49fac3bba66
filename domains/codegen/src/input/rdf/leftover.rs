//! Statements that no front end had a use for are told of: what constrains data one by one, the rest group by group.

use std::collections::{BTreeMap, HashMap};

use super::statements::{Fate, Node, Statement, Statements, Term};
use super::vocabulary::{OWL, OWL_ON_PROPERTY, RDF_TYPE, RDFS, SH, SH_PATH};
use super::{shown, vocabulary};
use crate::diagnostic::Diagnostic;

/// Most groups told of one by one; beyond them, one diagnostic tells of each predicate.
const GROUPS_MAX: usize = 10_000;

/// Most predicates one message names.
const PREDICATES_MAX: usize = 12;

/// Most constraints told of one by one; those beyond are counted with what is ignored.
const CONSTRAINTS_MAX: usize = 10_000;

/// Most characters of a value that a message shows.
const VALUE_MAX: usize = 80;

/// Properties of OWL and SHACL that say something to people, or hold other statements together, and constrain nothing by themselves.
const DESCRIPTIVE: [&str; 22] = [
    "versionInfo",
    "versionIRI",
    "priorVersion",
    "backwardCompatibleWith",
    "incompatibleWith",
    "imports",
    "deprecated",
    "annotatedSource",
    "annotatedProperty",
    "annotatedTarget",
    "onProperty",
    "members",
    "name",
    "description",
    "message",
    "order",
    "group",
    "defaultValue",
    "severity",
    "path",
    "property",
    "declare",
];

/// Properties of RDFS that constrain.
const RDFS_CONSTRAINTS: [&str; 4] = ["subClassOf", "subPropertyOf", "domain", "range"];

/// Types of OWL that constrain what has them.
const CONSTRAINING_TYPES: [&str; 9] = [
    "FunctionalProperty",
    "InverseFunctionalProperty",
    "TransitiveProperty",
    "SymmetricProperty",
    "AsymmetricProperty",
    "ReflexiveProperty",
    "IrreflexiveProperty",
    "AllDisjointClasses",
    "NegativePropertyAssertion",
];

/// Whether a statement says what data may be.
fn constrains(statement: &Statement<'_>) -> bool {
    let predicate = statement.predicate;
    if predicate == RDF_TYPE {
        let kind = statement.object.iri().and_then(|iri| iri.strip_prefix(OWL));
        return kind.is_some_and(|kind| CONSTRAINING_TYPES.contains(&kind));
    }
    if let Some(name) = predicate.strip_prefix(RDFS) {
        return RDFS_CONSTRAINTS.contains(&name);
    }
    let name = predicate.strip_prefix(OWL).or_else(|| predicate.strip_prefix(SH));
    name.is_some_and(|name| !DESCRIPTIVE.contains(&name))
}

/// Tells of every statement that has no fate yet: `W-CONSTRAINT` for each that constrains data, with the property it is about and its
/// value; `W-IGNORED` for each subject, which counts its other statements by predicate, those of blank nodes below it included. Of a
/// graph with very many such subjects, one for each predicate.
///
/// # Source
/// Codegen, section 14.
pub(crate) fn tell(statements: &Statements<'_>, found: &mut Vec<Diagnostic>) {
    let owners = owners(statements);
    let mut groups: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut predicates: BTreeMap<&str, usize> = BTreeMap::new();
    let mut constraints: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for statement in statements.all().iter().filter(|statement| statements.fate(statement) == Fate::Open) {
        statements.report(statement);
        let owner = match statement.subject {
            Node::Iri(iri) => iri,
            blank @ Node::Blank(_) => owners.get(&blank).copied().unwrap_or(""),
        };
        if constraints.len() < CONSTRAINTS_MAX && constrains(statement) {
            *constraints.entry((owner, constraint(statement, statements))).or_default() += 1;
            continue;
        }
        *predicates.entry(statement.predicate).or_default() += 1;
        *groups.entry(owner).or_default().entry(statement.predicate).or_default() += 1;
    }
    found.extend(constraints.into_iter().map(|((owner, message), count)| {
        let times = if count == 1 { String::new() } else { format!(" ({count} times)") };
        Diagnostic::new("W-CONSTRAINT", subject(owner), format!("{message}{times}"))
    }));
    if groups.len() <= GROUPS_MAX {
        found.extend(groups.iter().map(|(owner, counts)| group(owner, counts)));
        return;
    }
    let several = predicates.len();
    for (predicate, count) in predicates.iter().take(GROUPS_MAX) {
        let message = format!("{count} statements with this predicate have no counterpart in the model");
        found.push(Diagnostic::new("W-IGNORED", *predicate, message));
    }
    if several > GROUPS_MAX {
        let rest: usize = predicates.values().skip(GROUPS_MAX).sum();
        let message = format!("{rest} statements with {} more predicates have no counterpart in the model", several - GROUPS_MAX);
        found.push(Diagnostic::new("W-IGNORED", "document", message));
    }
}

/// A constraint and what it is about, without the names of blank nodes, which mean nothing.
fn constraint(statement: &Statement<'_>, statements: &Statements<'_>) -> String {
    let value = match statement.object {
        Term::Node(Node::Iri(iri)) => vocabulary::short(iri),
        Term::Node(Node::Blank(_)) => "an expression".to_owned(),
        Term::Literal(literal) => {
            let text: String = literal.value().chars().take(VALUE_MAX).flat_map(char::escape_debug).collect();
            let more = if literal.value().chars().nth(VALUE_MAX).is_some() { "…" } else { "" };
            format!("`{text}{more}`")
        }
    };
    let on = [SH_PATH, OWL_ON_PROPERTY].iter().flat_map(|link| statements.iris(statement.subject, link)).next();
    let about = on.map(|iri| format!("of {}, ", vocabulary::short(iri))).unwrap_or_default();
    format!("{about}{} {value} has no counterpart: contracts do not hold data to it", vocabulary::short(statement.predicate))
}

fn group(owner: &str, counts: &BTreeMap<&str, usize>) -> Diagnostic {
    let total: usize = counts.values().sum();
    let mut listed: Vec<String> = counts
        .iter()
        .take(PREDICATES_MAX)
        .map(|(predicate, count)| match count {
            1 => vocabulary::short(predicate),
            _ => format!("{} ×{count}", vocabulary::short(predicate)),
        })
        .collect();
    if counts.len() > PREDICATES_MAX {
        listed.push(format!("{} more predicates", counts.len() - PREDICATES_MAX));
    }
    let noun = if total == 1 { "statement has" } else { "statements have" };
    let message = format!("{total} {noun} no counterpart in the model: {}", listed.join(", "));
    Diagnostic::new("W-IGNORED", subject(owner), message)
}

fn subject(owner: &str) -> String {
    if owner.is_empty() { "blank nodes".to_owned() } else { shown(owner).trim_matches(['<', '>']).to_owned() }
}

/// The first IRI, by code point, from which a blank node is reached through blank nodes.
fn owners<'a>(statements: &Statements<'a>) -> HashMap<Node<'a>, &'a str> {
    let mut owners: HashMap<Node<'a>, &'a str> = HashMap::new();
    for statement in statements.all() {
        let Node::Iri(owner) = statement.subject else { break };
        let mut waiting: Vec<Node<'a>> = statement.object.node().into_iter().collect();
        while let Some(node) = waiting.pop() {
            if matches!(node, Node::Iri(_)) || owners.contains_key(&node) {
                continue;
            }
            owners.insert(node, owner);
            waiting.extend(statements.about(node).iter().filter_map(|statement| statement.object.node()));
        }
    }
    owners
}
