//! CACAO 2.0 playbooks: one file a process.

use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use crate::diagnostic::Diagnostic;
use crate::model::{Model, Process, StepKind, TriggerKind};

use super::flow::{by_id, errors, followers, lost};
use super::{File, Made, Symbol, Target, text};

/// When every playbook was made: a file says nothing of a clock.
const MADE: &str = "2026-01-01T00:00:00.000Z";

/// Who performs a step that names no one.
const RUNTIME: &str = "alloyworks-runtime";

/// The name space of URLs for name-based UUIDs (RFC 9562).
const URL: [u8; 16] = [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

/// The files, what they declare and what they leave out.
pub(super) fn emit(model: &Model) -> Result<Made, Vec<Diagnostic>> {
    let mut errors = errors(model, Target::Cacao);
    let (mut files, mut symbols, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for process in by_id(model) {
        for (at, step) in process.steps.iter().enumerate() {
            let next = followers(process, at).len();
            let subject = format!("{}.{}", process.id, step.name);
            if step.kind == StepKind::Decision && next > 2 {
                let message =
                    format!("a decision has at most two followers in CACAO, this one has {next}; split it into several");
                errors.push(Diagnostic::new("E-CACAO-DECISION", &subject, message).for_target(Target::Cacao.name()));
            }
            if step.kind == StepKind::Wait {
                let message = "CACAO cannot wait: the step is a manual action";
                notes.push(Diagnostic::new("W-CACAO-WAIT", &subject, message).for_target(Target::Cacao.name()));
            }
            notes.extend(not_emitted(process, at));
        }
        if process.trigger.kind != TriggerKind::None || process.trigger.subject.is_some() || process.trigger.schedule.is_some() {
            let message = format!("its {} trigger: a playbook says nothing of what starts it", process.trigger.kind.name());
            notes.push(Diagnostic::new("W-NOT-EMITTED", &process.id, message).for_target(Target::Cacao.name()));
        }
        symbols.push(Symbol { subject: process.id.clone(), name: playbook_id(&process.id) });
        files.push(File { path: format!("{}.cacao.json", process.id), bytes: text::ascii_json(&playbook(process)) });
    }
    if errors.is_empty() { Ok((files, symbols, notes)) } else { Err(errors) }
}

fn playbook(process: &Process) -> Value {
    let mut workflow = Map::new();
    let mut agents = Map::new();
    let mut start = json!({"type": "start"});
    if let Some(first) = process.steps.first() {
        start["on_completion"] = json!(first.name);
    }
    workflow.insert("start".to_owned(), start);
    for at in 0..process.steps.len() {
        workflow.insert(process.steps[at].name.clone(), step(process, at, &mut agents));
    }
    if agents.is_empty() {
        agents.insert(RUNTIME.to_owned(), agent(RUNTIME));
    }
    json!({
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": playbook_id(&process.id),
        "name": if process.name.is_empty() { &process.id } else { &process.name },
        "created_by": format!("identity--{}", uuid5("urn:alloyworks:forge")),
        "created": MADE,
        "modified": MADE,
        "workflow_start": "start",
        "workflow": workflow,
        "agent_definitions": agents,
    })
}

fn agent(name: &str) -> Value {
    json!({"type": "group", "name": name})
}

fn step(process: &Process, at: usize, agents: &mut Map<String, Value>) -> Value {
    let step = &process.steps[at];
    let next = followers(process, at);
    let mut action = |kind: &str| {
        let performer = step.performer.as_deref().unwrap_or(RUNTIME);
        agents.insert(performer.to_owned(), agent(performer));
        let command = step.performer.as_ref().or(step.subject.as_ref()).unwrap_or(&step.name);
        json!({"type": "action", "agent": performer, "commands": [{"type": kind, "command": command}]})
    };
    let mut written = match step.kind {
        StepKind::Service | StepKind::EmitEvent => action("http-api"),
        StepKind::Manual | StepKind::Wait => action("manual"),
        StepKind::Decision => json!({"type": "if-condition", "condition": step.condition.as_deref().unwrap_or("true")}),
        StepKind::Parallel => json!({"type": "parallel", "next_steps": next}),
        StepKind::Call => {
            json!({"type": "playbook-action", "playbook_id": playbook_id(step.calls.as_deref().unwrap_or_default())})
        }
        StepKind::End => json!({"type": "end"}),
    };
    let names: &[&str] = match step.kind {
        StepKind::Decision => &["on_true", "on_false"],
        StepKind::Parallel | StepKind::End => &[],
        _ => &["on_completion"],
    };
    for (name, next) in names.iter().zip(&next) {
        written[*name] = json!(next);
    }
    written
}

fn not_emitted(process: &Process, at: usize) -> Option<Diagnostic> {
    let step = &process.steps[at];
    let acts = matches!(step.kind, StepKind::Service | StepKind::EmitEvent | StepKind::Manual | StepKind::Wait);
    let goes_on_once = acts || step.kind == StepKind::Call;
    let parts = [
        ("performer", step.performer.is_some() && !acts),
        ("calls", step.calls.is_some() && step.kind != StepKind::Call),
        ("subject", step.subject.is_some() && (!acts || step.performer.is_some())),
        ("timeout", step.timeout.is_some()),
        ("condition", step.condition.is_some() && step.kind != StepKind::Decision),
        ("next after the first", goes_on_once && step.next.len() > 1),
        ("next", step.kind == StepKind::End && !step.next.is_empty()),
    ];
    lost(Target::Cacao, process, step, &parts)
}

/// The identifier of a process's playbook.
fn playbook_id(process: &str) -> String {
    format!("playbook--{}", uuid5(&format!("urn:alloyworks:process:{process}")))
}

/// The name-based UUID of a URL (RFC 9562, version 5).
fn uuid5(name: &str) -> String {
    let hash = Sha1::new().chain_update(URL).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn uuids_are_those_of_the_standard() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, "http://www.example.com/").
        assert_eq!(super::uuid5("http://www.example.com/"), "fcde3c85-2270-590f-9e7c-ee003d65e0e2");
    }
}
