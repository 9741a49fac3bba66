//! A sealed artifact, small and whole, as a run leaves it, and a line's root around it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aw_alloy::artifact::{Artifact, Forged};
use aw_alloy::chain::{CHAIN_FORMAT, Chain, ChainSource, Link, replay, stage_key};
use aw_alloy::digest::{Digest, LinkDigest};
use aw_alloy::keys::{PublicKey, SecretKey};
use aw_alloy::recipe::{Notation, Recipe, StageSchema, Vocabulary};
use aw_alloy::tree::{Tree, TreeEntry, TreePath};
use aw_domain::{Domain, Objection, Registry, StageType};
use aw_line::Root;
use aw_line::node::NodeFile;
use aw_ship::{Bundle, Door, Policy, Provenance, Publisher, ShipError, Shipped, Step, Target, publisher};
use serde_json::{Value, json};

pub const NAME: &str = "compact";

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
        ["acceptanceCriteria", "license", "evaluationCorpora"].map(|name| (name.to_owned(), json!({}))).to_vec()
    }
    fn type_byte(&self, _: &str) -> Option<u8> {
        None
    }
}

/// What the vocabulary's domain knows.
struct OpenDomain {
    card: Option<String>,
    objections: Vec<Objection>,
}

impl Domain for OpenDomain {
    fn id(&self) -> &str {
        "open"
    }
    fn version(&self) -> &str {
        "1"
    }
    fn type_byte(&self) -> u8 {
        0xff
    }
    fn stage_types(&self) -> Vec<StageType> {
        Vec::new()
    }
    fn card(&self, artifact: &Artifact) -> Option<String> {
        self.card.clone().filter(|_| artifact.name() == NAME)
    }
    fn objections(&self, _: &Artifact) -> Vec<Objection> {
        self.objections.clone()
    }
}

/// The card of the artifact.
pub const CARD: &str = "# compact\n";

