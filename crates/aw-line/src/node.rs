//! `factory_node.toml`: what a node says of itself. It is read as declared; a malformed one is refused with every problem's place, and
//! nothing is guessed in its stead.
//!
//! # Source
//! The foundry and line, section 3.8. The keys `memory_limit_gb`, `time_limit_minutes`, `workers` and `threads` of `[forge]` are
//! added by Alloyworks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aw_alloy::text::{Node, Problem, Schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod template;
mod text;

pub use template::{Machine, template};

/// The file's name, in the root.
pub const NODE_FILE: &str = "factory_node.toml";
/// The protocol this crate speaks: major, minor.
pub const PROTOCOL: (u32, u32) = (0, 1);
/// Longest file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;
/// Bytes of what the file calls a GB.
const GB: f64 = 1e9;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    /// The protocol.
    #[serde(default)]
    pub protocol: ProtocolTable,
    /// The machine and its roles.
    pub node: NodeTable,
    /// Where things rest.
    pub storage: StorageTable,
    /// How parts are built.
    #[serde(default)]
    pub forge: ForgeTable,
    /// The node among others.
    #[serde(default)]
    pub grid: GridTable,
}

/// `[protocol]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtocolTable {
    /// The version of the line's protocol, `major.minor`.
    #[serde(default = "version")]
    #[schemars(regex(pattern = r"^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})$"))]
    pub version: String,
}

/// `[node]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeTable {
    /// What the node is called.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// The machine's host name.
    pub hostname: Option<String>,
    /// What it does.
    #[serde(default = "both")]
    pub roles: Roles,
    /// How many accelerators it has.
    #[serde(default)]
    #[schemars(range(max = 4096))]
    pub gpu_count: u32,
    /// The memory of the largest accelerator, in GB.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub gpu_vram_gb: f64,
}

/// One role, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Roles {
    /// One.
    One(Role),
    /// Several.
    Several(#[schemars(length(min = 1))] Vec<Role>),
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It builds parts.
    Forge,
    /// It judges and publishes finished parts.
    Ship,
    /// Both, each in a process of its own.
    Both,
}

/// `[storage]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageTable {
    /// L2: where work is done.
    pub hot: Hot,
    /// L3: where work that is done with goes, in order of priority.
    #[serde(default)]
    pub cold: Vec<Cold>,
    /// L4: what is reached over the network.
    #[serde(default)]
    pub network: Vec<Network>,
}

/// `[storage.hot]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hot {
    /// A folder on the file system; relative ones start at the root.
    pub path: PathBuf,
    /// Free space that is to stay, in GB.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub min_free_gb: f64,
}

/// One `[[storage.cold]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cold {
    /// What it is called.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// The folder; relative ones start at the root. For `s3` the bucket and prefix.
    pub path: PathBuf,
    /// What kind of file system it is.
    pub fs_type: FileSystem,
    /// How fast it is written to, in MB a second.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub write_mb_per_sec: Option<f64>,
    /// How fast it is read, in MB a second.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub read_mb_per_sec: Option<f64>,
    /// Free space that is to stay, in GB.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub min_free_gb: Option<f64>,
    /// What it is for.
    #[serde(default)]
    pub purpose: Vec<ColdPurpose>,
}

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    /// Linux's usual one.
    Ext4,
    /// XFS.
    Xfs,
    /// A Windows drive under WSL.
    Drvfs,
    /// A network file system.
    Nfs,
    /// An object store.
    S3,
}

/// What a cold tier is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColdPurpose {
    /// Work folders that nothing needs any more.
    WorkArchive,
    /// Copies of what was published.
    PublishedBackup,
}

/// One `[[storage.network]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What it is called.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// What it is.
    pub kind: NetworkKind,
    /// Its address.
    pub endpoint: Option<String>,
    /// How fast it is read, in MB a second.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub read_mb_per_sec: Option<f64>,
    /// What it is for.
    #[serde(default)]
    pub purpose: Vec<NetworkPurpose>,
}

/// What a network tier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// The Hugging Face Hub, or what speaks as it does.
    Hf,
    /// Another node.
    Peer,
}

/// What a network tier is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkPurpose {
    /// Sources come from it.
    SourceWeights,
    /// Artifacts lie on it as well.
    ForgedArtifactMirror,
}

