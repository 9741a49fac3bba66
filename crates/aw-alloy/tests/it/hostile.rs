//! Documents written to do harm: whatever they hold, the answer is findings or problems with a place, and the work done for
//! them grows with their size and no faster. Sizes here are such that work growing with the square of the size would not end in
//! the time a test run has; nothing is timed.

use aw_alloy::artifact::{Severity, Verification, verify};
use aw_alloy::recipe::{Notation, Recipe};
use aw_alloy::text::Problem;
use serde_json::{Value, json};

use crate::cups::{DOCUMENT, Did, Open, artifact, carried, entry, written};

const RECIPE: &str = "name: cup\nversion: 1.0.0\nsource: {baseModel: clay, architecture: stoneware}\nstages:\n  - {type: fire, degrees: 12.5}\n  - {type: pack}\n";

/// A good artifact of two links, as a value to spoil.
fn good() -> Value {
    let files = vec![entry("config.json", b"{}"), entry("weights", b"w")];
    let did = vec![
        Did {
            writes: vec![entry("model/weights", b"fired")],
            records: vec![entry("records/00-fire/log.json", b"ok")],
            ..Did::default()
        },
        Did { replaces: vec!["model".into()], carries: vec![carried("model/weights", "weights")], ..Did::default() },
    ];
    serde_json::from_slice(&artifact(RECIPE, files, did, Some(b"# Cup\n")).to_bytes()).unwrap()
}

fn check(bytes: &[u8]) -> Verification {
    verify(bytes, DOCUMENT, &[])
}

fn findings(bytes: &[u8]) -> Vec<String> {
    check(bytes).findings.into_iter().map(|it| format!("{}: {}", it.place, it.message)).collect()
}

/// The findings of a good document with the value at `pointer` replaced.
fn with(pointer: &str, value: Value) -> Vec<String> {
    let mut document = good();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    findings(&written(&document))
}

fn problems(text: &[u8], notation: Notation) -> Vec<Problem> {
    let problems = Recipe::read(text, notation, &Open).unwrap_err();
    assert!(!problems.is_empty());
    problems
}

#[test]
fn the_document_that_is_spoiled_below_is_good() {
    assert_eq!(findings(&written(&good())), Vec::<String>::new());
}

#[test]
fn deep_nesting_is_refused_before_it_is_built() {
    let deep = "[".repeat(500_000);
    for text in [deep.clone(), format!("{{\"name\": \"cup\", \"chain\": {deep}"), "{\"a\":".repeat(500_000)] {
        let found = findings(text.as_bytes());
        assert!(matches!(found.as_slice(), [one] if one.contains("nested too deep")), "{found:?}");
        let found = problems(text.as_bytes(), Notation::Json);
        assert!(found[0].message.contains("nested too deep") && found[0].at.is_some(), "{found:?}");
        assert_eq!(problems(text.as_bytes(), Notation::Yaml).len(), 1);
    }
    // Just within what is allowed, in the two places a chain lets anything through.
    for member in ["measurements", "observations"] {
        let deep = (0..120).fold(json!(1), |inner, _| json!([inner]));
        let found = with(&format!("/chain/links/0/{member}"), deep);
        assert!(found.iter().any(|it| it.starts_with("link 0 (fire): the signature")), "{found:?}");
    }
}

#[test]
fn every_object_refuses_a_member_that_stands_twice() {
    let text = String::from_utf8(written(&good())).unwrap();
    let mut objects = 0;
    for (at, _) in text.match_indices("{\n") {
        let (before, inside) = text.split_at(at + 2);
        let name = &inside[..inside.find(':').unwrap()];
        let found = findings(format!("{before}{name}: 1,\n{inside}").as_bytes());
        assert!(matches!(found.as_slice(), [one] if one.contains("appears twice")), "{name}: {found:?}");
        objects += 1;
    }
    assert!(objects > 20, "{objects} objects");
}

/// Every place below `value`, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let step = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| {
            found.push(step(name));
            places(inner, &step(name), found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| {
            found.push(step(&index.to_string()));
            places(inner, &step(&index.to_string()), found);
        }),
        _ => {}
    }
}

