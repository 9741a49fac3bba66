//! The front ends of the code generator: YAML models, models as JSON, ontologies in Turtle and JSON-LD. No panic; what is read is a checked
//! model, is the same when read again, survives its own JSON, and every target either takes it or says why not. The first byte says
//! which front end it is.
#![no_main]

use codegen::diff::diff;
use codegen::emit::{Emitter, Options, Target};
use codegen::input::{Format, Limits, ReadOptions, Vocabulary, read};
use codegen::model::{Model, ModelDigest, check, from_ir_json, ir_json};
use libfuzzer_sys::fuzz_target;

/// What seeds leave out.
const PREFIXES: &str = "@prefix f: <urn:alloyworks:forge#> . @prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <http://e/m#> . \
    @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . \
    @prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix schema: <https://schema.org/> . \
    @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n";

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let turtle = || [PREFIXES.as_bytes(), bytes].concat();
    let found = match first % 5 {
        0 => ontology(bytes, Format::Yaml, Vocabulary::Forge),
        1 => ontology(&turtle(), Format::Turtle, Vocabulary::Forge),
        2 => ontology(&turtle(), Format::Turtle, Vocabulary::Ontology),
        3 => ontology(bytes, Format::JsonLd, Vocabulary::Auto),
        _ => serde_json::from_slice(bytes).ok().and_then(|json| from_ir_json(&json).ok()),
    };
    let Some(model) = found else { return };
    // A model as JSON is of the right form; whether it makes sense is what checking says.
    if !check(&model).is_empty() {
        return;
    }
    let again = from_ir_json(&ir_json(&model)).expect("a model's own JSON is one");
    assert_eq!(ModelDigest::of(&again), ModelDigest::of(&model));
    assert!(diff(&model, &again, &Default::default()).changes.is_empty(), "a model differs from itself");
    let options = Options::new("0.1.0");
    let emitter = Emitter::new(&model, &options).expect("a checked model has no cycles");
    for target in Target::ALL {
        match (emitter.emit(target), emitter.emit(target)) {
            (Ok(emitted), Ok(again)) => {
                assert_eq!(emitted, again);
                for file in &emitted.files {
                    let text = std::str::from_utf8(&file.bytes).expect("UTF-8");
                    assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains('\0'), "{target}");
                }
            }
            (Err(found), Err(_)) => assert!(found.iter().any(|it| it.is_error()), "refused without a reason"),
            _ => panic!("once emitted, once not"),
        }
    }
});

/// Reads an ontology; what is wrong has an error, what is right is read the same way again.
fn ontology(bytes: &[u8], format: Format, vocabulary: Vocabulary) -> Option<Model> {
    let mut limits = Limits::default();
    limits.rdf.nesting = 30;
    limits.canonical.steps = 20_000;
    let version = (vocabulary == Vocabulary::Ontology).then(|| "1.0.0".to_owned());
    let namespace = version.is_some().then(|| "A.B".to_owned());
    let options = ReadOptions { vocabulary, version, namespace, limits, ..ReadOptions::default() };
    match (read(bytes, format, &options), read(bytes, format, &options)) {
        (Ok(ontology), Ok(again)) => {
            assert_eq!(ontology.accounting.accounted(), ontology.accounting.triples, "a triple got lost");
            assert_eq!(ontology.diagnostics, again.diagnostics);
            assert_eq!(ontology.model, again.model);
            assert!(check(&ontology.model).is_empty(), "what is read is checked");
            Some(ontology.model)
        }
        (Err(found), Err(again)) => {
            assert!(found.iter().any(|it| it.is_error()), "refused without a reason");
            assert_eq!(found, again);
            None
        }
        _ => panic!("once read, once not"),
    }
}
