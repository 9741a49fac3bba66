//! Real ontologies: their contracts compile in every language, and what has no counterpart is reported.

use std::time::Instant;

use codegen::emit::{Emitter, Options, Target};
use codegen::input::{Document, Format, Limits, ReadOptions, Vocabulary, read};
use codegen::smoke::Smoke;

use super::toolchain;

fn options(version: &str, namespace: &str) -> ReadOptions {
    ReadOptions {
        vocabulary: Vocabulary::Ontology,
        version: Some(version.to_owned()),
        namespace: Some(namespace.to_owned()),
        limits: Limits::default(),
        ..ReadOptions::default()
    }
}

/// Every language of an ontology in `../shared/ontologies` compiles; skipped, loudly, where that is not there.
fn compiles(name: &str, options: &ReadOptions) {
    let Some(folder) = aw_testkit::shared("ontologies") else { return };
    let bytes = std::fs::read(folder.join(name)).unwrap();
    let ontology =
        read(&bytes, Format::Turtle, options).unwrap_or_else(|found| panic!("{name}: {:#?}", &found[..found.len().min(9)]));
    let options = Options::new("0.1.0");
    let start = Instant::now();
    let emitter = Emitter::new(&ontology.model, &options).unwrap();
    let made: Vec<_> = Target::ALL
        .into_iter()
        .filter(|target| *target != Target::Sql)
        .map(|target| {
            emitter.emit(target).unwrap_or_else(|errors| panic!("{name} {target}: {:#?}", &errors[..errors.len().min(9)]))
        })
        .collect();
    println!("{name}: emitted in {:?}", start.elapsed());
    for emitted in made {
        let bytes: usize = emitted.files.iter().map(|file| file.bytes.len()).sum();
        let start = Instant::now();
        let outcome = toolchain().smoke(&emitted).unwrap();
        println!("{name} {}: {bytes} bytes, {} diagnostics, {:?}", emitted.target, emitted.diagnostics.len(), start.elapsed());
        if let Smoke::Skipped { missing } = &outcome {
            eprintln!("skipped: {name} is not compiled as {} without {missing}", emitted.target);
        }
        assert!(!matches!(outcome, Smoke::Failed { .. }), "{name} {}: {outcome:#?}", emitted.target);
        if ontology.model.types.iter().any(|object| !object.extends.is_empty()) && emitted.target == Target::Rust {
            assert!(emitted.diagnostics.iter().any(|one| one.code == "W-NOT-EMITTED"), "{name}: superclasses are lost in Rust");
        }
    }
}

#[test]
#[ignore = "rustc takes minutes for five megabytes; `make parity` runs it"]
fn schema_org_compiles() {
    compiles("schemaorg-30.0.ttl", &options("30.0.0", "Schema.Org"));
}

#[test]
fn spdx_compiles() {
    compiles("spdx-3.0.1-model.ttl", &options("3.0.1", "Spdx"));
}

#[test]
fn dcat_compiles() {
    compiles("dcat3.ttl", &ReadOptions { vocabulary: Vocabulary::Auto, ..ReadOptions::default() });
}

#[test]
fn sosa_compiles() {
    let Some(folder) = aw_testkit::shared("ontologies") else { return };
    let bytes = std::fs::read(folder.join("sosa-observation.ttl")).unwrap();
    let imports = vec![Document { name: "sosa-observation.ttl".to_owned(), bytes, format: Format::Turtle }];
    compiles("sosa-common.ttl", &ReadOptions { imports, ..options("1.0.0", "Sosa") });
}
