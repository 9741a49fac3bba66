//! JSON Schema 2020-12 of the wire, and the same as components of OpenAPI 3.1.

use serde_json::{Map, Value, json};

use crate::diagnostic::Diagnostic;
use crate::model::{Cardinality, Field, Model, ObjectType, Range, Relation, Scalar};

use super::header::Meta;
use super::resolve::{MemberRef, Resolved, is_state};
use super::{File, Symbol, Target, text};

/// The file, what it declares and what it leaves out. `target` is one of the two.
pub(super) fn emit(resolved: &Resolved<'_>, target: Target, meta: &Meta<'_>) -> (File, Vec<Symbol>, Vec<Diagnostic>) {
    let prefix = if target == Target::Openapi { "#/components/schemas/" } else { "#/$defs/" };
    let schemas = Schemas { resolved, prefix };
    let mut all = Map::new();
    let mut symbols = Vec::new();
    for one in &resolved.model.enumerations {
        let mut schema = described(&one.name, one.annotations.get("label"), one.annotations.get("comment"));
        schema.insert("enum".to_owned(), json!(one.values));
        all.insert(one.name.clone(), Value::Object(schema));
        symbols.push(Symbol { subject: one.name.clone(), name: one.name.clone() });
    }
    for (at, object) in resolved.model.types.iter().enumerate() {
        all.insert(object.name.clone(), schemas.object(at, object));
        symbols.push(Symbol { subject: object.name.clone(), name: object.name.clone() });
        let names = object.fields.iter().map(|field| &field.name).chain(object.relations.iter().map(|relation| &relation.name));
        symbols.extend(names.map(|name| {
            let name = format!("{}.{name}", object.name);
            Symbol { subject: name.clone(), name }
        }));
    }
    let model = resolved.model;
    let document = match target {
        Target::Openapi => json!({
            "openapi": "3.1.0",
            "info": {"title": model.namespace, "version": model.version, "description": meta.lines().join("\n")},
            "paths": {},
            "components": {"schemas": all},
        }),
        _ => json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": format!("urn:alloyworks:contracts:{}", meta.ontology()),
            "$comment": meta.lines().join("\n"),
            "title": model.namespace,
            "$defs": all,
        }),
    };
    (File { path: target.file().to_owned(), bytes: text::json(&document) }, symbols, losses(model, target))
}

fn described(name: &str, label: Option<&String>, comment: Option<&String>) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("title".to_owned(), json!(label.map_or(name, String::as_str)));
    if let Some(comment) = comment {
        schema.insert("description".to_owned(), json!(comment));
    }
    schema
}

struct Schemas<'a, 'm> {
    resolved: &'a Resolved<'m>,
    prefix: &'static str,
}

