#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;
use crate::chain::{Carried, ChainSource, Link, replay, stage_key};
use crate::recipe::{Notation, StageSchema, Vocabulary};
use crate::tree::{Tree, TreeEntry, TreePath};

struct Open;

impl Vocabulary for Open {
    fn domains(&self) -> Vec<String> {
        vec!["open".into()]
    }
    fn default_domains(&self) -> Vec<String> {
        self.domains()
    }
    fn stage_names(&self, _: &[String]) -> Vec<String> {
        Vec::new()
    }
    fn stage_schema(&self, _: &[String], _: &str) -> StageSchema {
        StageSchema::Found(json!({"type": "object"}))
    }
    fn root_members(&self, _: &[String]) -> Vec<(String, Value)> {
        Vec::new()
    }
    fn type_byte(&self, _: &str) -> Option<u8> {
        None
    }
}

fn entry(path: &str, content: &[u8]) -> TreeEntry {
    TreeEntry { path: TreePath::new(path).unwrap(), digest: Digest::of(content), bytes: content.len() as u64 }
}

fn key() -> SecretKey {
    SecretKey::from_bytes(&[3; 32])
}

/// Two stages: one writes a file and a record, one carries a source file to another place.
fn artifact(key: &SecretKey) -> Artifact {
    let text = "name: cup\nversion: 1.0.0\ndescription: a cup\nsource: {baseModel: clay, architecture: stoneware}\nstages:\n  - {type: fire, degrees: 12.50, notes: hot}\n  - {type: pack}\n";
    let recipe = Recipe::read(text.as_bytes(), Notation::Yaml, &Open).unwrap();
    let files = Tree::new(vec![entry("config.json", b"{}"), entry("weights", b"w")]).unwrap();
    let source = ChainSource { root: files.root(), placed_under: "model".into(), files };
    let mut tree = source.first_tree().unwrap();
    let mut previous = LinkDigest::of_source(source.root);
    let mut links = Vec::new();
    for (index, stage) in recipe.stages().iter().enumerate() {
        let (replaces, carries, writes, records) = if index == 0 {
            (vec![], vec![], vec![entry("model/weights", b"fired")], vec![entry("records/00-fire/log.json", b"ok")])
        } else {
            let carry = |name: &str| Carried {
                from: TreePath::new(format!("model/{name}")).unwrap(),
                path: TreePath::new(name).unwrap(),
            };
            (vec!["model".into()], vec![carry("config.json"), carry("weights")], vec![], vec![])
        };
        let after = replay(&tree, &replaces, &carries, &writes).unwrap();
        let read = BTreeMap::from([("model".to_owned(), tree.folder("model").root().digest())]);
        let mut link = Link {
            index: index as u32,
            previous,
            stage_index: index as u32,
            cycle: 1,
            stage_type: stage.name.clone(),
            stage_key: stage_key(&stage.name, 1, &stage.config, &read).unwrap(),
            configuration: stage.config.clone(),
            code_version: 1,
            input: tree.root(),
            read,
            replaces,
            carries,
            writes,
            output: after.root(),
            records,
            measurements: json!({"heat": 0.25}),
            observations: json!({"seconds": 1.5}),
            signature: None,
        };
        link.sign(key).unwrap();
        previous = link.digest();
        tree = after;
        links.push(link);
    }
    let chain = Chain { format: CHAIN_FORMAT.into(), source, links };
    let learned = json!({"results": {"benchmarks": [{"name": "é", "score": 12.0}]}});
    let forged = Forged {
        recipe: &recipe,
        chain,
        output: tree.root(),
        forged_at: "2026-01-02T03:04:05Z",
        code: json!({"runner": "test", "version": "1"}),
        learned: learned.as_object().unwrap().clone(),
    };
    Artifact::assemble(forged).unwrap().seal(Some(b"# Cup\n"), key)
}

fn places(bytes: &[u8], trusted: &[crate::keys::PublicKey]) -> Vec<String> {
    verify(bytes, "cup.alloy.json", trusted).findings.into_iter().map(|it| format!("{}: {}", it.place, it.message)).collect()
}