#[test]
fn every_wrong_type_in_the_document_is_found() {
    let document = good();
    let mut all = Vec::new();
    places(&document, "", &mut all);
    assert!(all.len() > 100, "{} places", all.len());
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(4_294_967_296_u64),
        json!("x"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"a": 1}),
    ];
    for place in all {
        for other in others.iter().filter(|other| document.pointer(&place) != Some(other)) {
            assert_ne!(with(&place, other.clone()), Vec::<String>::new(), "{place} = {other}");
        }
        // And taken out.
        let (parent, name) = place.rsplit_once('/').unwrap();
        let mut less = document.clone();
        match less.pointer_mut(parent).unwrap() {
            Value::Object(members) => drop(members.shift_remove(name)),
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!("only these have places within"),
        }
        assert_ne!(findings(&written(&less)), Vec::<String>::new(), "without {place}");
    }
}

#[test]
fn members_a_chain_does_not_have_are_refused() {
    for place in [
        "/chain",
        "/chain/source",
        "/chain/source/files/0",
        "/chain/links/0",
        "/chain/links/0/writes/0",
        "/chain/links/1/carries/0",
        "/seal",
    ] {
        let mut document = good();
        document.pointer_mut(place).unwrap()["extra"] = json!(1);
        assert_ne!(findings(&written(&document)), Vec::<String>::new(), "{place}");
    }
}

