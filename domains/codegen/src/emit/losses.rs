//! What a target does not say of the model.
//!
//! # Source
//! Codegen, sections 9 and 14: emitted, or reported per target and thing lost.

use crate::diagnostic::Diagnostic;
use crate::model::{Field, ObjectType, Range, Relation, Scalar};

use super::python;
use super::resolve::Resolved;
use super::{Profile, Target};

/// Everything a language's file does not say of the model.
pub(super) fn of(resolved: &Resolved<'_>, target: Target, profile: Profile) -> Vec<Diagnostic> {
    let mut losses = Losses { target, found: Vec::new() };
    for (at, object) in resolved.model.types.iter().enumerate() {
        losses.object(object, profile);
        for field in &object.fields {
            losses.field(object, field);
        }
        for relation in &object.relations {
            losses.relation(object, relation);
        }
        for name in &resolved.replaced[at] {
            if !object.fields.iter().any(|field| field.name == *name) && !object.relations.iter().any(|one| one.name == *name) {
                losses.lost(
                    format!("{}.{name}", object.name),
                    "superclasses declare it differently; the first of them counts".to_owned(),
                );
            }
        }
    }
    for one in &resolved.model.enumerations {
        let keys = others(one.annotations.keys(), target == Target::Typescript);
        losses.annotations(&one.name, &keys);
    }
    if target == Target::Python {
        for (at, bases) in python::ordered_bases(resolved).iter().enumerate() {
            if bases.is_empty() && !resolved.parents[at].is_empty() {
                let message = "Python cannot order its superclasses: its class has their members and inherits from none of them";
                losses.lost(resolved.object(at).name.clone(), message.to_owned());
            }
        }
    }
    losses.found
}

fn others<'a>(keys: impl Iterator<Item = &'a String>, with_label: bool) -> Vec<&'a str> {
    keys.map(String::as_str).filter(|key| with_label || *key != "label").collect()
}

struct Losses {
    target: Target,
    found: Vec<Diagnostic>,
}

impl Losses {
    fn lost(&mut self, subject: String, message: String) {
        self.found.push(Diagnostic::new("W-NOT-EMITTED", subject, message).for_target(self.target.name()));
    }

    fn annotations(&mut self, subject: &str, keys: &[&str]) {
        if !keys.is_empty() {
            self.lost(subject.to_owned(), format!("annotations that do not stand in the file: {}", keys.join(", ")));
        }
    }

    fn object(&mut self, object: &ObjectType, profile: Profile) {
        let keys = others(object.annotations.keys(), self.target == Target::Typescript);
        self.annotations(&object.name, &keys);
        if !object.extends.is_empty() && self.target == Target::Rust {
            let message = format!(
                "the struct has the members of {}, and cannot stand where one of these is asked for",
                object.extends.join(", ")
            );
            self.lost(object.name.clone(), message);
        }
        if let Some(state) =
            object.state_property.as_deref().filter(|state| !object.fields.iter().any(|field| field.name == *state))
        {
            self.lost(object.name.clone(), format!("its states: `{state}` is inherited, and is what the superclass says"));
        }
        if !object.relations.is_empty() {
            let names: Vec<&str> = object.relations.iter().map(|relation| relation.name.as_str()).collect();
            match (self.target, profile) {
                (Target::Csharp, _) => {
                    let message = format!("relations stand in the projection interface, not in the record: {}", names.join(", "));
                    self.lost(object.name.clone(), message);
                }
                (Target::Typescript, Profile::Plain) => {
                    self.lost(object.name.clone(), format!("the schema drops relations when it parses: {}", names.join(", ")));
                }
                (Target::Typescript, Profile::Wire) => {
                    self.lost(object.name.clone(), format!("the schema lets relations pass unchecked: {}", names.join(", ")));
                }
                _ => {}
            }
        }
    }

    fn field(&mut self, object: &ObjectType, field: &Field) {
        let subject = || format!("{}.{}", object.name, field.name);
        if let Some(default) = &field.default
            && (self.target != Target::Python || !python::writes_default(field))
        {
            self.lost(subject(), format!("the default {default:?}"));
        }
        if self.target == Target::Typescript && holds_long(&field.range) {
            let message = "64 bit integers are numbers in TypeScript, exact up to 9007199254740991 only";
            self.found.push(Diagnostic::new("W-LONG-53BIT", subject(), message).for_target(self.target.name()));
        }
        if let (Range::OneOf(several), Target::Csharp | Target::Rust) = (&field.range, self.target) {
            let several: Vec<String> = several.iter().map(name).collect();
            self.lost(subject(), format!("that it is one of {}: any JSON value is taken", several.join(", ")));
        }
    }

    fn relation(&mut self, object: &ObjectType, relation: &Relation) {
        let subject = || format!("{}.{}", object.name, relation.name);
        if let Some(inverse) = &relation.inverse {
            self.lost(subject(), format!("its inverse `{inverse}`"));
        }
        if relation.targets.len() != 1 && matches!(self.target, Target::Csharp | Target::Rust) {
            self.lost(subject(), format!("that it points to one of {}: any JSON value is taken", relation.targets.join(", ")));
        }
    }
}

fn holds_long(range: &Range) -> bool {
    match range {
        Range::Scalar(Scalar::Long) => true,
        Range::OneOf(several) => several.iter().any(holds_long),
        _ => false,
    }
}

fn name(range: &Range) -> String {
    match range {
        Range::Scalar(scalar) => scalar.name().to_owned(),
        Range::Enumeration(name) | Range::Type(name) => name.clone(),
        Range::OneOf(several) => several.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}