/// What an artifact is made with.
#[derive(Clone)]
pub struct Making {
    pub criteria: bool,
    /// Whether it meets its criteria.
    pub meets: bool,
    pub license: &'static str,
    pub version: &'static str,
    /// The card it is sealed with.
    pub card: Option<&'static str>,
    /// The version of the program that made it.
    pub program: &'static str,
    /// Further members of the recipe.
    pub members: &'static str,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Default for Making {
    fn default() -> Self {
        let weights: Vec<u8> = (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let files = [
            ("gguf/compact-Q8_0.gguf", weights.clone()),
            ("model/model.safetensors", weights[..70_000].to_vec()),
            ("model/config.json", b"{\"model_type\": \"olmoe\"}\n".to_vec()),
            ("evaluation/samples.jsonl", b"{\"q\": 1}\n{\"q\": 2}\n".to_vec()),
            ("model/empty.txt", Vec::new()),
        ];
        let files = files.map(|(name, bytes)| (name.to_owned(), bytes)).into();
        Self {
            criteria: true,
            meets: true,
            license: "apache-2.0",
            version: "1.0.0",
            card: Some(CARD),
            program: "1",
            members: "",
            files,
        }
    }
}

pub fn forge_key() -> SecretKey {
    SecretKey::from_bytes(&[3; 32])
}

pub fn door_key() -> SecretKey {
    SecretKey::from_bytes(&[4; 32])
}

fn entry(path: &str, content: &[u8]) -> TreeEntry {
    TreeEntry { path: TreePath::new(path).unwrap(), digest: Digest::of(content), bytes: content.len() as u64 }
}

/// Makes an artifact's folder; gives the recipe's id too.
pub fn make(folder: &Path, making: &Making) -> Artifact {
    let criteria = if making.criteria { "acceptanceCriteria: {integrity: {modelHashRequired: true}}\n" } else { "" };
    let text = format!(
        "name: {NAME}\nversion: {}\nlicense: {:?}\ndescription: small\n{criteria}{}source: {{baseModel: clay, architecture: olmoe}}\nstages:\n  - {{type: fire}}\n",
        making.version, making.license, making.members
    );
    let recipe = Recipe::read(text.as_bytes(), Notation::Yaml, &Open).unwrap();
    let clay = Tree::new(vec![entry("clay", b"clay")]).unwrap();
    let source = ChainSource { root: clay.root(), placed_under: "source".into(), files: clay };
    let tree = source.first_tree().unwrap();
    let writes: Vec<TreeEntry> = making.files.iter().map(|(path, bytes)| entry(path, bytes)).collect();
    let after = replay(&tree, &[], &[], &writes).unwrap();
    let read = BTreeMap::from([("source".to_owned(), tree.folder("source").root().digest())]);
    let stage = &recipe.stages()[0];
    let mut link = Link {
        index: 0,
        previous: LinkDigest::of_source(source.root),
        stage_index: 0,
        cycle: 1,
        stage_type: stage.name.clone(),
        stage_key: stage_key(&stage.name, 1, &stage.config, &read).unwrap(),
        configuration: stage.config.clone(),
        code_version: 1,
        input: tree.root(),
        read,
        replaces: vec![],
        carries: vec![],
        writes,
        output: after.root(),
        records: vec![entry("records/00-fire/log.json", b"ok")],
        measurements: json!({}),
        observations: json!({}),
        signature: None,
    };
    let key = forge_key();
    link.sign(&key).unwrap();
    let hash = Digest::of(b"weights").to_string();
    let learned = if making.meets { json!({"integrity": {"modelHash": hash}}) } else { json!({}) };
    let forged = Forged {
        recipe: &recipe,
        output: after.root(),
        chain: Chain { format: CHAIN_FORMAT.into(), source, links: vec![link] },
        forged_at: "2026-11-20T10:00:00Z",
        code: json!({"runner": "test", "version": making.program, "binaryHash": "sha256:00"}),
        learned: learned.as_object().unwrap().clone(),
    };
    let artifact = Artifact::assemble(forged).unwrap().seal(making.card.map(str::as_bytes), &key);
    let mut files = making.files.clone();
    files.insert("source/clay".into(), b"clay".to_vec());
    files.insert("records/00-fire/log.json".into(), b"ok".to_vec());
    files.extend(making.card.map(|card| ("README.md".to_owned(), card.into())));
    files.insert(format!("{NAME}.alloy.json"), artifact.to_bytes());
    aw_testkit::write_files(folder, &files);
    artifact
}

/// A node with a cold tier, `cold` beside the root.
pub fn node() -> NodeFile {
    let text = "[protocol]\nversion = \"0.1\"\n[node]\nname = \"anvil\"\n[storage.hot]\npath = \".\"\n\
                [[storage.cold]]\nname = \"shelf\"\npath = \"../cold\"\nfs_type = \"xfs\"\n";
    NodeFile::parse(text.as_bytes()).unwrap().file
}

/// A finished part of a line.
pub fn part(root: &Path, name: &str) -> Result<Bundle, ShipError> {
    Bundle::of_part(&Root::open(root)?, &node(), name)
}

/// A root of a line with one finished part, as a worker leaves it.
pub fn line(root: &Path, making: &Making) -> Artifact {
    Root::init(root).unwrap();
    let forged = format!("work/{NAME}/artifact");
    let artifact = make(&root.join(&forged), making);
    let finished = root.join("line/finished");
    std::fs::write(finished.join(format!("{NAME}.artifact.json")), artifact.to_bytes()).unwrap();
    let result = json!({
        "completed_at": "2026-11-20T10:00:05Z", "forged_dir": forged, "artifactId": artifact.id().to_string(),
        "recipeId": artifact.text("recipeId"), "published": false, "scores": {"quiz": 75.0},
    });
    std::fs::write(finished.join(format!("{NAME}.result.json")), format!("{result:#}\n")).unwrap();
    std::fs::write(finished.join(format!("{NAME}.alloy.json")), "{\"name\": \"compact\"}\n").unwrap();
    artifact
}

/// A door whose settings a test may change.
pub struct Shop {
    pub key: SecretKey,
    pub policy: Policy,
    pub approvers: Vec<PublicKey>,
    pub trusted: Vec<PublicKey>,
    pub resolves: bool,
    /// What the artifact's domain renders.
    pub card: Option<String>,
    /// What it has against every artifact.
    pub objections: Vec<Objection>,
    /// Whether the domain is registered at all.
    pub known: bool,
    pub corpora: Option<PathBuf>,
}

impl Default for Shop {
    fn default() -> Self {
        let approvers = vec![door_key().public()];
        Self {
            key: door_key(),
            policy: Policy::Automatic,
            approvers,
            trusted: vec![],
            resolves: true,
            card: Some(CARD.to_owned()),
            objections: vec![],
            known: true,
            corpora: None,
        }
    }
}

impl Shop {
    pub fn with<T>(&self, watch: &dyn Fn(&Step) -> bool, act: impl FnOnce(&Door<'_>) -> T) -> T {
        let resolve = |artifact: &Artifact| {
            let missing = || Provenance::Missing { reason: "no such recipe".to_owned() };
            let found = artifact.text("recipeId").filter(|_| self.resolves);
            Ok(found.map_or_else(missing, |id| Provenance::Resolves { digest: Digest::of(id.as_bytes()) }))
        };
        let mut registry = Registry::new();
        if self.known {
            let domain = OpenDomain { card: self.card.clone(), objections: self.objections.clone() };
            registry.register(Arc::new(domain), "test").unwrap();
            registry.set_default(&["open"]).unwrap();
        }
        let door = Door {
            key: &self.key,
            policy: self.policy,
            approvers: &self.approvers,
            trusted: &self.trusted,
            corpora: self.corpora.as_deref(),
            registry: &registry,
            threads: 2,
            resolve: &resolve,
            now: &|| "2026-11-21T12:00:00Z".to_owned(),
            watch,
        };
        act(&door)
    }

    pub fn ship(&self, bundle: &Bundle, targets: &[Box<dyn Publisher>]) -> Result<Shipped, ShipError> {
        self.with(&|_| true, |door| door.ship(bundle, targets))
    }

    pub fn look(&self, bundle: &Bundle, targets: &[Box<dyn Publisher>]) -> Result<Shipped, ShipError> {
        self.with(&|_| true, |door| door.look(bundle, targets))
    }
}

/// A publisher that needs no credentials.
pub fn to_folder(path: &Path) -> Vec<Box<dyn Publisher>> {
    vec![publisher(&Target::Folder(path.to_owned()), &Default::default()).unwrap()]
}

/// The one version below a folder.
pub fn version(folder: &Path) -> PathBuf {
    let names: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    names[0].clone()
}

/// The rules that speak against shipping.
pub fn rules(shipped: &Shipped) -> Vec<String> {
    shipped.decision.reasons.iter().map(|reason| format!("{}/{}", reason.gate, reason.rule)).collect()
}
