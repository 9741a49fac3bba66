//! How things are spelled: nulls, placeholders, times, names, members from outside every vocabulary.

use super::super::hashes::{HashText, classify};
use super::super::validate::{hash_spelling, is_foreign, is_time};
use super::super::walk::{Step, Steps, name, path, walk};
use super::super::{Document, aliases};
use super::Remarks;
use crate::Moment;
use crate::text::Node;

pub(super) fn look(document: &Document, remarks: &mut Remarks) {
    walk(document.node(), &mut Vec::new(), &mut |steps, node| {
        alias(steps, node, remarks);
        // In an open bag names mean what its writer meant.
        if !steps.iter().rev().skip(1).any(|step| *step == Step::Member("metrics")) {
            null(steps, node, remarks);
            hash(steps, node, remarks);
            time(steps, node, remarks);
            stray(steps, node, remarks);
        }
        !remarks.is_full() && (!is_foreign(steps) || name(steps) == Some("metrics"))
    });
    receipt(document, remarks);
}

/// A root member that is `null` is not an absent one.
fn null(steps: &Steps<'_>, node: &Node, remarks: &mut Remarks) {
    if let ([Step::Member(name)], true) = (steps, node.is_null()) {
        remarks.add("null-member", path(steps), node, format!("`{name}` is `null`, which is read as absent and kept as it is"));
    }
}

fn hash(steps: &Steps<'_>, node: &Node, remarks: &mut Remarks) {
    let Some(text) = node.as_str().filter(|_| hash_spelling(steps).is_some()) else { return };
    if classify(text) == HashText::Placeholder {
        let shown: String = text.chars().take(80).collect();
        remarks.add("placeholder-hash", path(steps), node, format!("`{shown}` stands in place of a hash; it is no evidence"));
    }
}

fn time(steps: &Steps<'_>, node: &Node, remarks: &mut Remarks) {
    let Some(text) = node.as_str().filter(|_| is_time(steps)) else { return };
    if Moment::read(text).is_some() && !Moment::is_rfc_3339(text) {
        remarks.add("time-spelling", path(steps), node, format!("`{text}` is read, but RFC 3339 spells it otherwise"));
    }
}

/// Names that start with an underscore are notes to oneself.
fn stray(steps: &Steps<'_>, node: &Node, remarks: &mut Remarks) {
    if let Some(name) = name(steps).filter(|name| name.starts_with('_')) {
        let shown: String = name.chars().take(80).collect();
        remarks.add("stray-member", path(steps), node, format!("`{shown}` is in no vocabulary; it is kept"));
    }
}

fn alias(steps: &Steps<'_>, node: &Node, remarks: &mut Remarks) {
    let benchmark =
        matches!(steps, [.., Step::Member("benchmarks" | "evaluationBenchmarks"), Step::Item(_), Step::Member("name")]);
    if let Some(name) = node.as_str().filter(|_| benchmark) {
        let meant = aliases::benchmark(name);
        if meant != name {
            remarks.add("name-alias", path(steps), node, format!("benchmark `{name}` is looked up as `{meant}`"));
        }
    }
    if let [.., Step::Member("metrics"), Step::Member(name)] = steps {
        let meant = aliases::metric(name);
        if meant != *name {
            remarks.add("name-alias", path(steps), node, format!("metric `{name}` is looked up as `{meant}`"));
        }
    }
    let in_results = matches!(steps, [Step::Member("results"), ..]);
    let misplaced = match name(steps) {
        Some("submitToLeaderboard") if in_results => Some("submittedToLeaderboard"),
        Some("submittedToLeaderboard") if matches!(steps, [Step::Member("stages" | "evaluationBenchmarks"), ..]) => {
            Some("submitToLeaderboard")
        }
        _ => None,
    };
    if let Some(meant) = misplaced {
        remarks.add("name-alias", path(steps), node, format!("here this is called `{meant}`"));
    }
}

fn receipt(document: &Document, remarks: &mut Remarks) {
    let Some(receipt) = document.node().get("receipt") else { return };
    if receipt.as_object().is_some_and(crate::text::Object::is_empty) {
        remarks.add("empty-receipt", "receipt", receipt, "the receipt says nothing, not even `issuedAt`");
    }
}
