//! Object types, fields and relations.

use std::collections::BTreeMap;

use aw_alloy::text::{Node, Problem, Value};

use super::Reading;
use super::mapping::{self, Mapping};
use crate::model::{Cardinality, Field, ObjectType, Range, Relation, Scalar};

/// How the annotation `label` may be written.
const LABEL: [&str; 2] = ["rdfs:label", "http://www.w3.org/2000/01/rdf-schema#label"];

pub(super) fn read(node: &Node, reading: &mut Reading) -> Option<ObjectType> {
    let mut map = Mapping::of(node, "an object type", reading)?;
    let name = map.required_text("name", reading);
    reading.place(name.clone(), node);
    let annotations = map.get("annotations").map(|node| annotations(node, reading)).unwrap_or_default();
    let fields = map.items("fields", reading).iter().filter_map(|item| field(&name, item, reading)).collect();
    let relations = map.items("relations", reading).iter().filter_map(|item| relation(&name, item, reading)).collect();
    let state_property = map.text("stateProperty", reading);
    let states = map.texts("states", reading);
    if let Some(former) = map.text("renamedFrom", reading) {
        reading.renames.types.insert(name.clone(), former);
    }
    map.finish(reading);
    Some(ObjectType { name, extends: Vec::new(), fields, relations, annotations, state_property, states })
}

fn annotations(node: &Node, reading: &mut Reading) -> BTreeMap<String, String> {
    let Some(object) = node.as_object() else {
        reading.fault("E-YAML-KIND", node, format!("`annotations` is {}, expected a mapping", node.value.kind()));
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for member in object {
        let key = if LABEL.contains(&member.name.as_str()) { "label" } else { member.name.as_str() };
        let Some(text) = mapping::text(&member.value, key, reading) else { continue };
        if found.insert(key.to_owned(), text).is_some() {
            let at = Node { value: Value::Null, at: member.name_at };
            reading.fault(
                "E-ANNOTATION-TWICE",
                &at,
                format!("`{}` is another spelling of `{key}`, which is there already", member.name),
            );
        }
    }
    found
}

fn field(owner: &str, node: &Node, reading: &mut Reading) -> Option<Field> {
    let mut map = Mapping::of(node, "a field", reading)?;
    let name = map.required_text("name", reading);
    let written = map.required_text("type", reading);
    let short = written.strip_suffix("[]");
    let scalar = Scalar::from_name(short.unwrap_or(&written));
    if scalar.is_none() && !written.is_empty() {
        let at = map.get("type").unwrap_or(node);
        let known = Scalar::ALL.map(Scalar::name);
        let hint = Problem::new("unknown", "", "").suggest(&written, known).hint.unwrap_or_default();
        reading.fault("E-SCALAR-UNKNOWN", at, format!("`{written}` is no scalar type; {hint}"));
    }
    let optional = map.flag("optional", reading);
    if let Some(list) = map.get("list").filter(|list| short.is_some() && list.as_bool() == Some(false)) {
        reading.fault("E-YAML-KIND", list, format!("`list` is false, and the type `{written}` says list; expected one of them"));
    }
    let list = map.flag("list", reading) || short.is_some();
    let default = map.get("default").and_then(|node| default(node, reading));
    reading.place(format!("{owner}.{name}"), node);
    renamed(owner, &name, &mut map, reading);
    map.finish(reading);
    // Without a scalar there is a fault, and nothing is made of the model.
    Some(Field { name, range: Range::Scalar(scalar.unwrap_or(Scalar::Json)), optional, list, default })
}

/// A default is a text; numbers and booleans may be written without quotes and are kept as they are spelled.
fn default(node: &Node, reading: &mut Reading) -> Option<String> {
    match &node.value {
        Value::Number(number) => Some(number.lexeme().to_owned()),
        Value::Bool(value) => Some(value.to_string()),
        _ => mapping::text(node, "default", reading),
    }
}

fn relation(owner: &str, node: &Node, reading: &mut Reading) -> Option<Relation> {
    let mut map = Mapping::of(node, "a relation", reading)?;
    let name = map.required_text("name", reading);
    let target = map.required_text("target", reading);
    let cardinality = match map.get("cardinality") {
        None => Cardinality::One,
        Some(node) => match node.as_str() {
            Some("one") => Cardinality::One,
            Some("many") => Cardinality::Many,
            _ => {
                reading.fault("E-CARDINALITY-UNKNOWN", node, "a cardinality is something else; expected `one` or `many`");
                Cardinality::One
            }
        },
    };
    let inverse = map.text("inverse", reading);
    reading.place(format!("{owner}.{name}"), node);
    renamed(owner, &name, &mut map, reading);
    map.finish(reading);
    Some(Relation { name, targets: vec![target], cardinality, inverse })
}

fn renamed(owner: &str, name: &str, map: &mut Mapping<'_>, reading: &mut Reading) {
    if let Some(former) = map.text("renamedFrom", reading) {
        reading.renames.members.insert((owner.to_owned(), name.to_owned()), former);
    }
}
