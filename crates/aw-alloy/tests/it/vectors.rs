//! `spec/vectors`: what this library makes and accepts is what the pages in `spec/` say, told by files anyone can run and by a checker
//! that shares no code with it. `UPDATE_REFERENCE=1` writes the artifact anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use aw_alloy::artifact::verify;
use aw_alloy::chain::stage_key;
use aw_alloy::digest::Digest;
use aw_alloy::text::{Limits, Node, Value as TextValue, json as json_text};
use aw_alloy::tree::Tree;
use aw_testkit::{files, write_files};
use serde_json::Value;

use crate::cups::{DOCUMENT, Did, artifact, carried, entry, key};

type Files = BTreeMap<String, Vec<u8>>;

fn spec(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec").join(name)
}

fn vectors(name: &str) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(spec("vectors").join(name)).unwrap()).unwrap()
}

#[test]
fn tree_roots() {
    let vectors = vectors("tree.json");
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let file = |file: &Value| entry(file["path"].as_str().unwrap(), file["content"].as_str().unwrap().as_bytes());
        let entries = vector["files"].as_array().unwrap().iter().map(file).collect();
        assert_eq!(Tree::new(entries).unwrap().root().to_string(), vector["root"].as_str().unwrap(), "{vector}");
    }
}

#[test]
fn stage_keys() {
    let vectors = vectors("stage_key.json");
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let read: BTreeMap<String, Digest> = serde_json::from_value(vector["read"].clone()).unwrap();
        let version = u32::try_from(vector["codeVersion"].as_u64().unwrap()).unwrap();
        let key = stage_key(vector["stage"].as_str().unwrap(), version, &vector["configuration"], &read).unwrap();
        assert_eq!(key.to_string(), vector["key"].as_str().unwrap(), "{vector}");
    }
}

/// Three stages over four files: one writes and records, one writes over a file and drops a folder, one carries to new places.
fn made() -> Files {
    let recipe = "name: cup\nversion: 1.0.0\ndescription: \"a cup, \u{201e}grün\u{201c}\"\nauthor: tests\nsource: {baseModel: clay, architecture: stoneware, grog: 0.50}\n\
                  stages:\n  - {type: fire, degrees: 12.50, steps: [600, 1.0e+3, 1e-7], notes: hot}\n  - {type: glaze, colour: {seladon: true, é: null}}\n  - {type: pack}\n";
    let source: [(&str, &[u8]); 4] = [("config.json", b"{}\n"), ("weights", b"clay"), ("drafts/1", b"one"), ("drafts/2", b"")];
    let card = b"# Cup\n\nFired, glazed, packed.\n";
    let log = b"{\"kiln\": \"gas\"}\n";
    let did = vec![
        Did {
            writes: vec![entry("model/weights", b"fired")],
            records: vec![entry("records/00-fire/log.json", log)],
            ..Did::default()
        },
        Did {
            replaces: vec!["model/drafts".into()],
            carries: vec![carried("model/drafts/2", "model/drafts/empty")],
            writes: vec![entry("model/colour", "grün\n".as_bytes())],
            records: vec![entry("records/01-glaze/log.json", log), entry("records/01-glaze/deep/er", b"x")],
        },
        Did {
            replaces: vec!["model".into()],
            carries: vec![
                carried("model/config.json", "config.json"),
                carried("model/weights", "weights"),
                carried("model/colour", "colour"),
                carried("model/drafts/empty", "drafts/empty"),
            ],
            ..Did::default()
        },
    ];
    let document = artifact(recipe, source.map(|(path, content)| entry(path, content)).into(), did, Some(card)).to_bytes();
    let beside: [(&str, &[u8]); 8] = [
        ("README.md", card),
        ("colour", "grün\n".as_bytes()),
        ("config.json", b"{}\n"),
        ("drafts/empty", b""),
        ("records/00-fire/log.json", log),
        ("records/01-glaze/deep/er", b"x"),
        ("records/01-glaze/log.json", log),
        ("weights", b"fired"),
    ];
    let beside = beside.into_iter().map(|(path, content)| (path.to_owned(), content.to_vec()));
    beside.chain([(DOCUMENT.to_owned(), document)]).collect()
}

