//! Processes, triggers and steps.

use aw_alloy::text::{Node, Problem};

use super::Reading;
use super::mapping::{self, Mapping};
use crate::model::{Process, Step, StepKind, Trigger, TriggerKind};

pub(super) fn read(node: &Node, reading: &mut Reading) -> Option<Process> {
    let mut map = Mapping::of(node, "a process", reading)?;
    let id = map.required_text("id", reading);
    reading.place(id.clone(), node);
    let name = map.required_text("name", reading);
    let trigger = map.get("trigger").and_then(|node| trigger(node, reading)).unwrap_or_default();
    let steps = map.items("steps", reading).iter().filter_map(|item| step(&id, item, reading)).collect();
    map.finish(reading);
    Some(Process { id, name, trigger, steps })
}

fn trigger(node: &Node, reading: &mut Reading) -> Option<Trigger> {
    let mut map = Mapping::of(node, "a trigger", reading)?;
    let names: Vec<&str> = TriggerKind::ALL.iter().map(|kind| kind.name()).collect();
    let kind = kind(&mut map, "E-TRIGGER-KIND", &names, reading).and_then(|name| TriggerKind::from_name(&name));
    let trigger = Trigger {
        kind: kind.unwrap_or_default(),
        subject: map.text("subject", reading),
        schedule: map.text("schedule", reading),
    };
    map.finish(reading);
    Some(trigger)
}

fn step(process: &str, node: &Node, reading: &mut Reading) -> Option<Step> {
    let mut map = Mapping::of(node, "a step", reading)?;
    let names: Vec<&str> = StepKind::ALL.iter().map(|kind| kind.name()).collect();
    let name = map.required_text("name", reading);
    reading.place(format!("{process}.{name}"), node);
    let kind = kind(&mut map, "E-STEP-KIND", &names, reading).and_then(|name| StepKind::from_name(&name));
    let performer = map.text("performer", reading);
    let agent = map.get("agent");
    if let Some(agent) = agent.filter(|_| performer.is_some()) {
        reading.fault(
            "E-YAML-KEY",
            agent,
            "`agent` is another name of `performer`, which is there already; expected one of them",
        );
    }
    let agent = agent.and_then(|node| mapping::text(node, "agent", reading));
    let step = Step {
        name,
        // Without a kind there is a fault, and nothing is made of the model.
        kind: kind.unwrap_or(StepKind::End),
        performer: performer.or(agent),
        calls: map.text("calls", reading),
        subject: map.text("subject", reading),
        timeout: map.text("timeout", reading),
        condition: map.text("condition", reading),
        next: map.texts("next", reading),
    };
    map.finish(reading);
    Some(step)
}

/// The kind a mapping has to say, if it is one of `names`.
fn kind(map: &mut Mapping<'_>, code: &'static str, names: &[&str], reading: &mut Reading) -> Option<String> {
    let written = map.required_text("kind", reading);
    if written.is_empty() || names.contains(&written.as_str()) {
        return (!written.is_empty()).then_some(written);
    }
    let hint = Problem::new("unknown", "", "").suggest(&written, names.iter().copied()).hint.unwrap_or_default();
    let at = map.get("kind").unwrap_or(map.node());
    reading.fault(code, at, format!("`{written}` is no kind; {hint}"));
    None
}
