//! Documents, which no compiler takes: they are read again, and what they refer to must be there.

use std::collections::BTreeSet;

use aw_alloy::text::{Limits, Node, Schema, json};
use serde_json::Value;

use crate::emit::{Emitted, File, Target};

use super::{Finding, Smoke};

/// As [`super::Toolchain::smoke`].
pub(super) fn smoke(emitted: &Emitted) -> Smoke {
    let tool = match emitted.target {
        Target::Bpmn => "XML reader",
        Target::JsonSchema => "JSON Schema 2020-12 metaschema",
        _ => "JSON reader",
    };
    let findings: Vec<Finding> = emitted.files.iter().flat_map(|file| check(emitted.target, file)).collect();
    match findings.is_empty() {
        true => Smoke::Passed { tool: tool.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        false => Smoke::Failed { tool: tool.to_owned(), findings },
    }
}

fn check(target: Target, file: &File) -> Vec<Finding> {
    let finding = |line: Option<u64>, message: String| Finding { file: file.path.clone(), line, message };
    if target == Target::Bpmn {
        return bpmn(&file.bytes).into_iter().map(|(line, message)| finding(line, message)).collect();
    }
    let document = match json::parse(&file.bytes, &Limits { bytes: 1 << 30, nodes: usize::MAX, ..Limits::DOCUMENT }) {
        Ok(document) => document,
        Err(error) => return vec![finding(None, error.to_string())],
    };
    let messages = match target {
        Target::Sql => queries(&document),
        Target::Cacao => playbook(&document),
        Target::Openapi => references(&document.to_serde()),
        _ => match Schema::compile(&document.to_serde()) {
            Ok(_) => references(&document.to_serde()),
            Err(error) => vec![error.to_string()],
        },
    };
    messages.into_iter().map(|message| finding(None, message)).collect()
}

/// Attributes and elements that name an element of the same file.
const REFERENCES: [&str; 4] = ["messageRef", "sourceRef", "targetRef", "default"];

fn bpmn(bytes: &[u8]) -> Vec<(Option<u64>, String)> {
    let Ok(text) = std::str::from_utf8(bytes) else { return vec![(None, "it is not UTF-8".to_owned())] };
    let document = match roxmltree::Document::parse(text) {
        Ok(document) => document,
        Err(error) => return vec![(Some(error.pos().row.into()), error.to_string())],
    };
    let line = |node: &roxmltree::Node<'_, '_>| Some(document.text_pos_at(node.range().start).row.into());
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for node in document.descendants() {
        if let Some(id) = node.attribute("id").filter(|id| !ids.insert(*id)) {
            wrong.push((line(&node), format!("the id `{id}` is used twice")));
        }
    }
    for node in document.descendants() {
        for name in REFERENCES {
            if let Some(id) = node.attribute(name).filter(|id| !ids.contains(id)) {
                wrong.push((line(&node), format!("`{name}` names `{id}`, which is not in the file")));
            }
        }
    }
    wrong
}

/// Every query is `SELECT columns FROM source` on one line.
fn queries(document: &Node) -> Vec<String> {
    let mut wrong = Vec::new();
    for object in document.as_object().into_iter().flat_map(|types| types.iter()) {
        for backend in object.value.as_object().into_iter().flat_map(|backends| backends.iter()) {
            let query = backend.value.as_str().unwrap_or_default();
            if !is_query(query) {
                wrong.push(format!("{}.{}: not a query: {query:?}", object.name, backend.name));
            }
        }
    }
    wrong
}

fn is_query(query: &str) -> bool {
    let name = |name: &str| {
        let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(rest)
    };
    let column = |column: &str| match column.split_once(" AS ") {
        Some((column, field)) => name(column) && name(field),
        None => name(column),
    };
    let Some((columns, from)) = query.strip_prefix("SELECT ").and_then(|rest| rest.rsplit_once(" FROM ")) else { return false };
    columns.split(", ").all(column) && name(from)
}

/// Every step that a step names, and every performer, is there.
fn playbook(document: &Node) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = |node: &Node, name: &str| node.get(name).and_then(Node::as_str).map(str::to_owned);
    for (name, expected) in [("type", "playbook"), ("spec_version", "cacao-2.0")] {
        if text(document, name).as_deref() != Some(expected) {
            wrong.push(format!("`{name}` is not `{expected}`"));
        }
    }
    let (Some(workflow), Some(agents)) = (document.get("workflow"), document.get("agent_definitions")) else {
        wrong.push("`workflow` or `agent_definitions` is missing".to_owned());
        return wrong;
    };
    let start = text(document, "workflow_start").into_iter();
    let steps = workflow.as_object().into_iter().flat_map(|steps| steps.iter()).flat_map(|member| {
        let step = &member.value;
        let listed = step.get("next_steps").and_then(Node::as_array).unwrap_or_default();
        let one = ["on_completion", "on_true", "on_false"].into_iter().filter_map(|name| text(step, name));
        one.chain(listed.iter().filter_map(|next| next.as_str().map(str::to_owned))).collect::<Vec<_>>()
    });
    for step in start.chain(steps).filter(|step| workflow.get(step).is_none()) {
        wrong.push(format!("no step `{step}`"));
    }
    for member in workflow.as_object().into_iter().flat_map(|steps| steps.iter()) {
        if let Some(agent) = text(&member.value, "agent").filter(|agent| agents.get(agent).is_none()) {
            wrong.push(format!("step `{}`: no performer `{agent}`", member.name));
        }
    }
    wrong
}

/// Every `$ref` points into the document.
fn references(document: &Value) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                if let Some(place) = members.get("$ref").and_then(Value::as_str)
                    && place.strip_prefix('#').is_none_or(|pointer| document.pointer(pointer).is_none())
                {
                    wrong.insert(format!("`$ref` to `{place}`, which is not in the file"));
                }
                open.extend(members.values());
            }
            _ => {}
        }
    }
    wrong.into_iter().collect()
}
