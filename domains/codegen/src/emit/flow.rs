//! The steps of a process as a graph.

use crate::diagnostic::Diagnostic;
use crate::model::{Model, Process, Step, StepKind};

use super::Target;
use super::names::Scope;

/// The steps that follow a step: those it names, else the one written after it; none after an end.
pub(super) fn followers(process: &Process, at: usize) -> Vec<&str> {
    let step = &process.steps[at];
    if step.kind == StepKind::End {
        return Vec::new();
    }
    if step.next.is_empty() {
        return process.steps.get(at + 1).map(|next| next.name.as_str()).into_iter().collect();
    }
    step.next.iter().map(String::as_str).collect()
}

/// Processes by id.
pub(super) fn by_id(model: &Model) -> Vec<&Process> {
    let mut all: Vec<&Process> = model.processes.iter().collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// The identifier of a flow.
pub(super) fn flow(from: &str, to: &str) -> String {
    format!("sf-{from}-{to}")
}

/// Whether a text may be an identifier in XML and a file name: ASCII letters, digits, `_`, `-` and `.`, a letter or `_` first.
pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// What keeps processes from being written: identifiers that are none or that are used twice.
pub(super) fn errors(model: &Model, target: Target) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let mut files = Scope::new(target);
    for process in by_id(model) {
        if !is_identifier(&process.id) {
            errors.push(no_identifier(target, &process.id, &process.id));
        }
        files.take(&process.id.to_ascii_lowercase(), &format!("the file of process `{}`", process.id));
        let mut scope = Scope::new(target);
        scope.take(&process.id, "the process");
        for own in ["start".to_owned(), format!("def-{}", process.id), format!("msg-{}", process.id)] {
            scope.take(&own, "an identifier of the file");
        }
        if let Some(first) = process.steps.first() {
            scope.take(&flow("start", &first.name), &format!("the flow from the start to `{}`", first.name));
        }
        for (at, step) in process.steps.iter().enumerate() {
            if !is_identifier(&step.name) {
                errors.push(no_identifier(target, &format!("{}.{}", process.id, step.name), &step.name));
            }
            scope.take(&step.name, &format!("step {} `{}`", at + 1, step.name));
            for (which, next) in followers(process, at).into_iter().enumerate() {
                scope.take(&flow(&step.name, next), &format!("flow {} from `{}` to `{next}`", which + 1, step.name));
            }
        }
        errors.extend(scope.into_errors().into_iter().map(|error| Diagnostic { subject: process.id.clone(), ..error }));
    }
    errors.extend(files.into_errors());
    errors
}

fn no_identifier(target: Target, subject: &str, name: &str) -> Diagnostic {
    let message = format!(
        "`{name}` cannot be an identifier in XML: use ASCII letters, digits, `_`, `-` and `.`, with a letter or `_` first"
    );
    Diagnostic::new("E-XML-NAME", subject, message).for_target(target.name())
}

/// Says which parts of a step a target has no place for.
pub(super) fn lost(target: Target, process: &Process, step: &Step, parts: &[(&str, bool)]) -> Option<Diagnostic> {
    let lost: Vec<&str> = parts.iter().filter(|(_, lost)| *lost).map(|(name, _)| *name).collect();
    let message = format!("parts of a {} step that do not stand in the file: {}", step.kind.name(), lost.join(", "));
    (!lost.is_empty())
        .then(|| Diagnostic::new("W-NOT-EMITTED", format!("{}.{}", process.id, step.name), message).for_target(target.name()))
}
