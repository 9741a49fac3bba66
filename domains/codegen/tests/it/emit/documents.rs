//! SQL, BPMN, CACAO, JSON Schema and OpenAPI: their bytes, what they refuse, and what the readers and schemas of others say of them.

use std::path::Path;
use std::process::Command;

use codegen::emit::{Bindings, Emitted, Options, Target, emit};
use codegen::model::{Model, Process, Step, StepKind, Trigger, TriggerKind};
use codegen::smoke::Smoke;

use crate::{reference, smoke};

fn step(name: &str, kind: StepKind, next: &[&str]) -> Step {
    let next = next.iter().map(|name| (*name).to_owned()).collect();
    let (performer, calls, subject, timeout, condition) = (None, None, None, None, None);
    Step { name: name.to_owned(), kind, performer, calls, subject, timeout, condition, next }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A process with a step of every kind.
fn process() -> Process {
    Process {
        id: "review".to_owned(),
        name: "Review & \"publish\"".to_owned(),
        trigger: Trigger { kind: TriggerKind::Message, subject: some("document.submitted"), schedule: None },
        steps: vec![
            Step { performer: some("checker"), ..step("check", StepKind::Service, &[]) },
            Step { condition: some("score < 3 && ok"), ..step("decide", StepKind::Decision, &["wait", "both"]) },
            Step { timeout: some("PT1H"), ..step("wait", StepKind::Wait, &["read"]) },
            step("listen", StepKind::Wait, &[]),
            step("read", StepKind::Manual, &["both"]),
            step("both", StepKind::Parallel, &["tell", "archive"]),
            Step { subject: some("document.réady"), ..step("tell", StepKind::EmitEvent, &["done"]) },
            Step { calls: some("archive-all"), ..step("archive", StepKind::Call, &[]) },
            step("done", StepKind::End, &[]),
        ],
    }
}

fn model() -> Model {
    let nightly = Process {
        id: "archive-all".to_owned(),
        name: String::new(),
        trigger: Trigger { kind: TriggerKind::Timer, subject: None, schedule: some("R/P1D") },
        steps: vec![step("end", StepKind::End, &[])],
    };
    Model { processes: vec![process(), nightly], ..reference::model() }
}

fn made(model: &Model, target: Target) -> Emitted {
    let emitted = emit(model, target, &Options::new("0.1.0")).unwrap();
    let checked = smoke::toolchain().smoke(&emitted).unwrap();
    assert!(checked.passed(), "{checked:?}");
    emitted
}

fn text(emitted: &Emitted, path: &str) -> String {
    let file = emitted.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}"));
    String::from_utf8(file.bytes.clone()).unwrap()
}

/// Compares with a file of this folder; `UPDATE_GOLDEN=1` writes it anew.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/emit").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

/// Runs a Python script of the tools over the files; says so when there is none.
fn python(script: &str, emitted: &Emitted) {
    let Some(python) = smoke::toolchain().tools.map(|tools| tools.join("python/bin/python")).filter(|path| path.exists()) else {
        eprintln!("skipped: no Python of `.ci/codegen-tools` to check {}", emitted.target);
        return;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(emitted.target.name());
    std::fs::create_dir_all(&folder).unwrap();
    let paths: Vec<_> = emitted.files.iter().map(|file| folder.join(&file.path)).collect();
    for (file, path) in emitted.files.iter().zip(&paths) {
        std::fs::write(path, &file.bytes).unwrap();
    }
    let output = Command::new(python).args(["-I", "-c", script]).args(paths).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), format!("{} valid", emitted.files.len()));
}

#[test]
fn bpmn_is_written_as_specified_and_valid_under_its_schema() {
    let emitted = made(&model(), Target::Bpmn);
    let paths: Vec<&str> = emitted.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["archive-all.bpmn", "review.bpmn"], "by id");
    golden("review.bpmn", &text(&emitted, "review.bpmn"));
    let nightly = text(&emitted, "archive-all.bpmn");
    assert!(nightly.contains("<timerEventDefinition><timeCycle>R/P1D</timeCycle></timerEventDefinition>"), "{nightly}");
    assert!(nightly.contains("<startEvent id=\"start\" name=\"archive-all\">"), "the id stands for a name that is not there");
    python(
        "import sys, lxml.etree as etree, pathlib, SpiffWorkflow
xsd = pathlib.Path(SpiffWorkflow.__file__).parent / 'bpmn/parser/schema/BPMN20.xsd'
schema = etree.XMLSchema(etree.parse(str(xsd)))
for path in sys.argv[1:]:
    schema.assertValid(etree.parse(path))
    broken = etree.fromstring(pathlib.Path(path).read_bytes().replace(b'<process ', b'<processes ').replace(b'</process>', b'</processes>'))
    assert not schema.validate(broken)
print(len(sys.argv) - 1, 'valid')",
        &emitted,
    );
}

