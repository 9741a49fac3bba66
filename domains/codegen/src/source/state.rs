//! What was generated last, so that nothing is generated twice.
//!
//! The comparison is always with what was generated, never with a validator that somebody announces: a notification of a change carries the
//! validator of the change, and a source asked with that one would say that nothing changed.

use std::collections::BTreeMap;
use std::path::Path;

use aw_alloy::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::delivery::{DiskError, disk};

/// Longest state, in bytes.
const STATE_BYTES_MAX: u64 = 64 << 20;

/// Why nothing has to be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoChange {
    /// The source says so.
    Source,
    /// It has the same graph.
    Graph,
    /// It makes the same model.
    Model,
}

/// What is to be generated: what the result depends on beside the ontology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Where the ontology is read.
    pub source_uri: &'a str,
    /// Version of the forge.
    pub forge_version: &'a str,
    /// How members are named on the wire.
    pub profile: &'a str,
    /// For which targets.
    pub targets: &'a [String],
    /// Digest of every other option that changes the result: templates, bindings, shapes, lossy ranges.
    pub options: Digest,
}

/// What one target was generated from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    /// State of the source.
    pub validator: Option<String>,
    /// Identity of the graph, when it was RDF.
    pub graph_digest: Option<Digest>,
    /// Identity of the model.
    pub model_digest: Digest,
}

/// What was generated last, for everything that was ever asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    generated: BTreeMap<String, Generated>,
}

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It has another form.
    #[error("the state of what was generated has another form ({0}); remove it to generate everything anew")]
    Form(#[from] serde_json::Error),
}

impl State {
    /// Reads the state; where there is none, nothing was generated.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn read(path: &Path) -> Result<Self, StateError> {
        Ok(disk::read(path, STATE_BYTES_MAX)?.map(|bytes| serde_json::from_slice(&bytes)).transpose()?.unwrap_or_default())
    }

    /// Replaces the state in one step.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn write(&self, path: &Path) -> Result<(), StateError> {
        let folder = disk::parent(path);
        disk::ensure_dir(folder)?;
        let aside = folder.join(format!(".{}.tmp", disk::unique()));
        Ok(disk::replace(&aside, path, &serde_json::to_vec_pretty(self)?)?)
    }

    /// The validator to ask the source with: the one that every target was generated from last.
    pub fn validator(&self, asked: &Asked<'_>) -> Option<&str> {
        self.common(asked, |last| last.validator.as_deref())
    }

    /// Whether the source is in the state that everything asked was generated from last.
    pub fn same_source(&self, asked: &Asked<'_>, validator: Option<&str>) -> bool {
        validator.is_some() && self.validator(asked) == validator
    }

    /// Whether everything asked was generated from this graph last.
    pub fn same_graph(&self, asked: &Asked<'_>, graph: &Digest) -> bool {
        self.common(asked, |last| last.graph_digest) == Some(*graph)
    }

    /// Whether everything asked was generated from this model last.
    pub fn same_model(&self, asked: &Asked<'_>, model: &Digest) -> bool {
        self.common(asked, |last| Some(last.model_digest)) == Some(*model)
    }

    /// Remembers what everything asked was generated from.
    pub fn record(&mut self, asked: &Asked<'_>, generated: &Generated) {
        for target in asked.targets {
            self.generated.insert(key(asked, target), generated.clone());
        }
    }

    /// What is the same for every target; `None` when something was never generated or they differ.
    fn common<'s, T: PartialEq>(&'s self, asked: &Asked<'_>, of: impl Fn(&'s Generated) -> Option<T>) -> Option<T> {
        let mut found = None;
        for target in asked.targets {
            let value = of(self.generated.get(&key(asked, target))?)?;
            match &found {
                Some(other) if *other != value => return None,
                Some(_) => {}
                None => found = Some(value),
            }
        }
        found
    }
}

/// A name for what is asked, without ambiguity: the parts as a JSON list.
fn key(asked: &Asked<'_>, target: &str) -> String {
    serde_json::json!([asked.source_uri, asked.forge_version, asked.profile, target, asked.options.hex()]).to_string()
}
