//! BPMN 2.0: one file a process.

use crate::diagnostic::Diagnostic;
use crate::model::{Model, Process, Step, StepKind, TriggerKind};

use super::flow::{by_id, errors, flow, followers, lost};
use super::text::{attribute, one_line, xml};
use super::{File, Made, Symbol, Target};

/// The files, what they declare and what they leave out.
pub(super) fn emit(model: &Model) -> Result<Made, Vec<Diagnostic>> {
    let errors = errors(model, Target::Bpmn);
    if !errors.is_empty() {
        return Err(errors);
    }
    let (mut files, mut symbols, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for process in by_id(model) {
        files.push(File { path: format!("{}.bpmn", process.id), bytes: write(process).into_bytes() });
        symbols.push(Symbol { subject: process.id.clone(), name: process.id.clone() });
        losses.extend(not_emitted(process));
    }
    Ok((files, symbols, losses))
}

fn write(process: &Process) -> String {
    let id = &process.id;
    let message = process.trigger.subject.as_ref().filter(|_| process.trigger.kind == TriggerKind::Message);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str("<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" ");
    out.push_str("xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" ");
    out.push_str(&format!("targetNamespace=\"urn:alloyworks:ontology\" id=\"def-{id}\">\n"));
    if let Some(subject) = message {
        out.push_str(&format!("  <message id=\"msg-{id}\" name=\"{}\" />\n", attribute(subject)));
    }
    out.push_str(&format!("  <process id=\"{id}\" name=\"{}\" isExecutable=\"true\">\n", attribute(&process.name)));
    let schedule = process.trigger.schedule.as_ref().filter(|_| process.trigger.kind == TriggerKind::Timer);
    let event = match (message, schedule) {
        (Some(_), _) => Some(format!("<messageEventDefinition messageRef=\"msg-{id}\" />")),
        (None, Some(schedule)) => Some(timer("timeCycle", schedule)),
        (None, None) => None,
    };
    let name = if process.name.is_empty() { id } else { &process.name };
    element(&mut out, "startEvent", "start", name, "", event);
    for step in &process.steps {
        self::step(&mut out, step);
    }
    flows(&mut out, process);
    out.push_str("  </process>\n</definitions>\n");
    out
}

fn timer(kind: &str, text: &str) -> String {
    format!("<timerEventDefinition><{kind}>{}</{kind}></timerEventDefinition>", xml(&one_line(text)))
}

fn element(out: &mut String, kind: &str, id: &str, name: &str, more: &str, inside: Option<String>) {
    out.push_str(&format!("    <{kind} id=\"{id}\" name=\"{}\"{more}", attribute(name)));
    match inside {
        Some(inside) => out.push_str(&format!(">\n      {inside}\n    </{kind}>\n")),
        None => out.push_str(" />\n"),
    }
}

fn step(out: &mut String, step: &Step) {
    let id = &step.name;
    match step.kind {
        StepKind::Service => {
            let name = step.performer.as_ref().unwrap_or(id);
            element(out, "serviceTask", id, name, " implementation=\"##WebService\"", None);
        }
        StepKind::EmitEvent => element(out, "serviceTask", id, step.subject.as_ref().unwrap_or(id), "", None),
        StepKind::Manual => element(out, "userTask", id, id, "", None),
        StepKind::Wait => {
            let event =
                step.timeout.as_ref().map_or_else(|| "<messageEventDefinition />".to_owned(), |time| timer("timeDuration", time));
            element(out, "intermediateCatchEvent", id, id, "", Some(event));
        }
        StepKind::Decision => {
            let default = step.next.last().map_or_else(String::new, |last| format!(" default=\"{}\"", flow(id, last)));
            element(out, "exclusiveGateway", id, id, &default, None);
        }
        StepKind::Parallel => element(out, "parallelGateway", id, id, "", None),
        StepKind::Call => {
            let called = format!(" calledElement=\"{}\"", attribute(step.calls.as_deref().unwrap_or_default()));
            element(out, "callActivity", id, id, &called, None);
        }
        StepKind::End => element(out, "endEvent", id, id, "", None),
    }
}

fn flows(out: &mut String, process: &Process) {
    let mut line = |from: &str, to: &str, condition: Option<&str>| {
        out.push_str(&format!("    <sequenceFlow id=\"{}\" sourceRef=\"{from}\" targetRef=\"{to}\"", flow(from, to)));
        match condition {
            Some(condition) => {
                let condition = xml(&one_line(condition));
                out.push_str(">\n      <conditionExpression xsi:type=\"tFormalExpression\">");
                out.push_str(&condition);
                out.push_str("</conditionExpression>\n    </sequenceFlow>\n");
            }
            None => out.push_str(" />\n"),
        }
    };
    if let Some(first) = process.steps.first() {
        line("start", &first.name, None);
    }
    for (at, step) in process.steps.iter().enumerate() {
        let next = followers(process, at);
        for (which, to) in next.iter().enumerate() {
            let decides = step.kind == StepKind::Decision && which == 0 && next.len() > 1;
            line(&step.name, to, step.condition.as_deref().filter(|_| decides));
        }
    }
}

fn not_emitted(process: &Process) -> Vec<Diagnostic> {
    let mut losses = Vec::new();
    let trigger = &process.trigger;
    let written = match trigger.kind {
        TriggerKind::Message => trigger.subject.is_some() && trigger.schedule.is_none(),
        TriggerKind::Timer => trigger.schedule.is_some() && trigger.subject.is_none(),
        TriggerKind::None => trigger.subject.is_none() && trigger.schedule.is_none(),
        TriggerKind::Signal | TriggerKind::Manual => false,
    };
    if !written {
        let message = format!("its {} trigger is not written in full", trigger.kind.name());
        losses.push(Diagnostic::new("W-NOT-EMITTED", &process.id, message).for_target(Target::Bpmn.name()));
    }
    for (at, step) in process.steps.iter().enumerate() {
        let decides = step.kind == StepKind::Decision && followers(process, at).len() > 1;
        let parts = [
            ("performer", step.performer.is_some() && step.kind != StepKind::Service),
            ("calls", step.calls.is_some() && step.kind != StepKind::Call),
            ("subject", step.subject.is_some() && step.kind != StepKind::EmitEvent),
            ("timeout", step.timeout.is_some() && step.kind != StepKind::Wait),
            ("condition", step.condition.is_some() && !decides),
            ("next", step.kind == StepKind::End && !step.next.is_empty()),
        ];
        losses.extend(lost(Target::Bpmn, process, step, &parts));
    }
    losses
}