/// What our verifier and a plain look at the files find.
fn ours(files: &Files) -> Vec<String> {
    let documents: Vec<&String> = files.keys().filter(|name| name.ends_with(".alloy.json")).collect();
    let [name] = documents.as_slice() else { return vec![format!("{documents:?}")] };
    let found = verify(&files[*name], name, &[key().public()]);
    let mut findings: Vec<String> = found.findings.into_iter().map(|it| format!("{}: {}", it.place, it.message)).collect();
    let mut left: BTreeSet<&str> = files.keys().map(String::as_str).filter(|path| path != name).collect();
    for file in found.files {
        left.remove(file.path.as_str());
        match files.get(file.path.as_str()) {
            Some(content)
                if Digest::of(content) == file.digest && file.bytes.is_none_or(|bytes| bytes == content.len() as u64) => {}
            Some(_) => findings.push(format!("{}: its content differs", file.path)),
            None => findings.push(format!("{}: missing", file.path)),
        }
    }
    findings.extend(left.into_iter().map(|path| format!("{path}: not part of the artifact")));
    findings
}

/// Whether what the checker needs is here; says so when it is not.
fn checker_runs() -> bool {
    let output =
        |program: &str, argument: &str| Command::new(program).arg(argument).output().ok().filter(|it| it.status.success());
    let python = output("python3", "--version").is_some();
    let openssl =
        output("openssl", "version").is_some_and(|it| !it.stdout.starts_with(b"OpenSSL 1") && it.stdout.starts_with(b"OpenSSL"));
    if !python || !openssl {
        eprintln!("skipped: `spec/check_artifact.py` needs `python3` and `openssl` 3 on the PATH");
    }
    python && openssl
}

/// What the independent checker says of these files: its lines, and whether it calls them good.
fn theirs(files: &Files) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), files);
    let output = Command::new("python3").arg(spec("check_artifact.py")).arg(folder.path()).output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(errors.is_empty(), "the checker broke: {errors}");
    assert!(output.status.success() == (text == "good\n"), "{text}");
    (output.status.success(), text.into_owned())
}

#[test]
fn the_artifact_is_made_byte_for_byte() {
    let (folder, made) = (spec("vectors/artifact"), made());
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        write_files(&folder, &made);
    }
    let kept = files(&folder);
    assert_eq!(kept.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (path, content) in &made {
        let texts = [&kept[path], content].map(|bytes| String::from_utf8_lossy(bytes));
        assert_eq!(
            texts[0], texts[1],
            "`{path}` differs; if the format changed, write it anew with UPDATE_REFERENCE=1 and say so in spec/"
        );
    }
}

#[test]
fn both_verifiers_accept_the_artifact() {
    let files = files(&spec("vectors/artifact"));
    assert_eq!(ours(&files), Vec::<String>::new());
    if checker_runs() {
        assert_eq!(theirs(&files), (true, "good\n".to_owned()));
    }
}

/// These two were written by a script over the checker's own functions and signed by OpenSSL.
#[test]
fn artifacts_that_another_program_made_are_accepted() {
    for name in ["none.alloy.json", "one.alloy.json"] {
        let bytes = std::fs::read(spec("../fuzz/seeds/artifact").join(name)).unwrap();
        let found = verify(&bytes, DOCUMENT, &[key().public()]);
        assert_eq!(found.findings, vec![], "{name}");
        assert_eq!(found.signer, Some(key().public()), "{name}");
    }
}