#[test]
fn a_sealed_artifact_is_good_and_names_its_files() {
    let bytes = artifact(&key()).to_bytes();
    let found = verify(&bytes, "cup.alloy.json", &[key().public()]);
    assert_eq!(found.findings, vec![]);
    assert_eq!(found.signer, Some(key().public()));
    let files: Vec<String> = found.files.iter().map(|it| format!("{} <- {}", it.path, it.origin)).collect();
    let expected = [
        "README.md <- card",
        "config.json <- source",
        "records/00-fire/log.json <- record of link 0 (fire)",
        "weights <- link 0 (fire)",
    ];
    assert_eq!(files, expected);
    assert_eq!(Artifact::read(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn every_changed_byte_is_found() {
    let bytes = artifact(&key()).to_bytes();
    for at in 0..bytes.len() {
        for change in [1u8, 0x20] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            assert!(!places(&changed, &[]).is_empty(), "byte {at} ^ {change}");
        }
        let mut shorter = bytes.clone();
        shorter.remove(at);
        assert!(!places(&shorter, &[]).is_empty(), "byte {at} removed");
    }
    let mut longer = bytes.clone();
    longer.push(b'\n');
    assert!(!places(&longer, &[]).is_empty());
}

/// Changes the document and writes it in proper form, so that only the proof can notice.
fn with(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = artifact(&key()).node().to_serde();
    change(&mut value);
    let mut text = json_text::publish(&Node::from_serde(&value));
    text.push('\n');
    text.into_bytes()
}

#[test]
fn findings_name_the_link() {
    type Change = Box<dyn FnOnce(&mut Value)>;
    let at = |pointer: &'static str, value: Value| -> Change { Box::new(move |it| *it.pointer_mut(pointer).unwrap() = value) };
    let swap: Change = Box::new(|it| it.pointer_mut("/chain/links").unwrap().as_array_mut().unwrap().swap(0, 1));
    let drop_last: Change = Box::new(|it| drop(it.pointer_mut("/chain/links").unwrap().as_array_mut().unwrap().pop()));
    let cases: Vec<(Change, &str)> = vec![
        (at("/chain/links/0/measurements/heat", json!(0.5)), "link 0 (fire)"),
        (at("/chain/links/1/observations/seconds", json!(9)), "link 1 (pack)"),
        (at("/chain/links/0/configuration/degrees", json!(13)), "link 0 (fire)"),
        (at("/stages/0/degrees", json!(13)), "link 0 (fire): its configuration is not that of `stages[0]`"),
        (at("/chain/links/0/writes/0/bytes", json!(6)), "link 0 (fire)"),
        (at("/chain/source/files/0/bytes", json!(6)), "source"),
        (at("/description", json!("another")), "seal: the document has digest"),
        (at("/seal/lastLink", json!(Digest::of(b"x"))), "seal: the seal is over another chain"),
        (at("/id", json!("ba7816bf-8f01-4fea-8141-40de5dae2223")), "document: the artifact's `id` cannot be read"),
        (at("/id", json!(1)), "document: the artifact's `id` is missing"),
        (swap, "link 1 (pack): it stands at position 0"),
        (drop_last, "seal: the seal is over another chain"),
    ];
    for (change, expected) in cases {
        let found = places(&with(change), &[]);
        assert!(found.iter().any(|it| it.starts_with(expected)), "{expected} in {found:#?}");
    }
}

#[test]
fn another_key_is_not_accepted() {
    let other = SecretKey::from_bytes(&[4; 32]);
    let found = places(&artifact(&key()).to_bytes(), &[other.public()]);
    assert!(found[0].starts_with("seal: signed by key"), "{found:?}");
    // A chain of one key under the seal of another.
    let mixed = artifact(&key()).seal(Some(b"# Cup\n"), &other).to_bytes();
    assert!(places(&mixed, &[]).iter().any(|it| it.starts_with("link 0 (fire): signed by key")));
}
