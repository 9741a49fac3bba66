//! Contracts from real ontologies, against LinkML, shacl2code, rdflib and pySHACL.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Bench, Keep, Row, remove, silent, write};
use crate::contest::{Contender, Sample, last_json, nothing};
use crate::error::BenchError;
use crate::job::spdx_document;
use crate::process::{Ended, measure};
use crate::report::{Section, Target, of, said, wall};

const CAT: &str = "cat schema.org";
const SCHEMA: &str = "generate, schema.org, four languages";
const LINKML: &str = "LinkML: gen-typescript, gen-pydantic, schema.org";
const SPDX: &str = "generate, SPDX, Python";
const SHACL2CODE: &str = "shacl2code, SPDX, Python";
const TURTLE: &str = "read Turtle, schema.org";
const RDFLIB: &str = "rdflib, schema.org";
const VALIDATE: &str = "validate, SPDX";
const PYSHACL: &str = "pySHACL, SPDX";
const HELP: &str = "alloyworks --help";

/// Packages of the document that is validated.
const PACKAGES: usize = 500;

/// The row.
pub const ROW: Row = Row {
    name: "codegen",
    contenders: &[CAT, SCHEMA, LINKML, SPDX, SHACL2CODE, TURTLE, RDFLIB, VALIDATE, PYSHACL, HELP],
    run,
    section,
};

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let scratch = bench.scratch(ROW.name)?;
    let (out, home, data, linkml) =
        (scratch.join("out"), scratch.join("home"), scratch.join("data.ttl"), scratch.join("linkml.yaml"));
    let mut contenders = vec![Contender {
        name: HELP,
        // Read from the disk before: what is measured is the program.
        prepare: Box::new(|| measure(Command::new(&bench.program).arg("--help")).map(drop)),
        command: Box::new(|| {
            let mut command = Command::new(&bench.program);
            command.arg("--help");
            command
        }),
        read: Box::new(silent),
    }];
    if let Some(folder) = &bench.ontologies {
        let (schema, spdx) = (folder.join("schemaorg-30.0.ttl"), folder.join("spdx-3.0.1-model.ttl"));
        write(&data, &spdx_document(PACKAGES))?;
        contenders.extend(ours(bench, &schema, &spdx, &data, &out, &home));
        if let Some(python) = &bench.python {
            measure(bench.script(python, "linkml_schema.py").args([&schema, &linkml]))?;
            contenders.extend(theirs(bench, python, &schema, &spdx, &data, &linkml));
        }
    }
    bench.contest(&ROW, &contenders, 3, keep)?;
    drop(contenders);
    remove(&scratch)
}

fn ours<'a>(bench: &'a Bench, schema: &Path, spdx: &Path, data: &'a Path, out: &'a Path, home: &'a Path) -> Vec<Contender<'a>> {
    // A forge that generated this before would find that nothing changed.
    let fresh = move || {
        remove(out)?;
        remove(home)
    };
    let generate = |source: &Path, version: &'static str, more: &'static [&'static str]| {
        let source = source.to_owned();
        move || {
            let mut command = Command::new(&bench.program);
            command.arg("--json").arg("--home").arg(home).args(["codegen", "generate"]).arg(&source).args(more);
            command.args(["--vocabulary", "ontology", "--namespace", "Bench.Contracts", "--ontology-version", version]);
            command.arg("--out").arg(out);
            command
        }
    };
    let generated = |ended: &Ended| {
        let result: Value = serde_json::from_str(&ended.out).map_err(|_| BenchError::Answer {
            command: "alloyworks codegen generate".into(),
            expected: "a document of JSON",
            got: ended.out.chars().take(200).collect(),
        })?;
        let said = result["diagnostics"].as_array().map_or(0, Vec::len);
        Ok(json!({"ontology": result["ontology"], "targets": result["targets"], "diagnostics": said}))
    };
    let (schema, spdx) = (schema.to_owned(), spdx.to_owned());
    let (cat, turtle, shapes) = (schema.clone(), schema.clone(), spdx.clone());
    let python: &'static [&'static str] = &["--target", "python"];
    let mut contenders = Vec::new();
    let mut add = |name, prepare: Box<dyn Fn() -> Result<(), BenchError> + 'a>, command: Box<dyn Fn() -> Command + 'a>, read| {
        contenders.push(Contender { name, prepare, command, read });
    };
    let reading = move || {
        let mut command = Command::new("cat");
        command.arg(&cat);
        command
    };
    add(CAT, Box::new(nothing), Box::new(reading), Box::new(silent));
    add(SCHEMA, Box::new(fresh), Box::new(generate(&schema, "30.0.0", &[])), Box::new(generated));
    add(SPDX, Box::new(fresh), Box::new(generate(&spdx, "3.0.1", python)), Box::new(generated));
    let reading = move || {
        let mut command = bench.job("read-turtle");
        command.arg(&turtle);
        command
    };
    add(TURTLE, Box::new(nothing), Box::new(reading), Box::new(last_json));
    let validating = move || {
        let mut command = bench.job("validate-shapes");
        command.arg(&shapes).arg(data);
        command
    };
    add(VALIDATE, Box::new(nothing), Box::new(validating), Box::new(last_json));
    contenders
}

