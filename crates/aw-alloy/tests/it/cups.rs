//! Artifacts made of a few words, for tests: an honest run over files that are given.

use std::collections::BTreeMap;

use aw_alloy::artifact::{Artifact, Forged};
use aw_alloy::chain::{CHAIN_FORMAT, Carried, Chain, ChainSource, Link, replay, stage_key};
use aw_alloy::digest::{Digest, LinkDigest};
use aw_alloy::keys::SecretKey;
use aw_alloy::recipe::{Notation, Recipe, StageSchema, Vocabulary};
use aw_alloy::text::{Node, json as text};
use aw_alloy::tree::{Tree, TreeEntry, TreePath};
use serde_json::{Value, json};

/// Name of the document that [`artifact`] makes.
pub const DOCUMENT: &str = "cup.alloy.json";

/// Takes any stage.
pub struct Open;

impl Vocabulary for Open {
    fn domains(&self) -> Vec<String> {
        vec!["open".into()]
    }
    fn default_domains(&self) -> Vec<String> {
        self.domains()
    }
    fn stage_names(&self, _: &[String]) -> Vec<String> {
        vec!["fire".into(), "glaze".into()]
    }
    fn stage_schema(&self, _: &[String], name: &str) -> StageSchema {
        match name {
            "fire" | "glaze" | "pack" => StageSchema::Found(json!({"type": "object"})),
            _ => StageSchema::Unknown,
        }
    }
    fn root_members(&self, _: &[String]) -> Vec<(String, Value)> {
        Vec::new()
    }
    fn type_byte(&self, _: &str) -> Option<u8> {
        None
    }
}

/// What one stage did.
#[derive(Default)]
pub struct Did {
    pub replaces: Vec<String>,
    pub carries: Vec<Carried>,
    pub writes: Vec<TreeEntry>,
    pub records: Vec<TreeEntry>,
}

pub fn key() -> SecretKey {
    SecretKey::from_bytes(&[3; 32])
}

pub fn entry(path: &str, content: &[u8]) -> TreeEntry {
    TreeEntry { path: TreePath::new(path).unwrap(), digest: Digest::of(content), bytes: content.len() as u64 }
}

pub fn carried(from: &str, path: &str) -> Carried {
    Carried { from: TreePath::new(from).unwrap(), path: TreePath::new(path).unwrap() }
}

/// Runs the stages of `recipe` (YAML) over `files` placed under `model`: one link a stage, all sealed by [`key`].
pub fn artifact(recipe: &str, files: Vec<TreeEntry>, did: Vec<Did>, card: Option<&[u8]>) -> Artifact {
    let recipe = Recipe::read(recipe.as_bytes(), Notation::Yaml, &Open).unwrap();
    let files = Tree::new(files).unwrap();
    let source = ChainSource { root: files.root(), placed_under: "model".into(), files };
    let mut tree = source.first_tree().unwrap();
    let mut previous = LinkDigest::of_source(source.root);
    let mut links = Vec::new();
    for (index, did) in did.into_iter().enumerate() {
        let stage = &recipe.stages()[index % recipe.stages().len()];
        let after = replay(&tree, &did.replaces, &did.carries, &did.writes).unwrap();
        let read = BTreeMap::from([
            ("tree:model".to_owned(), tree.folder("model").root().digest()),
            ("source".to_owned(), source.root.digest()),
        ]);
        let mut link = Link {
            index: index as u32,
            previous,
            stage_index: (index % recipe.stages().len()) as u32,
            cycle: (index / recipe.stages().len()) as u32 + 1,
            stage_type: stage.name.clone(),
            stage_key: stage_key(&stage.name, 1, &stage.config, &read).unwrap(),
            configuration: stage.config.clone(),
            code_version: 1,
            input: tree.root(),
            read,
            replaces: did.replaces,
            carries: did.carries,
            writes: did.writes,
            output: after.root(),
            records: did.records,
            measurements: json!({"heat": 0.25, "cracks": 0, "größe": [1e21, 1e-7, -0.5]}),
            observations: json!({"seconds": 1.5, "startedAt": "2026-01-02T03:04:05Z"}),
            signature: None,
        };
        link.sign(&key()).unwrap();
        previous = link.digest();
        tree = after;
        links.push(link);
    }
    let learned = json!({"results": {"benchmarks": [{"name": "é 😀", "score": 12.0, "base": 11.5}]}, "integrity": {"modelHash": tree.root()}});
    let forged = Forged {
        recipe: &recipe,
        chain: Chain { format: CHAIN_FORMAT.into(), source, links },
        output: tree.root(),
        forged_at: "2026-01-02T03:04:05Z",
        code: json!({"runner": "alloyworks-tests", "version": "1"}),
        learned: learned.as_object().unwrap().clone(),
    };
    Artifact::assemble(forged).unwrap().seal(card, &key())
}

/// The publishing serialisation with its line feed: what an artifact with this content would look like.
pub fn written(value: &Value) -> Vec<u8> {
    let mut bytes = text::publish(&Node::from_serde(value)).into_bytes();
    bytes.push(b'\n');
    bytes
}
