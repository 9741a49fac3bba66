//! What a part needs, what a node has, and whether one fits the other. Pure: plans, sizes and times are handed in.
//!
//! # Source
//! The foundry and line, section 3.8: tiers L0 device memory, L1 memory, L2 hot, L3 cold, L4 network; speeds feed the estimates of time.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use aw_foundry::{Cached, Plan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::node::{NetworkPurpose, NodeFile};

/// Earlier runs of the same recipe that an estimate is made of.
const RUNS_MAX: usize = 5;

/// What building a part takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Needs {
    /// Memory that the step that takes most expects, in bytes.
    pub memory_bytes: u64,
    /// What the store takes, in bytes.
    pub disk_bytes: u64,
    /// What must be fetched of the source, in bytes.
    pub fetch_bytes: u64,
    /// What must be read of the source before the first stage, in bytes.
    pub read_bytes: u64,
    /// Memory an accelerator must have, in bytes; none where the recipe asks for none or goes without.
    pub device_bytes: Option<u64>,
    /// What the steps that may run expect to take, in seconds; `null` when that is not known of all.
    pub compute_seconds: Option<f64>,
    /// What the recipe's author expects, in seconds.
    pub declared_seconds: Option<f64>,
    /// Where the source lies.
    pub source: PathBuf,
}

impl Needs {
    /// What a plan needs. Steps that are in the store already need nothing.
    pub fn of(plan: &Plan) -> Self {
        let to_run: Vec<_> = plan.steps.iter().filter(|step| step.cached != Cached::Hit).collect();
        let hardware = plan.recipe.root().hardware.clone().unwrap_or_default();
        Self {
            memory_bytes: to_run.iter().map(|step| step.estimate.memory_bytes).max().unwrap_or(0),
            disk_bytes: plan.disk_bytes,
            fetch_bytes: plan.source.remote.as_ref().map_or(0, |remote| remote.missing_bytes),
            read_bytes: plan.source_state.to_hash_bytes,
            device_bytes: hardware.min_vram_gb.filter(|gb| *gb > 0.0 && !hardware.supports_cpu).map(crate::node::bytes),
            // The sum of nothing is -0; nothing takes no time.
            compute_seconds: to_run.iter().map(|step| step.estimate.seconds).sum::<Option<f64>>().map(|seconds| seconds + 0.0),
            declared_seconds: hardware.estimated_duration_minutes.map(|minutes| minutes * 60.0),
            source: plan.source.folder.clone(),
        }
    }
}

/// A place on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Space {
    /// The folder.
    pub path: PathBuf,
    /// What is free there, in bytes.
    pub free_bytes: u64,
    /// What is to stay free, in bytes.
    pub floor_bytes: u64,
    /// Which file system it is; equal numbers are the same one.
    pub device: u64,
}

/// What a node has.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'a> {
    /// Its file.
    pub file: &'a NodeFile,
    /// The line's root.
    pub root: &'a Path,
    /// The memory of the machine or of the container it is in, in bytes, where that is known.
    pub memory_bytes: Option<u64>,
    /// Where work is done.
    pub hot: Space,
    /// Where the store is.
    pub store: Space,
}

/// What a part lacks on a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lack {
    /// What is too little.
    pub what: Resource,
    /// How much is needed: bytes, or seconds.
    pub needed: f64,
    /// How much there is: bytes, or seconds.
    pub there: f64,
    /// Where.
    pub place: String,
}

/// What a part takes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Memory, in bytes.
    Memory,
    /// Memory of an accelerator, in bytes.
    Device,
    /// Disk, in bytes.
    Disk,
    /// Time, in seconds.
    Time,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, needed, there, place } = self;
        match what {
            Resource::Memory => write!(f, "it needs {} of memory, {place} has {}", size(*needed), size(*there)),
            Resource::Device => write!(f, "it needs an accelerator with {}, {place} has {}", size(*needed), size(*there)),
            Resource::Disk => write!(f, "it needs {} of disk, {place} has {} above its floor", size(*needed), size(*there)),
            Resource::Time => write!(f, "it needs about {needed:.0} s, {place} gives {there:.0} s"),
        }
    }
}

/// A size in decimal units, as the node file counts.
fn size(bytes: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|(factor, _)| bytes >= *factor) {
        Some((factor, unit)) => format!("{:.2} {unit}", bytes / factor),
        None => format!("{bytes:.0} bytes"),
    }
}

