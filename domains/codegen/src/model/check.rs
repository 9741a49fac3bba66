//! What a model has to satisfy before anything is made of it.
//!
//! | code | what is wrong |
//! |---|---|
//! | `E-VERSION` | the version is not a semantic version |
//! | `E-NAMESPACE` | the namespace is not identifiers joined by dots |
//! | `E-NAME-TYPE` | the name of a type or enumeration is not `^[A-Z][A-Za-z0-9]*$` |
//! | `E-NAME-MEMBER` | the name of a field or relation is not `^[A-Za-z][A-Za-z0-9_-]*$` |
//! | `E-NAME-LONG` | a name has more than [`NAME_MAX`] characters |
//! | `E-NAME-COLLISION` | two types, or two members of a type, are equal, or would be in some language |
//! | `E-FIELD-LIST-OPTIONAL` | a field is a list and optional |
//! | `E-DEFAULT` | a default is not a value of its field, or its field can have none |
//! | `E-RANGE-INVALID` | a range names what is not declared, or is not two or more different sorted alternatives |
//! | `E-TARGET-UNKNOWN` | a relation points to a type that is not declared, or to nothing |
//! | `E-INVERSE` | an inverse is no relation of the target, or does not point back |
//! | `E-STATE-PROPERTY` | states without a state property, or one that is not a string field |
//! | `E-STATES` | there are no states, an empty one, or one twice |
//! | `E-ENUMERATION-VALUES` | an enumeration has no values, an empty one, or one twice |
//! | `E-EXTENDS-UNKNOWN` | a superclass is not declared, is named twice, or is out of order |
//! | `E-SUBCLASS-CYCLE` | a type is its own superclass |
//! | `E-MEMBER-INHERITED` | a member repeats an inherited one, or two superclasses disagree on one |
//! | `E-MODEL-SIZE` | superclasses multiply beyond [`INHERITANCE_MAX`] |
//! | `E-PROCESS-ID` | a process's id is no XML name, too long, or used twice |
//! | `E-PROCESS-EMPTY` | a process has no steps |
//! | `E-STEP-NAME` | a step's name is no XML name, is `start`, or is used twice |
//! | `E-STEP-NEXT` | a step is followed by one that is not there |
//! | `E-STEP-CALLS` | a step of the kind `call` does not say which process it calls |
//!
//! That scalars, cardinalities, kinds of triggers and kinds of steps are known is held by the types of the model; what reads a model
//! from text says so there.
//!
//! # Source
//! Codegen, sections 2 and 5.

mod defaults;
mod inheritance;
mod members;
mod processes;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::{Enumeration, Model, ObjectType, is_namespace, is_type_name};
use crate::diagnostic::{self, Diagnostic};

/// The longest name of anything, in characters: names become file names and identifiers.
pub const NAME_MAX: usize = 200;

/// The most pairs of a type and one of its superclasses, direct or not.
pub const INHERITANCE_MAX: usize = 2_000_000;

/// Says everything that is wrong with a model, sorted; nothing when it may be generated from.
///
/// # Determinism
/// The same model gives the same list. Time grows with the size of the model and with the pairs of types and superclasses, which
/// [`INHERITANCE_MAX`] bounds.
pub fn check(model: &Model) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if semver::Version::parse(&model.version).is_err() {
        let message = format!("the version is `{}`, expected a semantic version such as `1.0.0`", shown(&model.version));
        found.push(Diagnostic::new("E-VERSION", "version", message));
    }
    if !is_namespace(&model.namespace) {
        let message = format!(
            "the namespace is `{}`, expected identifiers joined by dots, such as `Example.Contracts`",
            shown(&model.namespace)
        );
        found.push(Diagnostic::new("E-NAMESPACE", "namespace", message));
    }
    let names = Names::of(model, &mut found);
    for object in &model.types {
        members::check(object, &names, &mut found);
    }
    for enumeration in &model.enumerations {
        values("E-ENUMERATION-VALUES", "value", &enumeration.name, &enumeration.values, &mut found);
    }
    if let Some(lineage) = inheritance::check(&names, &mut found) {
        members::check_inverses(&names, &lineage, &mut found);
    }
    processes::check(&model.processes, &mut found);
    diagnostic::sort(&mut found);
    found
}

/// The declarations by name; of two that have one name, the first.
struct Names<'a> {
    model: &'a Model,
    types: HashMap<&'a str, &'a ObjectType>,
    enumerations: HashMap<&'a str, &'a Enumeration>,
}

impl<'a> Names<'a> {
    fn of(model: &'a Model, found: &mut Vec<Diagnostic>) -> Self {
        let mut names = Self { model, types: HashMap::new(), enumerations: HashMap::new() };
        for object in &model.types {
            type_name(&object.name, "type", found);
            match names.types.entry(&object.name) {
                Entry::Occupied(_) => found.push(twice(&object.name, "type", "a type")),
                Entry::Vacant(place) => drop(place.insert(object)),
            }
        }
        for enumeration in &model.enumerations {
            type_name(&enumeration.name, "enumeration", found);
            if names.types.contains_key(enumeration.name.as_str()) {
                found.push(twice(&enumeration.name, "enumeration", "a type"));
            } else if names.enumerations.insert(&enumeration.name, enumeration).is_some() {
                found.push(twice(&enumeration.name, "enumeration", "an enumeration"));
            }
        }
        names
    }
}

fn twice(name: &str, what: &str, other: &str) -> Diagnostic {
    let message = format!("{what} `{name}` has the name of {other} before it; expected a name of its own");
    Diagnostic::new("E-NAME-COLLISION", name, message)
}

fn type_name(name: &str, what: &str, found: &mut Vec<Diagnostic>) {
    if !is_type_name(name) {
        let message = format!("`{}` cannot name a {what}, expected `^[A-Z][A-Za-z0-9]*$`", shown(name));
        found.push(Diagnostic::new("E-NAME-TYPE", shown(name), message));
    }
    length(name, &shown(name), found);
}

fn length(name: &str, subject: &str, found: &mut Vec<Diagnostic>) {
    let characters = name.chars().count();
    if characters > NAME_MAX {
        let message = format!("a name has {characters} characters, expected at most {NAME_MAX}");
        found.push(Diagnostic::new("E-NAME-LONG", subject, message));
    }
}

/// Values of a closed set: some, none empty, all different.
fn values(code: &'static str, what: &str, subject: &str, values: &[String], found: &mut Vec<Diagnostic>) {
    if values.is_empty() {
        found.push(Diagnostic::new(code, subject, format!("there is no {what}, expected at least one")));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    for (value, count) in counts {
        if value.is_empty() || value.chars().any(char::is_control) {
            let message = format!("{what} `{}` is empty or holds control characters, expected text", shown(value));
            found.push(Diagnostic::new(code, subject, message));
        }
        if count > 1 {
            found.push(Diagnostic::new(code, subject, format!("{what} `{}` appears {count} times, expected once", shown(value))));
        }
    }
}

/// A name as a message shows it: short, on one line.
fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(NAME_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(NAME_MAX).is_some() {
        text.push('…');
    }
    text
}