/// Ways to spoil an artifact, each with what it did.
fn spoiled(good: &Files) -> Vec<(String, Files)> {
    let mut all = Vec::new();
    let mut spoil = |what: String, change: &dyn Fn(&mut Files)| {
        let mut files = good.clone();
        change(&mut files);
        assert_ne!(files, *good, "{what} changes nothing");
        all.push((what, files));
    };
    for (path, _) in good.iter().filter(|(path, content)| *path != DOCUMENT && !content.is_empty()) {
        spoil(format!("a bit of `{path}`"), &|files| *files.get_mut(path).unwrap().last_mut().unwrap() ^= 1);
        spoil(format!("`{path}` cut short"), &|files| {
            files.get_mut(path).unwrap().pop();
        });
    }
    for path in good.keys().filter(|path| *path != DOCUMENT) {
        spoil(format!("without `{path}`"), &|files| drop(files.remove(path)));
    }
    for path in ["extra", "records/extra", "records/00-fire/extra", "drafts/1"] {
        spoil(format!("with `{path}`"), &|files| drop(files.insert(path.into(), b"x".to_vec())));
    }
    spoil("under another name".into(), &|files| {
        let document = files.remove(DOCUMENT).unwrap();
        files.insert("mug.alloy.json".into(), document);
    });
    // Bits all over the document: names, values, digests, signatures and white space.
    let length = good[DOCUMENT].len();
    for step in 0..16 {
        let at = length * step / 16;
        spoil(format!("bit 0 of byte {at} of the document"), &|files| files.get_mut(DOCUMENT).unwrap()[at] ^= 1);
    }
    let edits = [
        ("\"degrees\": 12.50", "\"degrees\": 12.5"),
        ("\"notes\": \"hot\"", "\"notes\": \"hat\""),
        ("\"heat\": 0.25", "\"heat\": 0.26"),
        ("\"seconds\": 1.5", "\"seconds\": 1.4"),
        ("\"bytes\": 5", "\"bytes\": 6"),
        ("\"stageIndex\": 0", "\"stageIndex\": 1"),
        ("\"cycle\": 1", "\"cycle\": 2"),
        ("\"placedUnder\": \"model\"", "\"placedUnder\": \"madel\""),
        ("\"EdDSA\"", "\"ES256\""),
        ("\\ud83d\\ude00", "😀"),
        ("\"author\": \"tests\",\n", "\"author\": \"tests\", \n"),
        ("\"author\": \"tests\",\n", "\"author\": \"tests\",\n  \"author\": \"tests\",\n"),
        ("\"name\": \"cup\"", "\"name\": \"../cup\""),
    ];
    for (old, new) in edits {
        spoil(format!("{old} made {new}"), &|files| {
            let text = String::from_utf8(files[DOCUMENT].clone()).unwrap().replacen(old, new, 1);
            files.insert(DOCUMENT.into(), text.into_bytes());
        });
    }
    // What no digest and no signature covers: the seal itself and where it stands.
    let restored = |change: &dyn Fn(&mut Value)| {
        let mut document = json_text::parse(&good[DOCUMENT], &Limits::DOCUMENT).unwrap();
        let mut seal = document.get("seal").unwrap().to_serde();
        change(&mut seal);
        document.as_object_mut().unwrap().insert("seal", Node::from_serde(&seal));
        (json_text::publish(&document) + "\n").into_bytes()
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let seals: [(&str, Change<'_>); 4] = [
        ("more in the seal", &|seal| seal["more"] = 1.into()),
        ("more in the seal's signature", &|seal| seal["signature"]["more"] = 1.into()),
        ("another order in the seal", &|seal| {
            let document = seal.as_object_mut().unwrap().shift_remove("document").unwrap();
            seal["document"] = document;
        }),
        ("a list for the seal's signature", &|seal| {
            seal["signature"] = seal["signature"].as_object().unwrap().values().cloned().collect();
        }),
    ];
    for (what, change) in seals {
        spoil(what.into(), &|files| drop(files.insert(DOCUMENT.into(), restored(change))));
    }
    spoil("the seal put first".into(), &|files| {
        let document = json_text::parse(&good[DOCUMENT], &Limits::DOCUMENT).unwrap();
        let mut members: Vec<_> =
            document.as_object().unwrap().iter().map(|member| (member.name.clone(), member.value.clone())).collect();
        members.rotate_right(1);
        let moved = Node::from(TextValue::Object(members.into_iter().collect()));
        files.insert(DOCUMENT.into(), (json_text::publish(&moved) + "\n").into_bytes());
    });
    all
}

#[test]
fn both_verifiers_find_what_is_spoiled() {
    let good = files(&spec("vectors/artifact"));
    let with_checker = checker_runs();
    for (what, files) in spoiled(&good) {
        assert_ne!(ours(&files), Vec::<String>::new(), "not found by us: {what}");
        if with_checker {
            let (accepted, text) = theirs(&files);
            assert!(!accepted && text.starts_with("BAD "), "not found by the checker: {what}: {text}");
        }
    }
}

/// What the page asks for beyond digests: no two things at one place, records below `records/`.
#[test]
fn both_verifiers_refuse_an_honest_seal_over_what_is_no_folder() {
    let recipe = "name: cup\nversion: 1.0.0\nsource: {baseModel: clay, architecture: stoneware}\nstages:\n  - {type: fire}\n";
    let with_checker = checker_runs();
    for (record, expected) in [
        ("model/weights", "lie below"),
        ("records/../x", ""),
        ("README.md", "lie below"),
        ("records", "lie below"),
        (DOCUMENT, "one folder"),
    ] {
        let Ok(path) = aw_alloy::tree::TreePath::new(record) else { continue };
        let did = Did { records: vec![aw_alloy::tree::TreeEntry { path, ..entry("x", b"w") }], ..Did::default() };
        let document = artifact(recipe, vec![entry("weights", b"w")], vec![did], None).to_bytes();
        let files = Files::from([(DOCUMENT.into(), document), ("model/weights".into(), b"w".to_vec())]);
        let mut files = files;
        files.entry(record.into()).or_insert(b"w".to_vec());
        let found = ours(&files);
        assert!(found.iter().any(|it| it.contains(expected)), "{record}: {found:?}");
        if with_checker {
            assert!(!theirs(&files).0, "{record}");
        }
    }
}
