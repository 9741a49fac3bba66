//! Processes. Nothing of them is on the wire.

use std::collections::BTreeMap;

use crate::model::{Model, Process};

use super::{Change, Kind};

pub(super) fn compare(old: &Model, new: &Model, changes: &mut Vec<Change>) {
    let (before, after) = (by_id(old), by_id(new));
    for process in &new.processes {
        let subject = format!("process/{}", process.id);
        let Some(was) = before.get(process.id.as_str()) else {
            changes.push(Change::new(Kind::ProcessAdded, subject, format!("{} steps", process.steps.len())));
            continue;
        };
        if was.name != process.name {
            changes.push(Change::new(Kind::ProcessName, &subject, format!("`{}` to `{}`", was.name, process.name)));
        }
        if let Some(detail) = difference(was, process) {
            changes.push(Change::new(Kind::ProcessChanged, subject, detail));
        }
    }
    for process in old.processes.iter().filter(|process| !after.contains_key(process.id.as_str())) {
        changes.push(Change::new(Kind::ProcessRemoved, format!("process/{}", process.id), ""));
    }
}

fn by_id(model: &Model) -> BTreeMap<&str, &Process> {
    model.processes.iter().map(|process| (process.id.as_str(), process)).collect()
}

/// What differs in what a process does; `None` when nothing does.
fn difference(was: &Process, is: &Process) -> Option<String> {
    let mut parts = Vec::new();
    if was.trigger != is.trigger {
        parts.push("starts otherwise".to_owned());
    }
    for step in &is.steps {
        match was.steps.iter().find(|other| other.name == step.name) {
            None => parts.push(format!("step `{}` is new", step.name)),
            Some(other) if other != step => parts.push(format!("step `{}` is another", step.name)),
            Some(_) => {}
        }
    }
    for step in was.steps.iter().filter(|step| is.steps.iter().all(|other| other.name != step.name)) {
        parts.push(format!("step `{}` is gone", step.name));
    }
    if parts.is_empty() && was.steps != is.steps {
        parts.push("its steps come in another order".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