/// `[forge]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeTable {
    /// How often a part whose worker died goes back to intake before it goes to rework.
    #[serde(default = "max_retries")]
    #[schemars(range(max = 1000))]
    pub max_retries: u32,
    /// Memory the processes that build a part may take each, in GB; four fifths of the available memory without it.
    #[schemars(range(min = 0.001, max = 1_000_000_000))]
    pub memory_limit_gb: Option<f64>,
    /// How long a part may take, in minutes; without it there is no limit.
    #[schemars(range(min = 0.001, max = 10_000_000))]
    pub time_limit_minutes: Option<f64>,
    /// Workers that `line work` starts when the command line does not say.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub workers: u32,
    /// Threads a stage may use; all the machine gives, shared among the workers, without it.
    #[schemars(range(min = 1, max = 4096))]
    pub threads: Option<u32>,
}

/// `[grid]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridTable {
    /// Who coordinates.
    pub coordinator: Option<String>,
    /// How often a worker says that it is alive, in seconds.
    #[serde(default = "heartbeat_interval")]
    #[schemars(range(min = 1, max = 86400))]
    pub heartbeat_interval_seconds: u32,
}

/// A node file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadNode {
    /// What it says.
    pub file: NodeFile,
    /// What is in it that only a newer protocol knows; it is passed over.
    pub remarks: Vec<Problem>,
}

/// Why a node file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// There is none.
    #[error("there is no `{}`: the folder is no line's root", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It says what it may not, or not what it must.
    #[error("`{}` has {} problem{}", path.display(), problems.len(), if problems.len() == 1 { "" } else { "s" })]
    Malformed {
        /// The file.
        path: PathBuf,
        /// All of them, in the order of the text.
        problems: Vec<Problem>,
    },
}

impl NodeFile {
    /// Reads the node file of a root.
    ///
    /// # Errors
    /// [`NodeError`]; a malformed file is told whole, each problem with its line and column.
    pub fn read(root: &Path) -> Result<ReadNode, NodeError> {
        use std::io::Read;
        let path = root.join(NODE_FILE);
        let read = |path: &Path| -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            std::fs::File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > BYTES_MAX {
                return Err(io::Error::other(format!("it is longer than {BYTES_MAX} bytes")));
            }
            Ok(bytes)
        };
        match read(&path) {
            Ok(bytes) => Self::parse(&bytes).map_err(|problems| NodeError::Malformed { path, problems }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(NodeError::Missing(path)),
            Err(source) => Err(NodeError::Read { path, source }),
        }
    }

    /// Reads a node file's text.
    ///
    /// # Errors
    /// Every problem, in the order of the text.
    pub fn parse(bytes: &[u8]) -> Result<ReadNode, Vec<Problem>> {
        let text::Read { node, names } = text::tree(bytes)?;
        let (major, minor) = declared_version(&node);
        if major != PROTOCOL.0 {
            let at = node.get("protocol").and_then(|protocol| protocol.get("version")).map_or(node.at, |version| version.at);
            let message = format!("protocol {major}.{minor} is not known here, expected {}.x", PROTOCOL.0);
            let hint = "use a newer Alloyworks on this root";
            return Err(vec![Problem::new("unknown-protocol", "protocol.version", message).at(at).hint(hint)]);
        }
        let schema = schemars::schema_for!(Self).to_value();
        let schema =
            Schema::compile(&schema).map_err(|error| vec![Problem::new("bug", "", format!("this is a bug: {error}"))])?;
        let mut problems = schema.check(&node, "");
        // The check knows where values stand; where an unknown key's name stands, the reader knows.
        problems.iter_mut().for_each(|problem| problem.at = problem.at.or_else(|| names.get(&problem.path).copied()));
        problems.sort_by_key(|problem| problem.at);
        let newer = minor > PROTOCOL.1;
        let remarks: Vec<Problem> =
            if newer { problems.extract_if(.., |problem| problem.code == "unknown-field").collect() } else { Vec::new() };
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut value = node.to_serde();
        remarks.iter().for_each(|remark| forget(&mut value, &remark.message, &remark.path));
        let file: Self = serde_json::from_value(value)
            .map_err(|error| vec![Problem::new("node-file", "", format!("the file cannot be used: {error}"))])?;
        let problems = file.contradictions(&node);
        if problems.is_empty() { Ok(ReadNode { file, remarks }) } else { Err(problems) }
    }

    /// What is well-formed and yet cannot be meant.
    fn contradictions(&self, node: &Node) -> Vec<Problem> {
        let mut problems = Vec::new();
        let tiers = node.get("storage");
        let mut names: Vec<&str> = Vec::new();
        let cold = tiers.and_then(|storage| storage.get("cold")).and_then(|cold| cold.as_array()).unwrap_or_default();
        for (index, tier) in self.storage.cold.iter().enumerate() {
            let at = cold.get(index).map_or(node.at, |tier| tier.at);
            if names.contains(&tier.name.as_str()) {
                let message = format!("two cold tiers are called `{}`", tier.name);
                problems.push(Problem::new("same-name", format!("storage.cold[{index}].name"), message).at(at));
            }
            names.push(&tier.name);
            if tier.path.as_os_str().is_empty() {
                let message = "the path is empty, expected a folder";
                problems.push(Problem::new("empty-path", format!("storage.cold[{index}].path"), message).at(at));
            }
        }
        if self.storage.hot.path.as_os_str().is_empty() {
            let at = tiers.and_then(|storage| storage.get("hot")).map_or(node.at, |hot| hot.at);
            let message = "the path is empty, expected a folder; `.` is the root itself";
            problems.push(Problem::new("empty-path", "storage.hot.path", message).at(at));
        }
        problems
    }

