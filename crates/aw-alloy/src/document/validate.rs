//! Everything that a strict reader has against a document.

mod agreement;
mod values;

pub(super) use values::{hash_spelling, is_foreign, is_time};

use std::sync::LazyLock;

use super::members::ENSEMBLE;
use super::{Document, schemas};
use crate::recipe::RUN_MEMBERS;
use crate::recipe::Vocabulary;
use crate::recipe::check::{
    For, PROBLEMS_MAX, Stages, check_against, check_compiled, domains, in_order, only_a_run_knows, produced,
};
use crate::text::{Node, Problem, Schema, SchemaError};

/// The schema of the universal members, compiled once.
static UNIVERSAL: LazyLock<Result<Schema, SchemaError>> = LazyLock::new(|| Schema::compile(schemas::document()));

/// Says everything that is wrong with a document, each with its path, line and column, in the order of the text.
///
/// The universal members are held against their types and ranges, domain members and stages against the schemas of the declared
/// domains; hashes, times and paths must be well-formed; a document without results is a recipe and holds nothing a run learns.
/// Unknown members are legal at every level. What is odd and legal is found by [`peculiarities`](super::peculiarities).
///
/// # Source
/// The alloy format, sections 1 to 10.
pub fn validate(document: &Document, vocabulary: &dyn Vocabulary) -> Vec<Problem> {
    let node = document.node();
    let mut problems = Vec::new();
    let domains = domains(node, vocabulary, &mut problems);
    check_compiled(&UNIVERSAL, node, "", &mut problems);
    for (name, schema) in vocabulary.root_document_members(&domains) {
        if let Some(member) = node.get(&name).filter(|member| !member.is_null()) {
            check_against(&schemas::opened(schema), member, &name, &mut problems);
        }
    }
    let mut stages = Stages::new(vocabulary, &domains, For::Document);
    for (index, stage) in document.stages().iter().enumerate() {
        if problems.len() > PROBLEMS_MAX {
            break;
        }
        stages.check(stage, &format!("stages[{index}]"), &mut problems);
    }
    if !document.is_artifact() {
        holds_no_results(node, &mut problems);
    }
    values::check(node, &mut problems);
    agreement::check(document, &mut problems);
    problems.retain(|problem| !is_granted(document, problem));
    once(in_order(problems))
}

/// A document without results is a recipe.
fn holds_no_results(node: &Node, problems: &mut Vec<Problem>) {
    let members = node.as_object().into_iter().flatten();
    for member in members.filter(|member| RUN_MEMBERS.contains(&member.name.as_str()) && !member.value.is_null()) {
        problems.push(only_a_run_knows(&member.name, &member.name).at(member.name_at));
    }
    produced(node, problems);
}

/// What schemas demand and the format grants documents of a special shape.
fn is_granted(document: &Document, problem: &Problem) -> bool {
    let target = || document.node().get("target").is_some_and(|target| target.as_object().is_some());
    match problem.path.as_str() {
        // Stages that are not given are derived from the target.
        "stages" => matches!(problem.code, "missing-field" | "wrong-length") && target() && !document.is_artifact(),
        // Ensemble writers name one benchmark in place of a list.
        path => {
            let by_ensemble = problem.code == "missing-field" && document.kind() == Some(ENSEMBLE);
            by_ensemble && path.starts_with("stages[") && path.ends_with("].benchmarks")
        }
    }
}

/// Several checks may find the same thing; the one with a remedy says it best.
fn once(problems: Vec<Problem>) -> Vec<Problem> {
    let mut kept: Vec<Problem> = Vec::with_capacity(problems.len());
    for problem in problems {
        // Problems of one place stand close together.
        let same = kept.iter_mut().rev().take_while(|earlier| earlier.at == problem.at);
        match same.into_iter().find(|earlier| earlier.code == problem.code && earlier.path == problem.path) {
            Some(earlier) if earlier.hint.is_none() => *earlier = problem,
            Some(_) => {}
            None => kept.push(problem),
        }
    }
    kept
}
