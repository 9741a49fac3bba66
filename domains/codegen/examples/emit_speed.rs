//! Emits a model of the size of schema.org to a folder, and says how long each target took. usage: emit_speed FOLDER
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::path::Path;
use std::time::Instant;

use codegen::emit::{Emitter, Options, Profile, Target};
use codegen::model::{Cardinality, Enumeration, Field, Model, ObjectType, Range, Relation, Scalar};

/// 920 types in a tree with some second superclasses, 2300 own members, 85 enumerations.
fn model() -> Model {
    let types = 920;
    let mut model = Model { version: "30.0.0".into(), namespace: "Schema.Org".into(), ..Model::default() };
    for at in 0..85 {
        let values = (0..7).map(|value| format!("Value{at}Of{value}")).collect();
        model.enumerations.push(Enumeration { name: format!("Enumeration{at}"), values, ..Enumeration::default() });
    }
    for at in 0..types {
        let mut object = ObjectType { name: format!("Type{at}"), ..ObjectType::default() };
        if at > 0 {
            object.extends.push(format!("Type{}", (at - 1) / 4));
        }
        if at % 12 == 11 {
            object.extends.push(format!("Type{}", (at - 5) / 3));
        }
        object.extends.sort();
        object.extends.dedup();
        // Types near the root have most of the members.
        let own = if at == 0 {
            13
        } else if at < 6 {
            45
        } else if at < 60 {
            12
        } else {
            2
        };
        for member in 0..own {
            let name = format!("member{at}Number{member}");
            let target = (at * 7 + member * 13) % types;
            let range = match member % 4 {
                0 => Range::Scalar(Scalar::ALL[(at + member) % 7]),
                1 => Range::OneOf(vec![Range::Scalar(Scalar::String), Range::Type(format!("Type{target}"))]),
                2 => Range::Enumeration(format!("Enumeration{}", target % 85)),
                _ => {
                    let targets = vec![format!("Type{target}")];
                    object.relations.push(Relation { name, targets, cardinality: Cardinality::Many, inverse: None });
                    continue;
                }
            };
            object.fields.push(Field { name, range, optional: member % 3 != 0, list: member % 3 == 0, default: None });
        }
        model.types.push(object);
    }
    model
}

fn main() {
    let folder = std::env::args_os().nth(1).unwrap();
    let model = model();
    let options = Options { profile: Profile::Wire, ..Options::new("0.1.0") };
    let start = Instant::now();
    let emitter = Emitter::new(&model, &options).unwrap();
    println!("resolved in {:?}", start.elapsed());
    let mut written = Vec::new();
    for target in Target::LANGUAGES {
        let start = Instant::now();
        let emitted = emitter.emit(target).unwrap();
        println!(
            "{target}: {:?}, {} bytes, {} diagnostics",
            start.elapsed(),
            emitted.files[0].bytes.len(),
            emitted.diagnostics.len()
        );
        written.push(emitted);
    }
    println!("all in {:?}", start.elapsed());
    for emitted in written {
        std::fs::write(Path::new(&folder).join(&emitted.files[0].path), &emitted.files[0].bytes).unwrap();
    }
}