    /// Whether the node builds parts.
    pub fn forges(&self) -> bool {
        self.has(Role::Forge)
    }

    /// Whether the node ships parts.
    pub fn ships(&self) -> bool {
        self.has(Role::Ship)
    }

    fn has(&self, role: Role) -> bool {
        let is = |found: &Role| *found == role || *found == Role::Both;
        match &self.node.roles {
            Roles::One(found) => is(found),
            Roles::Several(found) => found.iter().any(is),
        }
    }

    /// How often a worker says that it is alive.
    pub fn heartbeat_interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.grid.heartbeat_interval_seconds))
    }
}

impl ForgeTable {
    /// Memory the processes of a part may take each, in bytes.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        self.memory_limit_gb.map(bytes)
    }

    /// How long a part may take.
    pub fn time_limit(&self) -> Option<Duration> {
        self.time_limit_minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0))
    }
}

impl NodeTable {
    /// The memory of the largest accelerator, in bytes; none without an accelerator.
    pub fn gpu_vram_bytes(&self) -> u64 {
        if self.gpu_count == 0 { 0 } else { bytes(self.gpu_vram_gb) }
    }
}

/// A path as the node file has it, from the line's folder on; `.` is that folder and no part of the path.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path).components().collect()
}

impl Hot {
    /// The folder, for the line in `root`.
    #[must_use]
    pub fn folder(&self, root: &Path) -> PathBuf {
        below(root, &self.path)
    }

    /// Free space that is to stay, in bytes.
    pub fn min_free_bytes(&self) -> u64 {
        bytes(self.min_free_gb)
    }
}

impl Cold {
    /// The folder, for the line in `root`.
    #[must_use]
    pub fn folder(&self, root: &Path) -> PathBuf {
        below(root, &self.path)
    }

    /// Free space that is to stay, in bytes.
    pub fn min_free_bytes(&self) -> u64 {
        self.min_free_gb.map_or(0, bytes)
    }

    /// Whether work that is done with may go there: a file system, and one that is for it.
    pub fn takes_work(&self) -> bool {
        self.fs_type != FileSystem::S3 && (self.purpose.is_empty() || self.purpose.contains(&ColdPurpose::WorkArchive))
    }
}

impl Default for ProtocolTable {
    /// The version of a file that does not say it.
    fn default() -> Self {
        Self { version: version() }
    }
}

impl Default for ForgeTable {
    fn default() -> Self {
        Self { max_retries: max_retries(), memory_limit_gb: None, time_limit_minutes: None, workers: one(), threads: None }
    }
}

impl Default for GridTable {
    fn default() -> Self {
        Self { coordinator: None, heartbeat_interval_seconds: heartbeat_interval() }
    }
}

fn version() -> String {
    "0.0".into()
}

fn both() -> Roles {
    Roles::One(Role::Both)
}

fn max_retries() -> u32 {
    3
}

fn one() -> u32 {
    1
}

fn heartbeat_interval() -> u32 {
    30
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema keeps it between 0 and 1e18")]
pub(crate) fn bytes(gb: f64) -> u64 {
    (gb * GB) as u64
}

/// The version a file declares; 0.0 where it declares none. One that is no version is left to the schema.
fn declared_version(node: &Node) -> (u32, u32) {
    let parsed = node.get("protocol").and_then(|protocol| protocol.get("version")?.as_str()).and_then(|text| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    parsed.unwrap_or((0, 0))
}

/// Takes out a member that a problem calls unknown: the problem names it in its message, its parent in its path.
fn forget(value: &mut serde_json::Value, message: &str, path: &str) {
    let Some(name) = message.split('`').nth(1) else { return };
    let parent = path.strip_suffix(name).map_or(path, |parent| parent.trim_end_matches('.'));
    let mut place = value;
    for step in parent.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
        let next = match place {
            serde_json::Value::Object(members) => members.get_mut(step),
            serde_json::Value::Array(items) => step.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
            _ => None,
        };
        let Some(next) = next else { return };
        place = next;
    }
    if let Some(members) = place.as_object_mut() {
        members.shift_remove(name);
    }
}

#[cfg(test)]
mod tests;