/// Everything a part lacks on a node; empty when it fits.
pub fn lacks(needs: &Needs, estimate: &Estimate, node: &Node<'_>) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let mut hold = |what, needed: f64, there: f64, place: String| {
        if needed > there {
            lacks.push(Lack { what, needed, there, place });
        }
    };
    let (limit, memory) = (node.file.forge.memory_limit_bytes(), node.memory_bytes);
    let needed = number(needs.memory_bytes);
    match (limit, memory) {
        (Some(limit), memory) if memory.is_none_or(|memory| limit <= memory) => {
            hold(Resource::Memory, needed, number(limit), "`memory_limit_gb` of the node file".into());
        }
        (_, Some(memory)) => hold(Resource::Memory, needed, number(memory), "the machine".into()),
        (_, None) => {}
    }
    if let Some(device) = needs.device_bytes {
        hold(Resource::Device, number(device), number(node.file.node.gpu_vram_bytes()), "the node file's `gpu_vram_gb`".into());
    }
    let above_floor = |space: &Space| number(space.free_bytes.saturating_sub(space.floor_bytes));
    let disk = |space: &Space, bytes: u64| (number(bytes), above_floor(space), format!("`{}`", space.path.display()));
    // The store takes what the stages write and what is fetched; the artifact is linked where both lie on one file system, and copied
    // where they do not.
    let stored = needs.disk_bytes.saturating_add(needs.fetch_bytes);
    if node.hot.device == node.store.device {
        let tighter = if node.hot.floor_bytes >= node.store.floor_bytes { &node.hot } else { &node.store };
        let (needed, there, place) = disk(tighter, stored);
        hold(Resource::Disk, needed, there, place);
    } else {
        for (space, bytes) in [(&node.store, stored), (&node.hot, needs.disk_bytes)] {
            let (needed, there, place) = disk(space, bytes);
            hold(Resource::Disk, needed, there, place);
        }
    }
    if let (Some(seconds), Some(limit)) = (estimate.seconds, node.file.forge.time_limit()) {
        hold(Resource::Time, seconds, limit.as_secs_f64(), "`time_limit_minutes` of the node file".into());
    }
    lacks
}

/// How long a part is expected to take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// In seconds; `null` when nothing tells.
    pub seconds: Option<f64>,
    /// What it is made of.
    pub basis: Basis,
    /// Of them for fetching and reading the source, in seconds; `null` when the tier's speed is not declared.
    pub transfer_seconds: Option<f64>,
}

/// What an estimate is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Earlier parts of the same content.
    History,
    /// What the stages say, and the tiers' speeds.
    Plan,
    /// What the recipe's author says.
    Recipe,
    /// Nothing tells.
    Unknown,
}

/// Estimates how long a part takes: what earlier parts of the same content took (the median of the last five), else what its stages say
/// with the tiers' speeds, else what its author says.
pub fn estimate(needs: &Needs, content: &str, history: &History, file: &NodeFile, root: &Path) -> Estimate {
    let transfer_seconds = transfer_seconds(needs, file, root);
    if let Some(seconds) = history.median(content) {
        return Estimate { seconds: Some(seconds), basis: Basis::History, transfer_seconds };
    }
    // Where a stage's time is known and the speed of the tier is not, the source costs what it costs on top.
    match (needs.compute_seconds, needs.declared_seconds) {
        (Some(seconds), _) => {
            Estimate { seconds: Some(seconds + transfer_seconds.unwrap_or(0.0)), basis: Basis::Plan, transfer_seconds }
        }
        (None, Some(seconds)) => Estimate { seconds: Some(seconds), basis: Basis::Recipe, transfer_seconds },
        (None, None) => Estimate { seconds: None, basis: Basis::Unknown, transfer_seconds },
    }
}

/// How long fetching and reading the source takes, by the speeds of the tiers it comes from.
fn transfer_seconds(needs: &Needs, file: &NodeFile, root: &Path) -> Option<f64> {
    let mb = |bytes: u64| number(bytes) / 1e6;
    let speed = |speed: Option<f64>| speed.filter(|speed| *speed > 0.0);
    let fetch = match needs.fetch_bytes {
        0 => Some(0.0),
        bytes => {
            let sources = |tier: &&crate::node::Network| tier.purpose.contains(&NetworkPurpose::SourceWeights);
            let tier = file.storage.network.iter().find(sources).or(file.storage.network.first());
            tier.and_then(|tier| speed(tier.read_mb_per_sec)).map(|speed| mb(bytes) / speed)
        }
    };
    let read = match needs.read_bytes {
        0 => Some(0.0),
        bytes => {
            let holds = |tier: &&crate::node::Cold| needs.source.starts_with(tier.folder(root));
            match file.storage.cold.iter().find(holds) {
                Some(tier) => speed(tier.read_mb_per_sec).map(|speed| mb(bytes) / speed),
                // The hot tier declares no speed: its time is in what the stages say.
                None => Some(0.0),
            }
        }
    };
    Some(fetch? + read?)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are compared and shown, to far fewer digits")]
fn number(bytes: u64) -> f64 {
    bytes as f64
}

/// How long earlier parts took, by their content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    took: BTreeMap<String, Vec<f64>>,
}

impl History {
    /// Takes one earlier part in; the latest come last. A time that cannot be is left out: clocks jump.
    pub fn add(&mut self, content: &str, seconds: f64) {
        if seconds.is_finite() && seconds >= 0.0 {
            self.took.entry(content.to_owned()).or_default().push(seconds);
        }
    }

    /// The median of the last parts of that content.
    pub fn median(&self, content: &str) -> Option<f64> {
        let took = self.took.get(content)?;
        let mut last: Vec<f64> = took.iter().rev().take(RUNS_MAX).copied().collect();
        last.sort_by(f64::total_cmp);
        let middle = last.len() / 2;
        match last.as_slice() {
            [] => None,
            last if last.len() % 2 == 1 => Some(last[middle]),
            last => Some(f64::midpoint(last[middle - 1], last[middle])),
        }
    }
}

#[cfg(test)]
mod tests;