#[test]
fn cacao_is_written_as_specified() {
    let emitted = made(&model(), Target::Cacao);
    let review = text(&emitted, "review.cacao.json");
    golden("review.cacao.json", &review);
    assert!(review.is_ascii());
    let waits: Vec<&str> =
        emitted.diagnostics.iter().filter(|one| one.code == "W-CACAO-WAIT").map(|one| one.subject.as_str()).collect();
    assert_eq!(waits, ["review.listen", "review.wait"]);
    let mut wide = model();
    wide.processes[0].steps[1].next.push("done".to_owned());
    let errors = emit(&wide, Target::Cacao, &Options::new("0.1.0")).unwrap_err();
    assert_eq!((errors[0].code.as_str(), errors[0].subject.as_str()), ("E-CACAO-DECISION", "review.decide"));
}

#[test]
fn identifiers_that_are_none_or_are_used_twice_are_errors() {
    let refused = |change: &dyn Fn(&mut Process), code: &str| {
        let mut model = model();
        change(&mut model.processes[0]);
        for target in [Target::Bpmn, Target::Cacao] {
            let errors = emit(&model, target, &Options::new("0.1.0")).unwrap_err();
            assert!(errors.iter().any(|error| error.code == code), "{target}: {errors:?}");
        }
    };
    refused(&|process| process.id = "../escape".to_owned(), "E-XML-NAME");
    refused(&|process| process.id = "Archive-All".to_owned(), "E-NAME-COLLISION");
    refused(&|process| process.steps[0].name = "a b".to_owned(), "E-XML-NAME");
    refused(&|process| process.steps[0].name = "review".to_owned(), "E-NAME-COLLISION");
    refused(&|process| process.steps[5].next = vec!["tell".to_owned(), "tell".to_owned()], "E-NAME-COLLISION");
    let (mut left, mut right) = (step("a-b", StepKind::Service, &["c"]), step("a", StepKind::Service, &["b-c"]));
    right.performer = some("x");
    left.performer = some("y");
    let ends = [step("c", StepKind::End, &[]), step("b-c", StepKind::End, &[])];
    refused(&|process| process.steps = [vec![left.clone(), right.clone()], ends.to_vec()].concat(), "E-NAME-COLLISION");
}

const BINDINGS: &str = "
User:
  postgres: {relation: app.users, columns: {createdAt: created_at, handle: handle}}
  arcadedb: {vertex: UserV, columns: {createdAt: made}}
Document:
  postgres: {relation: documents, select: [title, id]}
";

#[test]
fn sql_is_made_of_bindings() {
    let options = Options { bindings: Some(Bindings::parse(BINDINGS).unwrap()), ..Options::new("0.1.0") };
    let emitted = emit(&reference::model(), Target::Sql, &options).unwrap();
    assert!(smoke::toolchain().smoke(&emitted).unwrap().passed());
    let expected = r#"{
  "Document": {
    "postgres": "SELECT id, title FROM documents"
  },
  "User": {
    "arcadedb": "SELECT id, handle, made FROM UserV",
    "postgres": "SELECT id, handle, created_at AS createdAt FROM app.users"
  }
}
"#;
    assert_eq!(text(&emitted, "data_platform_bindings.g.json"), expected);
}

