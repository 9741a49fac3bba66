//! Every rule of a model is broken once.

use codegen::model::{
    Cardinality, Enumeration, Field, Model, ObjectType, Process, Range, Relation, Scalar, Step, StepKind, Trigger, check,
};

use crate::reference::{self, field, relation};

/// Changes the reference model and expects these codes at these subjects, and nothing else.
#[track_caller]
fn broken(change: impl FnOnce(&mut Model), expected: &[(&str, &str)]) {
    let mut model = reference::model();
    change(&mut model);
    let found = check(&model);
    let mut seen: Vec<_> = found.iter().map(|it| (it.code.as_str(), it.subject.as_str())).collect();
    let mut expected = expected.to_vec();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected, "{found:#?}");
    assert!(found.iter().all(codegen::diagnostic::Diagnostic::is_error));
}

fn object(name: &str) -> ObjectType {
    ObjectType { name: name.to_owned(), ..ObjectType::default() }
}

fn step(name: &str, kind: StepKind) -> Step {
    let (performer, calls, subject, timeout, condition) = (None, None, None, None, None);
    Step { name: name.to_owned(), kind, performer, calls, subject, timeout, condition, next: Vec::new() }
}

fn process(id: &str, steps: Vec<Step>) -> Process {
    Process { id: id.to_owned(), name: id.to_owned(), trigger: Trigger::default(), steps }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn the_reference_model_is_right() {
    broken(|_| (), &[]);
}

#[test]
fn names() {
    broken(|model| model.version = "1.0".into(), &[("E-VERSION", "version")]);
    broken(|model| model.namespace = "A..B".into(), &[("E-NAMESPACE", "namespace")]);
    broken(|model| model.namespace = "../A".into(), &[("E-NAMESPACE", "namespace")]);
    for name in ["user", "A_b", "3D", "", "../../etc/passwd", "A\u{0}", "Ä"] {
        let shown: String = name.chars().flat_map(char::escape_debug).collect();
        broken(|model| model.types.push(object(name)), &[("E-NAME-TYPE", &shown)]);
    }
    broken(|model| model.types[0].fields[1].name = "1st".into(), &[("E-NAME-MEMBER", "User.1st")]);
    let long = "A".repeat(201);
    let shown = format!("{}…", "A".repeat(200));
    broken(|model| model.types.push(object(&long)), &[("E-NAME-LONG", &shown)]);
    broken(|model| model.types.push(object("User")), &[("E-NAME-COLLISION", "User")]);
}

#[test]
fn members_stay_apart_in_every_language() {
    for (one, two) in [("a-b", "aB"), ("a_b", "a-b"), ("userName", "UserName"), ("aB", "a_b"), ("x", "x")] {
        let change = |model: &mut Model| {
            model.types[0].fields.push(field(one, Scalar::Int));
            model.types[0].relations.push(relation(two, "User", Cardinality::One, None));
        };
        broken(change, &[("E-NAME-COLLISION", &format!("User.{two}"))]);
    }
}

#[test]
fn fields() {
    let put = |field: Field| move |model: &mut Model| model.types[0].fields.push(field);
    let both = Field { optional: true, list: true, ..field("x", Scalar::Int) };
    broken(put(both), &[("E-FIELD-LIST-OPTIONAL", "User.x")]);
    let range = |range: Range| Field { range, ..field("x", Scalar::Int) };
    broken(put(range(Range::Enumeration("Gone".into()))), &[("E-RANGE-INVALID", "User.x")]);
    broken(put(range(Range::Type("User".into()))), &[("E-RANGE-INVALID", "User.x")]);
    for alternatives in [
        vec![Range::Scalar(Scalar::Int)],
        vec![Range::Scalar(Scalar::Int), Range::Scalar(Scalar::String)],
        vec![Range::Scalar(Scalar::Int), Range::Scalar(Scalar::Int)],
        vec![Range::Type("Document".into()), Range::Type("User".into())],
        vec![Range::Scalar(Scalar::Int), Range::OneOf(vec![Range::Scalar(Scalar::Int), Range::Type("User".into())])],
        vec![Range::Scalar(Scalar::Int), Range::Type("Gone".into())],
    ] {
        broken(put(range(Range::OneOf(alternatives))), &[("E-RANGE-INVALID", "User.x")]);
    }
    broken(put(range(Range::OneOf(vec![Range::Scalar(Scalar::Int), Range::Type("User".into())]))), &[]);
}

#[test]
fn defaults_are_values() {
    use Scalar::{Bool, Datetime, Float, Int, Json, Long, String, Uuid};
    for (scalar, text, good) in [
        (String, "", true),
        (Int, "-2147483648", true),
        (Int, "2147483648", false),
        (Int, "+1", false),
        (Int, "007", false),
        (Int, "1.0", false),
        (Long, "9223372036854775807", true),
        (Long, "9223372036854775808", false),
        (Float, "1e3", true),
        (Float, "1.", false),
        (Float, "NaN", false),
        (Float, "1e999", false),
        (Bool, "true", true),
        (Bool, "True", false),
        (Datetime, "2026-01-01T00:00:00Z", false),
        (Uuid, "00000000-0000-0000-0000-000000000000", false),
        (Json, "{}", false),
    ] {
        let with = Field { default: Some(text.to_owned()), ..field("x", scalar) };
        let expected: &[_] = if good { &[] } else { &[("E-DEFAULT", "User.x")] };
        broken(|model| model.types[0].fields.push(with), expected);
    }
    for with in [
        Field { default: Some("a".into()), optional: true, ..field("x", String) },
        Field { default: Some("a".into()), list: true, ..field("x", String) },
    ] {
        broken(|model| model.types[0].fields.push(with), &[("E-DEFAULT", "User.x")]);
    }
}

#[test]
fn relations() {
    let put = |relation: Relation| move |model: &mut Model| model.types[0].relations.push(relation);
    broken(put(relation("x", "Gone", Cardinality::One, None)), &[("E-TARGET-UNKNOWN", "User.x")]);
    broken(put(Relation { targets: vec![], ..relation("x", "User", Cardinality::One, None) }), &[("E-TARGET-UNKNOWN", "User.x")]);
    let unsorted = Relation { targets: strings(&["User", "Document"]), ..relation("x", "User", Cardinality::One, None) };
    broken(put(unsorted), &[("E-TARGET-UNKNOWN", "User.x")]);
    broken(put(relation("x", "Document", Cardinality::One, Some("gone"))), &[("E-INVERSE", "User.x")]);
    broken(put(relation("x", "Document", Cardinality::One, Some("title"))), &[("E-INVERSE", "User.x")]);
    broken(put(relation("x", "User", Cardinality::One, Some("documents"))), &[("E-INVERSE", "User.x")]);
}

#[test]
fn states() {
    let put = |field: &str, states: &[&str]| {
        let (field, states) = (field.to_owned(), strings(states));
        move |model: &mut Model| {
            model.types[0].state_property = Some(field);
            model.types[0].states = states;
        }
    };
    broken(put("handle", &["a", "b"]), &[]);
    broken(put("handle", &[]), &[("E-STATES", "User")]);
    broken(put("handle", &["a", "a"]), &[("E-STATES", "User")]);
    broken(put("handle", &[""]), &[("E-STATES", "User")]);
    broken(put("gone", &["a"]), &[("E-STATE-PROPERTY", "User")]);
    broken(put("createdAt", &["a"]), &[("E-STATE-PROPERTY", "User")]);
    broken(|model| model.types[0].states = strings(&["a"]), &[("E-STATE-PROPERTY", "User")]);
    let default = |model: &mut Model| {
        put("handle", &["a"])(model);
        model.types[0].fields[1].default = Some("b".into());
    };
    broken(default, &[("E-DEFAULT", "User.handle")]);
}

#[test]
fn enumerations() {
    let put = |name: &str, values: &[&str]| {
        let enumeration = Enumeration { name: name.to_owned(), values: strings(values), ..Enumeration::default() };
        move |model: &mut Model| model.enumerations.push(enumeration)
    };
    broken(put("Colour", &["red"]), &[]);
    broken(put("Colour", &[]), &[("E-ENUMERATION-VALUES", "Colour")]);
    broken(put("Colour", &["red", "red"]), &[("E-ENUMERATION-VALUES", "Colour")]);
    broken(put("User", &["red"]), &[("E-NAME-COLLISION", "User")]);
    broken(put("colour", &["red"]), &[("E-NAME-TYPE", "colour")]);
    let default = |text: &str| {
        let with = Field { range: Range::Enumeration("Colour".into()), default: Some(text.into()), ..field("x", Scalar::Int) };
        move |model: &mut Model| {
            put("Colour", &["red"])(model);
            model.types[0].fields.push(with);
        }
    };
    broken(default("red"), &[]);
    broken(default("blue"), &[("E-DEFAULT", "User.x")]);
}

#[test]
fn superclasses() {
    let extends = |pairs: &[(usize, &[&str])]| {
        let pairs: Vec<(usize, Vec<String>)> = pairs.iter().map(|(at, names)| (*at, strings(names))).collect();
        move |model: &mut Model| {
            for name in ["A", "B", "C"] {
                model.types.push(object(name));
            }
            for (at, names) in pairs {
                model.types[at].extends = names;
            }
        }
    };
    broken(extends(&[(3, &["A", "User"]), (4, &["B"])]), &[]);
    broken(extends(&[(3, &["Gone"])]), &[("E-EXTENDS-UNKNOWN", "B")]);
    broken(extends(&[(4, &["B", "A"])]), &[("E-EXTENDS-UNKNOWN", "C")]);
    broken(extends(&[(2, &["B"]), (3, &["A"]), (4, &["B"])]), &[("E-SUBCLASS-CYCLE", "A")]);
    broken(extends(&[(2, &["A"]), (3, &["C"]), (4, &["B"])]), &[("E-SUBCLASS-CYCLE", "A"), ("E-SUBCLASS-CYCLE", "B")]);
    // Both declare `createdAt` and `id`, and declare them alike.
    broken(extends(&[(3, &["Document", "User"])]), &[]);
    let differ = |model: &mut Model| {
        extends(&[(3, &["Document", "User"])])(model);
        model.types[0].fields[2].optional = true;
    };
    broken(differ, &[("E-MEMBER-INHERITED", "B")]);
    let repeats = |model: &mut Model| {
        extends(&[(3, &["User"])])(model);
        model.types[3].fields.push(field("created_at", Scalar::Int));
    };
    broken(repeats, &[("E-MEMBER-INHERITED", "B.created_at")]);
    let inherited_inverse = |model: &mut Model| {
        extends(&[(3, &["User"]), (2, &["Document"])])(model);
        model.types[2].relations.push(relation("x", "B", Cardinality::One, Some("documents")));
    };
    broken(inherited_inverse, &[]);
}

#[test]
fn processes() {
    let put = |processes: Vec<Process>| move |model: &mut Model| model.processes = processes;
    let end = || step("end", StepKind::End);
    broken(put(vec![process("p", vec![end()])]), &[]);
    broken(put(vec![process("p", vec![])]), &[("E-PROCESS-EMPTY", "p")]);
    broken(put(vec![process("p", vec![end()]), process("p", vec![end()])]), &[("E-PROCESS-ID", "p")]);
    broken(put(vec![process("../p", vec![end()])]), &[("E-PROCESS-ID", "../p")]);
    broken(put(vec![process("p", vec![end(), end()])]), &[("E-STEP-NAME", "p.end")]);
    broken(put(vec![process("p", vec![step("start", StepKind::End)])]), &[("E-STEP-NAME", "p.start")]);
    broken(put(vec![process("p", vec![step("a b", StepKind::End)])]), &[("E-STEP-NAME", "p.a b")]);
    broken(put(vec![process("p", vec![step("a", StepKind::Call)])]), &[("E-STEP-CALLS", "p.a")]);
    let next = Step { next: strings(&["gone", "a"]), ..step("a", StepKind::Parallel) };
    broken(put(vec![process("p", vec![next])]), &[("E-STEP-NEXT", "p.a")]);
}

#[test]
fn superclasses_that_multiply_are_refused_in_bounded_time() {
    let change = |model: &mut Model| {
        for at in 0..4000 {
            let mut link = object(&format!("C{at:05}"));
            link.extends = (at > 0).then(|| format!("C{:05}", at - 1)).into_iter().collect();
            model.types.push(link);
        }
    };
    broken(change, &[("E-MODEL-SIZE", "types")]);
}