#[test]
fn paths_that_leave_the_folder_are_named() {
    let long = "x".repeat(1025);
    let paths =
        ["..", "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "", "a\\b", "C:x", "a\u{0}b", "a\nb", long.as_str()];
    for place in [
        "/chain/source/files/0/path",
        "/chain/links/0/writes/0/path",
        "/chain/links/0/records/0/path",
        "/chain/links/1/carries/0/from",
        "/chain/links/1/carries/0/path",
    ] {
        for path in paths {
            let found = with(place, json!(path));
            assert!(
                matches!(found.as_slice(), [one] if one.contains("not a path inside a tree")),
                "{place} = {path:?}: {found:?}"
            );
        }
    }
    for path in paths.into_iter().filter(|path| !path.is_empty()) {
        let found = with("/chain/source/placedUnder", json!(path));
        assert!(
            found.iter().any(|it| it.starts_with("source: ") && it.contains("not a path inside a tree")),
            "{path:?}: {found:?}"
        );
    }
    // A folder that is none replaces nothing; the root then tells.
    for path in paths.into_iter().filter(|path| !path.is_empty()) {
        assert!(
            with("/chain/links/1/replaces/0", json!(path)).iter().any(|it| it.starts_with("link 1 (pack): its files make root")),
            "{path:?}"
        );
    }
}

#[test]
fn names_that_are_no_file_names_are_refused_even_where_the_file_has_them() {
    for name in ["../cup", "a/b", "/cup", "a\\b", "a\nb", "..//cup", "a\u{7f}b"] {
        let mut document = good();
        document["name"] = json!(name);
        let found = verify(&written(&document), &format!("{name}.alloy.json"), &[]).findings;
        assert!(found.iter().any(|it| it.message.starts_with("`name` holds")), "{name:?}: {found:?}");
    }
    assert!(with("/name", json!("")).iter().any(|it| it.contains("`name`")));
}

#[test]
fn carries_that_swap_and_go_round_end_where_they_say() {
    let files = vec![entry("a", b"1"), entry("b", b"2"), entry("c", b"3")];
    let round = || vec![carried("model/a", "model/b"), carried("model/b", "model/c"), carried("model/c", "model/a")];
    let replaces = || vec!["model".to_owned()];
    let did = || Did { replaces: replaces(), carries: round(), ..Did::default() };
    // Files that were written keep their origin on the way.
    let wrote = Did { writes: vec![entry("model/a", b"4")], ..Did::default() };
    let found = check(&artifact(RECIPE, files.clone(), vec![wrote, did()], None).to_bytes());
    let listed: Vec<String> = found.files.iter().map(|file| format!("{} {}", file.path, file.origin)).collect();
    assert_eq!(listed, ["model/a source", "model/b link 0 (fire)", "model/c source"]);
    // Three times round is where it started.
    let document = artifact(RECIPE, files.clone(), vec![did(), did(), did()], None);
    assert_eq!(document.chain().links[2].output, document.chain().links[0].input);
    let found = check(&document.to_bytes());
    assert_eq!(found.findings, vec![]);
    let listed: Vec<String> =
        found.files.iter().map(|file| format!("{} {} {}", file.path, file.digest.short(), file.origin)).collect();
    let expected: Vec<String> = [("a", "1"), ("b", "2"), ("c", "3")]
        .map(|(name, content)| format!("model/{name} {} source", entry(name, content.as_bytes()).digest.short()))
        .into();
    assert_eq!(listed, expected);
    // Onto itself without being replaced, twice to one place, from nowhere, into a file: no tree.
    let first = serde_json::from_slice::<Value>(&artifact(RECIPE, files, vec![did()], None).to_bytes()).unwrap();
    for (replaces, carries, expected) in [
        (json!([]), json!([{"from": "model/a", "path": "model/a"}]), "names `model/a` twice"),
        (json!(["model"]), json!([{"from": "model/a", "path": "x"}, {"from": "model/b", "path": "x"}]), "names `x` twice"),
        (json!(["model"]), json!([{"from": "model/d", "path": "x"}]), "carries `model/d`"),
        (json!([]), json!([{"from": "model/a", "path": "model/b/c"}]), "holds `model/b` as a file and as the folder"),
    ] {
        let mut document = first.clone();
        document["chain"]["links"][0]["replaces"] = replaces;
        document["chain"]["links"][0]["carries"] = carries;
        let found = findings(&written(&document));
        assert!(found.iter().any(|it| it.starts_with("link 0 (fire)") && it.contains(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn a_hundred_thousand_files_are_no_trouble() {
    const FILES: usize = 100_000;
    let path = |index: usize| format!("{:03}/{index:06}", index % 997);
    let files = (0..FILES).map(|index| entry(&path(index), &(index as u32).to_le_bytes())).collect();
    // Every folder named, most of them in vain, and every file carried.
    let replaces = (0..FILES)
        .map(|index| if index < 997 { format!("model/{index:03}") } else { format!("model/{index:06}-none") })
        .collect();
    let carries = (0..FILES).map(|index| carried(&format!("model/{}", path(index)), &format!("moved/{}", path(index)))).collect();
    let did = vec![Did::default(), Did { replaces, carries, ..Did::default() }];
    let found = check(&artifact(RECIPE, files, did, None).to_bytes());
    assert_eq!(found.findings, vec![]);
    assert_eq!(found.files.len(), FILES);
    assert!(found.files.iter().all(|file| file.path.as_str().starts_with("moved/")));
}

#[test]
fn paths_of_five_hundred_folders_are_no_trouble() {
    const FILES: usize = 20_000;
    let path = |index: usize| format!("{}{index:05}", "a/".repeat(505));
    let files = (0..FILES).map(|index| entry(&path(index), b"")).collect();
    let did = vec![Did { replaces: vec!["model/b".into()], ..Did::default() }];
    let found = check(&artifact(RECIPE, files, did, None).to_bytes());
    assert_eq!(found.findings, vec![]);
    assert_eq!(found.files.len(), FILES);
}

/// As many links as the document's size allows, over more files than any verifier wants to go through that often.
#[test]
fn more_work_than_is_sane_is_not_done_and_said() {
    const FILES: usize = 60_000;
    const LINKS: usize = 10_000;
    let files = (0..FILES).map(|index| entry(&format!("{index:06}"), b"")).collect();
    let did = Did { writes: vec![entry("model/new", b"")], ..Did::default() };
    let mut document: Value = serde_json::from_slice(&artifact(RECIPE, files, vec![did], None).to_bytes()).unwrap();
    let link = document["chain"]["links"][0].take();
    document["chain"]["links"] = vec![link; LINKS].into();
    let mut bytes = serde_json::to_vec(&document).unwrap();
    bytes.push(b'\n');
    let found = check(&bytes);
    let stopped: Vec<_> = found.findings.iter().filter(|it| it.severity == Severity::Unknown).collect();
    assert!(matches!(stopped.as_slice(), [one] if one.message.contains("were not checked")), "{stopped:?}");
    assert!(found.findings.len() < 10 * LINKS);
}

#[test]
fn a_stage_many_links_name_and_a_type_many_files_repeat_cost_once() {
    // Both square when each link makes the stage anew, or each file keeps the text of its link's stage type.
    let mut document = good();
    let link = document["chain"]["links"][0].clone();
    document["chain"]["links"] = vec![link; 10_000].into();
    document["stages"][0]["notes"] = json!("x".repeat(4 << 20));
    assert!(findings(&written(&document)).iter().any(|it| it.starts_with("seal: ") || it.starts_with("link ")));

    let mut document = good();
    document["chain"]["links"][0]["type"] = json!("x".repeat(4 << 20));
    let writes: Vec<Value> = (0..50_000)
        .map(|index| json!({"path": format!("model/{index}"), "sha256": entry("x", b"").digest, "bytes": 0}))
        .collect();
    document["chain"]["links"][0]["writes"] = writes.into();
    let found = check(&written(&document));
    assert!(found.findings.iter().all(|it| it.place.len() < 1000), "a place repeats the whole stage type");
    assert!(found.findings.iter().any(|it| it.place.starts_with("link 0 (xxx")));
}

/// A recipe in JSON with this in the place of its stages.
fn recipe(stages: &str) -> Vec<u8> {
    format!(r#"{{"name": "cup", "version": "1.0.0", "source": {{"baseModel": "a", "architecture": "b"}}, "stages": {stages}}}"#)
        .into_bytes()
}

#[test]
fn recipes_of_many_stages_are_checked_in_step_with_their_size() {
    let many = |stage: &str| recipe(&format!("[{}]", vec![stage; 100_000].join(",")));
    let read = Recipe::read(&many(r#"{"type":"fire","degrees":1}"#), Notation::Json, &Open).unwrap();
    assert_eq!(read.stages().len(), 100_000);
    for stage in [r#"{"type":"fier"}"#, r#"{"type":7}"#, "{}", "7", r#"{"type":"fire","notes":1}"#] {
        let found = problems(&many(stage), Notation::Json);
        assert!(found.len() <= 1001, "{stage}: {} problems", found.len());
        assert!(found.iter().any(|it| it.code == "more-problems"), "{stage}: the list is cut without saying so");
    }
}

#[test]
fn long_names_are_not_compared_at_length() {
    let long = "x".repeat(8 << 20);
    let found = problems(&recipe(&format!(r#"[{{"type": "{long}"}}]"#)), Notation::Json);
    assert!(found.iter().any(|it| it.code == "unknown-stage"));
    let found = problems(&recipe(&format!(r#"[{{"type": "fire"}}], "{long}": 1"#)), Notation::Json);
    assert!(found.iter().any(|it| it.code == "unknown-field"), "{:?}", found[0].code);
    let found = problems(&recipe(&format!(r#"[{{"type": "fire"}}], "domains": ["{long}"]"#)), Notation::Json);
    assert!(found.iter().any(|it| it.code == "unknown-domain"));
}

#[test]
fn wrong_types_all_over_a_recipe_are_problems_with_places() {
    let good: Value = serde_json::from_slice(&recipe(r#"[{"type": "fire", "notes": "hot"}]"#)).unwrap();
    let mut all = Vec::new();
    places(&good, "", &mut all);
    for place in all {
        for other in [json!(null), json!(true), json!(-1), json!(1.5), json!([]), json!([[]]), json!({}), json!({"a": 1})] {
            let mut document = good.clone();
            *document.pointer_mut(&place).unwrap() = other.clone();
            for notation in [Notation::Json, Notation::Yaml] {
                let found = problems(&written(&document), notation);
                assert!(found.iter().all(|it| it.at.is_some() && !it.message.is_empty()), "{place} = {other}: {found:?}");
            }
        }
    }
}

/// The fuzzer found a problem on a line the text does not have.
#[test]
fn problems_lie_within_the_text() {
    for (text, line, column) in
        [("name: bowl?(\nver", 2, 4), ("a: [", 1, 5), ("a: 1\r\nb\r\nc", 3, 2), ("a: 1\rb", 2, 2), ("---\t\t", 1, 6)]
    {
        let found = problems(text.as_bytes(), Notation::Yaml);
        let at = found[0].at.unwrap();
        assert!((at.line, at.column) <= (line, column), "{text:?}: {at}");
    }
}