#[test]
fn bindings_that_are_wrong_are_refused_at_their_place() {
    let read = |text: &str| match Bindings::parse(text) {
        Ok(bindings) => {
            let options = Options { bindings: Some(bindings), ..Options::new("0.1.0") };
            emit(&reference::model(), Target::Sql, &options).map(|_| ()).unwrap_err()
        }
        Err(errors) => errors,
    };
    for (text, code, said) in [
        ("User: {mysql: {}}", "E-BINDING-BACKEND", "line 1, column 7"),
        ("User: {postgres: {columns: {}}}", "E-BINDING-SOURCE", "`relation` is missing"),
        ("User: {arcadedb: {}}", "E-BINDING-SOURCE", "`type` is missing"),
        ("User: {postgres: {relation: 'users; drop table x'}}", "E-SQL-IDENTIFIER", "users; drop table x"),
        ("User: {postgres: {relation: users, columns: {id: '\"id\"'}}}", "E-SQL-IDENTIFIER", "column 50"),
        ("User: {postgres: {relation: users, columns: {name: id}}}", "E-BINDING-FIELD", "id, handle, createdAt"),
        ("User: {postgres: {relation: users, select: []}}", "E-BINDING-FIELD", "no field to select"),
        ("User: {postgres: {relation: users, where: x}}", "E-BINDING-MEMBER", "unknown member `where`"),
        ("Person: {postgres: {relation: users}}", "E-BINDING-TYPE", "no type `Person`"),
        ("User: [", "E-BINDING-SYNTAX", "line"),
        ("[]", "E-BINDING-SYNTAX", "expected a mapping"),
    ] {
        let errors = read(text);
        assert!(errors.iter().any(|error| error.code == code && error.message.contains(said)), "{text}: {errors:?}");
    }
    assert_eq!(emit(&reference::model(), Target::Sql, &Options::new("0.1.0")).unwrap_err()[0].code, "E-BINDING-SOURCE");
}

#[test]
fn json_schema_takes_what_is_valid_and_refuses_what_is_not() {
    use aw_alloy::text::{Limits, Schema, json};
    let emitted = made(&smoke::second::model(), Target::JsonSchema);
    let text = text(&emitted, "data-platform-contracts.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |name: &str| {
        let mut schema = schema.clone();
        schema["$ref"] = format!("#/$defs/{name}").into();
        Schema::compile(&schema).unwrap()
    };
    let check =
        |name: &str, instance: &str| of(name).check(&json::parse(instance.as_bytes(), &Limits::DOCUMENT).unwrap(), "").len();
    let id = "0d2fdd83-9f3a-4b1d-a8d0-53c5cb83a4a1";
    assert_eq!(check("Left", &format!(r#"{{"id":"{id}","left":1,"shade":"dark-red"}}"#)), 0);
    assert_eq!(check("Left", &format!(r#"{{"id":"{id}","left":1,"shade":null,"next":null}}"#)), 0);
    assert_ne!(check("Left", &format!(r#"{{"id":"{id}","left":2147483648}}"#)), 0, "more than 32 bits");
    assert_ne!(check("Left", r#"{"left":1}"#), 0, "what a superclass requires");
    assert_ne!(check("Left", &format!(r#"{{"id":"{id}","left":1,"shade":"green"}}"#)), 0, "no such colour");
    // What a subclass has otherwise than its superclass is as it says.
    assert_eq!(check("Narrow", r#"{"id":5,"next":"x","status":"on"}"#), 0);
    assert_ne!(check("Narrow", r#"{"id":5,"next":"x","status":"broken"}"#), 0, "no such state");
}

#[test]
fn openapi_is_valid_under_its_schema() {
    for model in [smoke::second::model(), reference::model()] {
        let emitted = made(&model, Target::Openapi);
        python(
            "import sys, json, openapi_spec_validator as v
for path in sys.argv[1:]:
    document = json.load(open(path))
    v.validate(document, cls=v.OpenAPIV31SpecValidator)
    document['components']['schemas']['a b'] = {'type': 'nothing'}
    try: v.validate(document, cls=v.OpenAPIV31SpecValidator)
    except Exception: continue
    sys.exit('a broken document passed')
print(len(sys.argv) - 1, 'valid')",
            &emitted,
        );
    }
}

#[test]
fn a_document_with_a_dangling_reference_fails() {
    for (target, from, to) in [
        (Target::Bpmn, "targetRef=\"done\"", "targetRef=\"gone\""),
        (Target::Bpmn, "</process>", "</proces>"),
        (Target::Cacao, "\"on_completion\": \"done\"", "\"on_completion\": \"gone\""),
        (Target::JsonSchema, "#/$defs/User", "#/$defs/Gone"),
        (Target::Openapi, "#/components/schemas/User", "#/components/schemas/Gone"),
    ] {
        let mut emitted = emit(&model(), target, &Options::new("0.1.0")).unwrap();
        let file = emitted.files.last_mut().unwrap();
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        assert!(text.contains(from), "{target}: {text}");
        file.bytes = text.replace(from, to).into_bytes();
        let checked = smoke::toolchain().smoke(&emitted).unwrap();
        assert!(matches!(checked, Smoke::Failed { .. }), "{target}");
    }
}
