//! The YAML model.
//!
//! A document is read whole and every fault is told at once, by line and column.
//!
//! | code | what is wrong |
//! |---|---|
//! | `E-YAML-SYNTAX` | the bytes are no YAML of the accepted form, or are beyond a limit |
//! | `E-YAML-KEY` | a mapping has a key it does not know |
//! | `E-YAML-MISSING` | a mapping lacks a key it needs |
//! | `E-YAML-KIND` | a value is of another kind, such as the text `false` where a boolean is expected |
//! | `E-SCALAR-UNKNOWN` | a field's type is no scalar |
//! | `E-CARDINALITY-UNKNOWN` | a cardinality is neither `one` nor `many` |
//! | `E-TRIGGER-KIND`, `E-STEP-KIND` | the kind of a trigger or a step is not known |
//! | `E-ANNOTATION-TWICE` | two keys of annotations mean the same |
//!
//! # Source
//! Codegen, section 4.

mod mapping;
mod processes;
mod types;

use std::collections::BTreeMap;

use aw_alloy::text::{Node, yaml};

use super::{Accounting, Draft, Facts, Ontology, ReadOptions, Renames};
use crate::diagnostic::Diagnostic;
use crate::model::Model;
use mapping::Mapping;

/// The most values that anchors and aliases of one document stand for.
const ALIASED_MAX: usize = 10_000;

/// What the reader found wrong so far, and what it keeps beside the model.
#[derive(Default)]
struct Reading {
    found: Vec<Diagnostic>,
    renames: Renames,
    /// Where things stand, by pointer.
    places: BTreeMap<String, String>,
}

impl Reading {
    /// Notes where something stands; of two of one name, the second, which is the one told of.
    fn place(&mut self, pointer: String, at: &Node) {
        self.places.insert(pointer, at.at.to_string());
    }

    /// A fault at a place.
    fn fault(&mut self, code: &'static str, at: &Node, message: impl Into<String>) {
        self.found.push(Diagnostic::new(code, at.at.to_string(), message));
    }
}

pub(super) fn read(bytes: &[u8], options: &ReadOptions) -> Result<Draft, Vec<Diagnostic>> {
    let root = tree(bytes, options).map_err(|fault| vec![fault])?;
    let mut reading = Reading::default();
    let model = model(&root, &mut reading);
    for (given, own, what) in [(&options.version, &model.version, "version"), (&options.namespace, &model.namespace, "namespace")]
    {
        if let Some(given) = given.as_ref().filter(|given| *given != own) {
            let message = format!("the {what} is `{own}`, and `{given}` was asked for");
            reading.found.push(Diagnostic::new("E-YAML-KIND", what, message));
        }
    }
    if reading.found.iter().any(Diagnostic::is_error) {
        return Err(reading.found);
    }
    let ontology = Ontology {
        model,
        renames: reading.renames,
        graph_digest: None,
        facts: Facts::default(),
        lossy_ranges: Vec::new(),
        accounting: Accounting::default(),
        diagnostics: reading.found,
    };
    Ok(Draft { ontology, places: reading.places })
}

fn tree(bytes: &[u8], options: &ReadOptions) -> Result<Node, Diagnostic> {
    let syntax = |place: String, message: String| Diagnostic::new("E-YAML-SYNTAX", place, message);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        syntax(format!("line {line}"), format!("byte {} begins no UTF-8 character; expected UTF-8", before.len()))
    })?;
    yaml::parse_with_aliases(text, &options.limits.yaml, ALIASED_MAX).map_err(|error| {
        let hint = error.kind.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        syntax(error.at.to_string(), format!("{}{hint}", error.kind))
    })
}

fn model(root: &Node, reading: &mut Reading) -> Model {
    let Some(mut root) = Mapping::of(root, "a model", reading) else { return Model::default() };
    for key in ["version", "namespace"] {
        if let Some(node) = root.get(key) {
            reading.place(key.to_owned(), node);
        }
    }
    let model = Model {
        version: root.required_text("version", reading),
        namespace: root.required_text("namespace", reading),
        types: root.items("objectTypes", reading).iter().filter_map(|item| types::read(item, reading)).collect(),
        processes: root.items("processes", reading).iter().filter_map(|item| processes::read(item, reading)).collect(),
        ..Model::default()
    };
    root.finish(reading);
    model
}
