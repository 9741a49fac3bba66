//! Statements that no front end had a use for are told of, group by group.

use std::collections::{BTreeMap, HashMap};

use super::statements::{Fate, Node, Statements};
use super::{shown, vocabulary};
use crate::diagnostic::Diagnostic;

/// Most groups told of one by one; beyond them, one diagnostic tells of each predicate.
const GROUPS_MAX: usize = 10_000;

/// Most predicates one message names.
const PREDICATES_MAX: usize = 12;

/// Tells of every statement that has no fate yet: `W-IGNORED` for each subject, which counts its statements by predicate, those of
/// blank nodes below it included. Of a graph with very many such subjects, one for each predicate.
///
/// # Source
/// Codegen, section 14.
pub(crate) fn tell(statements: &Statements<'_>, found: &mut Vec<Diagnostic>) {
    let owners = owners(statements);
    let mut groups: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut predicates: BTreeMap<&str, usize> = BTreeMap::new();
    for statement in statements.all().iter().filter(|statement| statements.fate(statement) == Fate::Open) {
        statements.report(statement);
        *predicates.entry(statement.predicate).or_default() += 1;
        let owner = match statement.subject {
            Node::Iri(iri) => iri,
            blank @ Node::Blank(_) => owners.get(&blank).copied().unwrap_or(""),
        };
        *groups.entry(owner).or_default().entry(statement.predicate).or_default() += 1;
    }
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
    let subject = if owner.is_empty() { "blank nodes".to_owned() } else { shown(owner).trim_matches(['<', '>']).to_owned() };
    Diagnostic::new("W-IGNORED", subject, message)
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
