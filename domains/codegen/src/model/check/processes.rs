//! Processes and their steps.

use std::collections::BTreeSet;

use super::super::{Process, Step, StepKind};
use super::{length, shown};
use crate::diagnostic::Diagnostic;

pub(super) fn check(processes: &[Process], found: &mut Vec<Diagnostic>) {
    let mut ids = BTreeSet::new();
    for process in processes {
        let subject = shown(&process.id);
        if !is_xml_name(&process.id) {
            let message = format!("`{subject}` cannot identify a process, expected an XML name without a colon");
            found.push(Diagnostic::new("E-PROCESS-ID", &subject, message));
        }
        length(&process.id, &subject, found);
        if !ids.insert(&process.id) {
            let message = format!("`{subject}` identifies two processes; expected an id of its own");
            found.push(Diagnostic::new("E-PROCESS-ID", &subject, message));
        }
        if process.steps.is_empty() {
            found.push(Diagnostic::new("E-PROCESS-EMPTY", &subject, "the process has no steps, expected at least one"));
        }
        steps(process, found);
    }
}

fn steps(process: &Process, found: &mut Vec<Diagnostic>) {
    let mut names = BTreeSet::new();
    for step in &process.steps {
        let subject = pointer(process, step);
        if !is_xml_name(&step.name) {
            let message = format!("`{}` cannot name a step, expected an XML name without a colon", shown(&step.name));
            found.push(Diagnostic::new("E-STEP-NAME", &subject, message));
        }
        length(&step.name, &subject, found);
        if step.name == "start" {
            let message = "a step is named `start`, which is where every process starts; expected another name";
            found.push(Diagnostic::new("E-STEP-NAME", &subject, message));
        }
        if !names.insert(step.name.as_str()) {
            let message = format!("`{}` names two steps of the process; expected a name of its own", shown(&step.name));
            found.push(Diagnostic::new("E-STEP-NAME", &subject, message));
        }
        if step.kind == StepKind::Call && step.calls.as_deref().unwrap_or_default().is_empty() {
            let message = "a step of the kind `call` calls nothing; expected `calls` with the id of a process";
            found.push(Diagnostic::new("E-STEP-CALLS", &subject, message));
        }
    }
    for step in &process.steps {
        for next in step.next.iter().filter(|next| !names.contains(next.as_str())) {
            let message = format!("`next` names `{}`, which is no step of the process", shown(next));
            found.push(Diagnostic::new("E-STEP-NEXT", pointer(process, step), message));
        }
    }
}

fn pointer(process: &Process, step: &Step) -> String {
    format!("{}.{}", shown(&process.id), shown(&step.name))
}

/// Whether it is an `NCName` of XML 1.0 (fifth edition).
fn is_xml_name(name: &str) -> bool {
    let starts = |c: char| {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
            | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}' | '\u{200D}' | '\u{2070}'..='\u{218F}'
            | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
            | '\u{10000}'..='\u{EFFFF}')
    };
    let goes_on =
        |c: char| starts(c) || matches!(c, '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}' | '\u{2040}');
    name.starts_with(starts) && name.chars().all(goes_on)
}