fn theirs<'a>(
    bench: &'a Bench,
    python: &'a Path,
    schema: &Path,
    spdx: &Path,
    data: &'a Path,
    linkml: &'a Path,
) -> Vec<Contender<'a>> {
    let (schema, spdx, shapes) = (schema.to_owned(), spdx.to_owned(), spdx.to_owned());
    let both = move || {
        let mut command = Command::new("sh");
        let script = r#"for module in typescriptgen pydanticgen; do
            "$0" -c "from linkml.generators.$module import cli; cli()" "$1" > "$1.$module" || exit 1; done"#;
        command.args(["-c", script]).arg(python).arg(linkml);
        command
    };
    let shacl2code = move || {
        let mut command = Command::new(python);
        command.args(["-m", "shacl2code", "generate", "-i"]).arg(&spdx).args(["python", "-o"]).arg(linkml.with_extension("d"));
        command
    };
    let reading = move || {
        let mut command = bench.script(python, "read_turtle.py");
        command.arg(&schema);
        command
    };
    let validating = move || {
        let mut command = bench.script(python, "validate_shapes.py");
        command.arg(&shapes).arg(data);
        command
    };
    vec![
        Contender { name: LINKML, prepare: Box::new(nothing), command: Box::new(both), read: Box::new(silent) },
        Contender { name: SHACL2CODE, prepare: Box::new(nothing), command: Box::new(shacl2code), read: Box::new(silent) },
        Contender { name: RDFLIB, prepare: Box::new(nothing), command: Box::new(reading), read: Box::new(last_json) },
        Contender { name: PYSHACL, prepare: Box::new(nothing), command: Box::new(validating), read: Box::new(last_json) },
    ]
}

/// The time a contender measured itself, without starting and importing.
fn inside(sample: &Sample) -> f64 {
    said(sample, "seconds").unwrap_or(f64::NAN)
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Codegen", samples, ROW.contenders);
    section.say(
        "schema.org 30 (1.1 MB of Turtle, 17 949 triples) and SPDX 3.0.1 (180 KB). `generate` is the whole command with a fresh home: \
         reading, canonical form, model, four languages, files synced. LinkML reads no ontology: it is given schema.org as a schema of its \
         own, made beforehand, and writes two languages. shacl2code writes Python alone, and so does the command beside it. Reading and \
         validating are compared by the time each measures inside its process, without starting or importing; validating is of 500 \
         packages and the model against the model's shapes, both graphs read before.",
    );
    section.figure("said", |runs| {
        let text = |name: &str| {
            runs.first().and_then(|run| run.said.get(name)).filter(|value| !value.is_null()).map(ToString::to_string)
        };
        let counted = ["triples", "results"].into_iter().find_map(|name| Some(format!("{} {name}", text(name)?)));
        counted.unwrap_or_default()
    });
    let digest = |name: &str| of(samples, name).next().and_then(|sample| sample.said.get("digest").cloned());
    if let (Some(ours), Some(theirs)) = (digest(VALIDATE), digest(PYSHACL)) {
        let same = if ours == theirs { "are the same, line by line" } else { "**differ**" };
        section.say(format!("The results of validating and those of pySHACL {same}."));
    }
    type Value = fn(&Sample) -> f64;
    let ratios: [(&'static str, &str, &str, Value, f64); 4] = [
        ("LinkML, two languages / generate, four languages", LINKML, SCHEMA, wall, 100.0),
        ("shacl2code / generate, Python", SHACL2CODE, SPDX, wall, 10.0),
        ("inside: rdflib / read Turtle", RDFLIB, TURTLE, inside, 10.0),
        ("inside: pySHACL / validate", PYSHACL, VALIDATE, inside, 10.0),
    ];
    for (label, over, under, value, least) in ratios {
        section.ratio(samples, label, over, under, value);
        section.target(Target::at_least(label, section.median_ratio(label), least, ""));
    }
    section.ratio(samples, "generate, four languages / cat", SCHEMA, CAT, wall);
    let most = of(samples, SCHEMA).map(|sample| sample.taken.peak_resident_bytes).max();
    section.target(Target::at_most(
        "peak resident memory, schema.org, four languages",
        most.map(|bytes| bytes as f64 / 1e6),
        150.0,
        " MB",
    ));
    let help = of(samples, HELP).map(|sample| sample.taken.wall_s * 1e3);
    let found = crate::report::median(help);
    section.target(Target::at_most("`alloyworks --help`", (!found.is_nan()).then_some(found), 15.0, " ms"));
    section
}
