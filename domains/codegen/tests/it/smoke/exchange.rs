//! Objects that go round the languages come back as the JSON they were.

use std::path::{Path, PathBuf};
use std::process::Command;

use codegen::emit::{Options, Target, emit};
use codegen::model::{Cardinality, Enumeration, Field, Model, ObjectType, Range, Scalar};
use serde_json::{Value, json};

use super::toolchain;
use crate::reference::{field, relation};

/// How many objects of each type go round.
const COUNT: usize = 150;

fn model() -> Model {
    let named = |name: &str, scalar, optional, list| Field { optional, list, ..field(name, scalar) };
    let mut fields = Vec::new();
    for scalar in Scalar::ALL {
        let name = scalar.name();
        fields.push(named(&format!("one{}", name.to_ascii_uppercase()), scalar, false, false));
        fields.push(named(&format!("maybe-{name}"), scalar, true, false));
        fields.push(named(&format!("Many_{name}"), scalar, false, true));
    }
    // Names with another use in some language.
    fields.extend(
        ["class", "self", "type", "json", "list", "toString", "model_config", "namespace"]
            .map(|name| field(name, Scalar::String)),
    );
    fields.push(field("life-cycle", Scalar::String));
    let colour = Range::Enumeration("Colour".to_owned());
    fields.push(Field { range: colour.clone(), ..field("shade", Scalar::String) });
    fields.push(Field { range: colour.clone(), list: true, ..field("shades", Scalar::String) });
    let several = Range::OneOf(vec![Range::Scalar(Scalar::Bool), Range::Scalar(Scalar::Float), Range::Scalar(Scalar::String)]);
    fields.push(Field { range: several, optional: true, ..field("several", Scalar::String) });
    let base = ObjectType {
        name: "Base".to_owned(),
        fields,
        state_property: Some("life-cycle".to_owned()),
        states: ["draft", "in-review", "Äny 2nd one"].map(str::to_owned).to_vec(),
        ..ObjectType::default()
    };
    let mut late = Range::OneOf(vec![Range::Scalar(Scalar::String), Range::Type("Linked".to_owned())]);
    if let Range::OneOf(several) = &mut late {
        several.sort();
    }
    let leaf = |name: &str, fields: Vec<Field>, relations| ObjectType {
        name: name.to_owned(),
        extends: vec!["Base".to_owned()],
        fields,
        relations,
        ..ObjectType::default()
    };
    Model {
        version: "1.0.0".into(),
        namespace: "Round.Trip".into(),
        types: vec![
            leaf("Flat", vec![field("extraOne", Scalar::Int)], vec![]),
            ObjectType {
                fields: vec![Field { range: late, ..field("either", Scalar::String) }],
                relations: vec![
                    relation("next-one", "Linked", Cardinality::One, None),
                    relation("others", "Linked", Cardinality::Many, None),
                ],
                ..ObjectType { name: "Linked".to_owned(), ..ObjectType::default() }
            },
            base,
        ],
        enumerations: vec![Enumeration {
            name: "Colour".into(),
            values: ["red", "dark-red", "http://example.org/Blue", "3D", "q'u\"o\\te"].map(str::to_owned).to_vec(),
            ..Enumeration::default()
        }],
        ..Model::default()
    }
}