impl Schemas<'_, '_> {
    fn object(&self, at: usize, object: &ObjectType) -> Value {
        let resolved = self.resolved;
        let members = &resolved.members[at];
        // A schema adds to what a superclass asks and takes nothing back: a type that has a member otherwise holds all of them itself.
        let inherits = resolved.replaced[at].is_empty() && !resolved.parents[at].is_empty();
        let own = |member: &&MemberRef| !inherits || member.owner == at;
        let mut properties = Map::new();
        let mut required = Vec::new();
        for member in members.fields.iter().filter(own) {
            let field = resolved.field(*member);
            properties.insert(field.name.clone(), self.field(resolved.object(member.owner), field));
            if !field.optional && !field.list && field.default.is_none() {
                required.push(json!(field.name));
            }
        }
        for member in members.relations.iter().filter(own) {
            let relation = resolved.relation(*member);
            properties.insert(relation.name.clone(), self.relation(relation));
        }
        let mut schema = described(&object.name, object.annotations.get("label"), object.annotations.get("comment"));
        schema.insert("type".to_owned(), json!("object"));
        if inherits {
            let parents = resolved.parents[at].iter().map(|parent| self.reference(&resolved.object(*parent).name));
            schema.insert("allOf".to_owned(), parents.collect());
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
        Value::Object(schema)
    }

    fn reference(&self, name: &str) -> Value {
        json!({"$ref": format!("{}{name}", self.prefix)})
    }

    fn field(&self, object: &ObjectType, field: &Field) -> Value {
        let one = if is_state(object, field) { json!({"enum": object.states}) } else { self.range(&field.range) };
        let mut schema = match field {
            Field { list: true, .. } => json!({"type": "array", "items": one}),
            Field { optional: true, .. } => json!({"anyOf": [one, {"type": "null"}]}),
            _ => one,
        };
        if let (Some(default), Value::Object(schema)) = (default(field), &mut schema) {
            schema.insert("default".to_owned(), default);
        }
        schema
    }

    fn range(&self, range: &Range) -> Value {
        match range {
            Range::Scalar(scalar) => self::scalar(*scalar),
            Range::Enumeration(name) | Range::Type(name) => self.reference(name),
            Range::OneOf(several) => json!({"anyOf": several.iter().map(|one| self.range(one)).collect::<Vec<_>>()}),
        }
    }

    fn relation(&self, relation: &Relation) -> Value {
        let mut targets: Vec<Value> = relation.targets.iter().map(|target| self.reference(target)).collect();
        match relation.cardinality {
            Cardinality::One => {
                targets.push(json!({"type": "null"}));
                json!({"anyOf": targets})
            }
            Cardinality::Many if targets.len() == 1 => json!({"type": "array", "items": targets[0]}),
            Cardinality::Many => json!({"type": "array", "items": {"anyOf": targets}}),
        }
    }
}

fn scalar(scalar: Scalar) -> Value {
    match scalar {
        Scalar::String => json!({"type": "string"}),
        Scalar::Int => json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX}),
        // Its bounds are no exact numbers to most readers of JSON.
        Scalar::Long => json!({"type": "integer", "format": "int64"}),
        Scalar::Float => json!({"type": "number", "format": "double"}),
        Scalar::Bool => json!({"type": "boolean"}),
        Scalar::Datetime => json!({"type": "string", "format": "date-time"}),
        Scalar::Uuid => json!({"type": "string", "format": "uuid"}),
        Scalar::Json => json!({}),
    }
}

/// A default as JSON; `None` when there is none or its range has no literals.
fn default(field: &Field) -> Option<Value> {
    let text = field.default.as_deref()?;
    match &field.range {
        Range::Scalar(Scalar::String) | Range::Enumeration(_) => Some(json!(text)),
        Range::Scalar(Scalar::Int | Scalar::Long) => {
            text.parse::<i64>().ok().filter(|number| number.abs_diff(0) < 1 << 53).map(|number| json!(number))
        }
        Range::Scalar(Scalar::Float) => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number)),
        Range::Scalar(Scalar::Bool) => match text {
            "true" | "1" => Some(json!(true)),
            "false" | "0" => Some(json!(false)),
            _ => None,
        },
        _ => None,
    }
}

fn losses(model: &Model, target: Target) -> Vec<Diagnostic> {
    let lost = |subject: String, message: String| Diagnostic::new("W-NOT-EMITTED", subject, message).for_target(target.name());
    let mut losses = Vec::new();
    let mut annotations = |name: &str, keys: Vec<&str>| {
        if !keys.is_empty() {
            losses.push(lost(name.to_owned(), format!("annotations that do not stand in the file: {}", keys.join(", "))));
        }
    };
    let others = |key: &&String| !matches!(key.as_str(), "label" | "comment");
    for one in &model.enumerations {
        annotations(&one.name, one.annotations.keys().filter(others).map(String::as_str).collect());
    }
    for object in &model.types {
        annotations(&object.name, object.annotations.keys().filter(others).map(String::as_str).collect());
    }
    for object in &model.types {
        for relation in &object.relations {
            if let Some(inverse) = &relation.inverse {
                losses.push(lost(format!("{}.{}", object.name, relation.name), format!("its inverse `{inverse}`")));
            }
        }
        for field in object.fields.iter().filter(|field| field.default.is_some() && default(field).is_none()) {
            losses.push(lost(format!("{}.{}", object.name, field.name), format!("the default {:?}", field.default)));
        }
    }
    losses
}
