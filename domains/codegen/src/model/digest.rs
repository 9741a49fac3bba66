//! The model's identity.

use std::fmt;

use aw_alloy::digest::Digest;
use aw_alloy::text::{Node, canonical};
use serde_json::{Value, json};

use super::{Enumeration, Field, Model, ObjectType, Process, Range, Relation, Step};

/// SHA-256 of the RFC 8785 form of the model's JSON: equal models have one digest, whatever they were read from.
///
/// # Source
/// Codegen, section 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelDigest(pub Digest);

impl ModelDigest {
    /// The digest of a model.
    pub fn of(model: &Model) -> Self {
        let bytes = canonical::to_bytes(&Node::from_serde(&ir_json(model)));
        Self(Digest::of(&bytes.expect("a model holds texts, booleans and null, which all have a canonical form")))
    }

    /// The ontology key: the first 16 hexadecimal digits.
    pub fn key(&self) -> String {
        self.0.hex()[..16].to_owned()
    }

    /// `ontology@<key>`.
    pub fn ontology(&self) -> String {
        format!("ontology@{}", self.key())
    }
}

impl fmt::Display for ModelDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.hex())
    }
}

/// The model as JSON: every member present, absent values null, lists in model order.
///
/// # Source
/// Codegen, section 2. The second revision adds `enumerations` to the model and `extends` to types, and writes ranges other than one
/// scalar and several targets as `{"oneOf": […]}`, `{"enumeration": …}` and `{"type": …}`.
pub fn ir_json(model: &Model) -> Value {
    let first = model.is_first_revision();
    let types: Vec<Value> = model.types.iter().map(|object| object_type(object, first)).collect();
    let processes: Vec<Value> = model.processes.iter().map(process).collect();
    let mut json = json!({
        "ir": if first { "1" } else { "2" },
        "version": model.version,
        "namespace": model.namespace,
        "types": types,
        "processes": processes,
    });
    if !first {
        json["enumerations"] = model.enumerations.iter().map(enumeration).collect();
    }
    json
}

fn object_type(object: &ObjectType, first: bool) -> Value {
    let mut json = json!({
        "name": object.name,
        "annotations": object.annotations,
        "fields": object.fields.iter().map(field).collect::<Vec<_>>(),
        "relations": object.relations.iter().map(relation).collect::<Vec<_>>(),
        "state_property": object.state_property,
        "states": object.states,
    });
    if !first {
        json["extends"] = json!(object.extends);
    }
    json
}

fn field(field: &Field) -> Value {
    json!({
        "name": field.name,
        "type": range(&field.range),
        "optional": field.optional,
        "list": field.list,
        "default": field.default,
    })
}

fn range(of: &Range) -> Value {
    match of {
        Range::Scalar(scalar) => json!(scalar.name()),
        Range::Enumeration(name) => json!({"enumeration": name}),
        Range::Type(name) => json!({"type": name}),
        Range::OneOf(alternatives) => json!({"oneOf": alternatives.iter().map(range).collect::<Vec<_>>()}),
    }
}

fn relation(relation: &Relation) -> Value {
    let target = match relation.targets.as_slice() {
        [one] => json!(one),
        several => json!({"oneOf": several}),
    };
    json!({
        "name": relation.name,
        "target": target,
        "cardinality": relation.cardinality.name(),
        "inverse": relation.inverse,
    })
}

fn enumeration(enumeration: &Enumeration) -> Value {
    json!({"name": enumeration.name, "values": enumeration.values, "annotations": enumeration.annotations})
}

fn process(process: &Process) -> Value {
    json!({
        "id": process.id,
        "name": process.name,
        "trigger": {
            "kind": process.trigger.kind.name(),
            "subject": process.trigger.subject,
            "schedule": process.trigger.schedule,
        },
        "steps": process.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    json!({
        "name": step.name,
        "kind": step.kind.name(),
        "performer": step.performer,
        "calls": step.calls,
        "subject": step.subject,
        "timeout": step.timeout,
        "condition": step.condition,
        "next": step.next,
    })
}