/// Random numbers that are the same every time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn text(&mut self) -> String {
        let letters: Vec<char> = "abc \"'\\/<>&\n\t\0\u{7f}\u{85}\u{2028}äß漢🦀{}[]:,".chars().collect();
        (0..self.roll(12)).map(|_| letters[usize::try_from(self.roll(letters.len() as u64)).unwrap()]).collect()
    }

    fn any(&mut self, depth: u64) -> Value {
        match self.roll(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.roll(2) == 0),
            2 => json!(self.roll(1 << 50)),
            3 => json!(self.real()),
            4 => json!(self.text()),
            5 => (0..self.roll(3)).map(|_| self.any(depth - 1)).collect(),
            _ => Value::Object((0..self.roll(3)).map(|at| (format!("k{at}{}", self.text()), self.any(depth - 1))).collect()),
        }
    }

    fn real(&mut self) -> f64 {
        let exponent = i32::try_from(self.roll(600)).unwrap() - 300;
        let mantissa = self.roll(1 << 53) as f64 / (1_u64 << 53) as f64 + 0.5;
        let real = mantissa * 10_f64.powi(exponent);
        // JavaScript writes these without a point, and Pydantic 2.11 takes no integers of more than 18 digits for a float.
        if (1e17..1e22).contains(&real) {
            return self.real();
        }
        if self.roll(2) == 0 { -real } else { real }
    }

    fn scalar(&mut self, scalar: Scalar) -> Value {
        match scalar {
            Scalar::String => json!(self.text()),
            Scalar::Int => json!(i64::try_from(self.roll(1 << 32)).unwrap() + i64::from(i32::MIN)),
            // As far as JavaScript counts.
            Scalar::Long => json!(i64::try_from(self.roll(1 << 54)).unwrap() - (1 << 53) + 1),
            Scalar::Float => json!(self.real()),
            Scalar::Bool => json!(self.roll(2) == 0),
            Scalar::Datetime => {
                let [year, month, day] = [1970 + self.roll(130), 1 + self.roll(12), 1 + self.roll(28)];
                let [hour, minute, second] = [self.roll(24), self.roll(60), self.roll(60)];
                let part =
                    if self.roll(2) == 0 { String::new() } else { format!(".{:05}{}", self.roll(100_000), 1 + self.roll(9)) };
                json!(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{part}Z"))
            }
            Scalar::Uuid => {
                let [a, b] = [self.roll(u64::MAX), self.roll(u64::MAX)];
                let hex = format!("{a:016x}{b:016x}");
                json!(format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]))
            }
            Scalar::Json => self.any(3),
        }
    }

    fn range(&mut self, model: &Model, range: &Range, depth: u64) -> Value {
        match range {
            Range::Scalar(scalar) => self.scalar(*scalar),
            Range::Enumeration(_) => json!(model.enumerations[0].values[usize::try_from(self.roll(5)).unwrap()]),
            Range::Type(name) => self.object(model, name, depth),
            Range::OneOf(several) => {
                let count = several.len() as u64 - u64::from(depth == 0 && matches!(several.last(), Some(Range::Type(_))));
                let at = usize::try_from(self.roll(count)).unwrap();
                self.range(model, &several[at], depth.saturating_sub(1))
            }
        }
    }

    fn object(&mut self, model: &Model, name: &str, depth: u64) -> Value {
        let object = model.object_type(name).unwrap();
        let mut made = serde_json::Map::new();
        for parent in &object.extends {
            made.extend(self.object(model, parent, depth).as_object().unwrap().clone());
        }
        for field in &object.fields {
            let value = match field {
                _ if object.state_property.as_ref() == Some(&field.name) => {
                    json!(object.states[usize::try_from(self.roll(3)).unwrap()])
                }
                Field { optional: true, .. } if self.roll(2) == 0 => Value::Null,
                Field { list: true, .. } => (0..self.roll(4)).map(|_| self.range(model, &field.range, depth)).collect(),
                _ => self.range(model, &field.range, depth),
            };
            made.insert(field.name.clone(), value);
        }
        for relation in &object.relations {
            let target = &relation.targets[0];
            let value = match relation.cardinality {
                Cardinality::One if depth == 0 || self.roll(2) == 0 => Value::Null,
                Cardinality::One => self.object(model, target, depth - 1),
                Cardinality::Many if depth == 0 => json!([]),
                Cardinality::Many => (0..self.roll(3)).map(|_| self.object(model, target, depth - 1)).collect(),
            };
            made.insert(relation.name.clone(), value);
        }
        Value::Object(made)
    }
}

/// Equal as JSON: members in any order, numbers by what they are worth.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

const TYPESCRIPT: &str = "import { readFileSync } from 'node:fs';
import * as contracts from './contracts.js';
for (const line of readFileSync(process.argv[3], 'utf8').split('\\n').filter(Boolean))
  console.log(JSON.stringify(contracts[process.argv[2] + 'Schema'].parse(JSON.parse(line))));
";

const PYTHON: &str = "import importlib.util, sys
spec = importlib.util.spec_from_file_location('contracts', 'contracts.py')
module = importlib.util.module_from_spec(spec)
sys.modules['contracts'] = module
spec.loader.exec_module(module)
sys.stdout.reconfigure(encoding='utf-8')
for line in open(sys.argv[2], encoding='utf-8', newline='\\n'):
    print(getattr(module, sys.argv[1]).model_validate_json(line).model_dump_json(by_alias=True))
";

const RUST: &str = "mod contracts;
fn pass<T: serde::de::DeserializeOwned + serde::Serialize>(text: &str) {
    for line in text.split('\\n').filter(|line| !line.is_empty()) {
        println!(\"{}\", serde_json::to_string(&serde_json::from_str::<T>(line).unwrap()).unwrap());
    }
}
fn main() {
    let mut arguments = std::env::args().skip(1);
    let (name, path) = (arguments.next().unwrap(), arguments.next().unwrap());
    let text = std::fs::read_to_string(path).unwrap();
    match name.as_str() {
        \"Flat\" => pass::<contracts::Flat>(&text),
        \"Linked\" => pass::<contracts::Linked>(&text),
        _ => panic!(),
    }
}
";

const CSHARP: &str = "using System;
using System.Text.Json;
static class Program
{
    static int Main(string[] arguments)
    {
        foreach (var line in arguments[0].Split('\\n'))
            if (line != \"\") Console.WriteLine(JsonSerializer.Serialize(JsonSerializer.Deserialize<Round.Trip.Flat>(line)));
        return 0;
    }
}
";

struct Languages {
    folder: PathBuf,
    tools: PathBuf,
}

impl Languages {
    fn new(model: &Model) -> Option<Self> {
        let tools = toolchain().tools.filter(|tools| tools.join("csharp/csc").exists());
        let Some(tools) = tools else {
            eprintln!("skipped: objects do not go round without `.ci/codegen-tools`");
            return None;
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exchange");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let files = [
            (Target::Typescript, "contracts.ts", "run.js", TYPESCRIPT),
            (Target::Python, "contracts.py", "run.py", PYTHON),
            (Target::Rust, "src/contracts.rs", "src/main.rs", RUST),
            (Target::Csharp, "contracts.cs", "run.cs", CSHARP),
        ];
        for (target, contracts, name, program) in files {
            let emitted = emit(model, target, &Options::new("0.1.0")).unwrap();
            std::fs::write(folder.join(contracts), &emitted.files[0].bytes).unwrap();
            std::fs::write(folder.join(name), program).unwrap();
        }
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/smoke/rust");
        std::fs::copy(manifest.join("manifest.toml"), folder.join("Cargo.toml")).unwrap();
        std::fs::copy(manifest.join("lock.toml"), folder.join("Cargo.lock")).unwrap();
        std::fs::write(folder.join("package.json"), "{\"type\": \"module\"}").unwrap();
        std::os::unix::fs::symlink(tools.join("node/node_modules"), folder.join("node_modules")).unwrap();
        let languages = Self { folder, tools };
        languages.build();
        Some(languages)
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).current_dir(&self.folder).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let (first, last) = (out.chars().take(2000).collect::<String>(), err.lines().rev().take(12).collect::<Vec<_>>());
        assert!(output.status.success(), "{} {arguments:?}\n{first}\n{last:#?}", program.display());
        out.into_owned()
    }

    fn build(&self) {
        let tsc = "node_modules/typescript/lib/tsc.js --strict --target ES2022 --module ESNext --moduleResolution node --skipLibCheck contracts.ts";
        self.run(Path::new("node"), &tsc.split(' ').collect::<Vec<_>>());
        let references = self.tools.join("csharp/references");
        let mut listed = String::new();
        for entry in std::fs::read_dir(references).unwrap() {
            listed.push_str(&format!("-r:\"{}\"\n", entry.unwrap().path().display()));
        }
        std::fs::write(self.folder.join("references.rsp"), listed).unwrap();
        let csc = "-nologo -noconfig -nostdlib -target:exe -nullable:enable -out:run.dll @references.rsp contracts.cs run.cs";
        self.run(&self.tools.join("csharp/csc"), &csc.split(' ').collect::<Vec<_>>());
        self.run(Path::new("cargo"), &["build", "--locked", "--offline", "--quiet", "--target-dir", "target"]);
    }

    /// Sends objects of a type, one a line, through a language.
    fn through(&self, target: Target, name: &str, lines: &str) -> String {
        std::fs::write(self.folder.join("objects.jsonl"), lines).unwrap();
        match target {
            Target::Typescript => self.run(Path::new("node"), &["run.js", name, "objects.jsonl"]),
            Target::Python => self.run(&self.tools.join("python/bin/python"), &["run.py", name, "objects.jsonl"]),
            Target::Rust => self.run(&self.folder.join("target/debug/smoke"), &[name, "objects.jsonl"]),
            _ => {
                let run = self.tools.join("csharp/node/run.js");
                self.run(Path::new("node"), &[run.to_str().unwrap(), "run.dll", "@objects.jsonl"])
            }
        }
    }
}

#[test]
fn objects_go_round_all_languages_unchanged() {
    let model = model();
    let Some(languages) = Languages::new(&model) else { return };
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let all = [Target::Typescript, Target::Python, Target::Rust, Target::Csharp];
    // C# records hold no relations, and say so: linked objects go round the other three.
    for (name, targets) in [("Flat", &all[..]), ("Linked", &all[..3])] {
        let objects: Vec<Value> = (0..COUNT).map(|_| dice.object(&model, name, 3)).collect();
        let mut lines: String = objects.iter().map(|object| format!("{object}\n")).collect();
        for target in targets {
            lines = languages.through(*target, name, &lines);
            let back: Vec<Value> =
                lines.split('\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(back.len(), objects.len(), "{target}");
            for (object, back) in objects.iter().zip(&back) {
                assert!(same(object, back), "{target} {name}\nsent {object:#}\nback {back:#}");
            }
        }
    }
}
