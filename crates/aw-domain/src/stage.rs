//! What a stage type is, what it is asked and what it answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aw_alloy::digest::Digest;
use aw_alloy::recipe::Recipe;
use aw_alloy::text::Problem;
use aw_alloy::tree::{TreeEntry, TreePath};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Context;

/// When a stage runs: input stages once, transform stages once a cycle, delivery stages once at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Prepares the source.
    Input,
    /// Changes or measures; repeated `cycles` times.
    Transform,
    /// Evaluates, packages, delivers.
    Delivery,
}

/// One kind of stage a domain offers.
#[derive(Clone)]
pub struct StageType {
    /// Its name in a recipe's `type`, kebab-case.
    pub name: &'static str,
    /// One sentence: what it does.
    pub summary: &'static str,
    /// When it runs.
    pub phase: Phase,
    /// JSON Schema of its members in a recipe that runs, `type` and `notes` left out.
    pub schema: Value,
    /// JSON Schema of its members in documents of any origin: every published member, and unknown ones are legal.
    pub document_schema: Value,
    /// What runs it.
    pub executor: Executor,
}

impl StageType {
    /// A stage type; documents may hold the members of `schema` and any others.
    pub fn new(name: &'static str, summary: &'static str, phase: Phase, schema: Value, executor: Executor) -> Self {
        let document_schema = open_schema(schema.clone());
        Self { name, summary, phase, schema, document_schema, executor }
    }

    /// A stage type with the members of `T` that nothing executes yet. In a recipe an unknown member is refused at every level.
    pub fn declared<T: schemars::JsonSchema>(name: &'static str, phase: Phase, summary: &'static str) -> Self {
        Self::new(name, summary, phase, closed_schema(schema_of::<T>()), Executor::DeclaredOnly)
    }

    /// Gives documents a schema of their own, where they hold other members than what runs takes.
    #[must_use]
    pub fn with_document_schema(mut self, schema: Value) -> Self {
        self.document_schema = open_schema(schema);
        self
    }
}

/// What runs a stage.
#[derive(Clone)]
pub enum Executor {
    /// This program.
    Here(Arc<dyn Stage>),
    /// Nothing yet: documents may declare the stage, a plan refuses it.
    DeclaredOnly,
}

/// The JSON Schema of a configuration type.
pub fn schema_of<T: schemars::JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// The same schema with unknown members legal at every level, as they are in documents.
///
/// # Source
/// The alloy format, section 1: unknown members survive.
pub fn open_schema(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            for closing in ["additionalProperties", "unevaluatedProperties"] {
                if members.get(closing) == Some(&Value::Bool(false)) {
                    members.shift_remove(closing);
                }
            }
            members.values_mut().for_each(|member| *member = open_schema(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = open_schema(item.take())),
        _ => {}
    }
    schema
}

/// The same schema with unknown members refused in every object it defines, as they are in recipes; an object that takes members of
/// any name goes on taking them.
pub fn closed_schema(mut schema: Value) -> Value {
    close(&mut schema);
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
    definitions.into_iter().flat_map(serde_json::Map::values_mut).for_each(close);
    schema
}

fn close(definition: &mut Value) {
    if definition.get("properties").is_some() && definition.get("additionalProperties").is_none() {
        definition["additionalProperties"] = Value::Bool(false);
    }
}

/// One transformation: input tree and configuration to output tree and measurements.
pub trait Stage: Send + Sync {
    /// Version of the code that makes the output. Part of the stage key: bump it whenever the same inputs would give other bytes.
    fn code_version(&self) -> u32;

    /// Whether it measures what a cycle costs. Such a stage runs after every cycle when there are several, and not only at the end.
    fn measures_cycles(&self) -> bool {
        false
    }

    /// Names what the stage reads. Only that enters its key, so that a change elsewhere does not run it again.
    ///
    /// # Errors
    /// Every problem found, with its place below the stage.
    fn reads(&self, config: &Value, recipe: &Recipe) -> Result<Reads, Vec<Problem>>;

    /// Refuses what can be refused and estimates the rest, before any content is read.
    ///
    /// # Errors
    /// Every reason to refuse, with its place below the stage.
    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>>;

    /// Does the work, writing files through `context`.
    ///
    /// # Errors
    /// [`Failure`] with the place and the remedy; nothing of a failed stage is kept.
    ///
    /// # Determinism
    /// Equal configuration and inputs must give equal files and measurements; whatever may differ belongs in
    /// [`Output::records`] and [`Output::observations`].
    fn run(&self, config: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure>;
}

/// What a stage reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Folders of the current tree; `""` is all of it.
    pub folders: Vec<String>,
    /// Whether the unmodified source is read too.
    pub source: bool,
    /// Files the recipe points to.
    pub files: Vec<FileInput>,
}

/// A file outside the tree that a recipe points to and pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// The name the stage asks for it by.
    pub name: String,
    /// Where it is, as the recipe says, relative to the recipe's folder.
    pub path: String,
    /// The content the recipe demands.
    pub digest: Option<Digest>,
    /// Path of the declaration in the recipe, for messages.
    pub declared_at: String,
}

/// What a stage is asked at plan time.
pub struct PlanRequest<'a> {
    /// The stage's configuration.
    pub config: &'a Value,
    /// The whole recipe.
    pub recipe: &'a Recipe,
    /// Where the source is.
    pub source: &'a Path,
    /// What the source resolver and the stages before have said.
    pub facts: &'a Value,
    /// Where the files it reads are, by name.
    pub files: &'a BTreeMap<String, PathBuf>,
}

/// What a stage expects to take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Peak anonymous memory, in bytes.
    pub memory_bytes: u64,
    /// Wall-clock time in seconds; `None` where nothing is known.
    pub seconds: Option<f64>,
    /// Whether it runs in a child process under a memory limit.
    pub heavy: bool,
    /// Lines worth telling the person who planned.
    pub notes: Vec<String>,
    /// The facts the next stage plans with.
    #[serde(skip)]
    pub facts: Value,
}

/// Where a running stage finds its inputs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inputs {
    /// Folder of the current tree by the name in [`Reads::folders`].
    pub folders: BTreeMap<String, PathBuf>,
    /// Entries of those folders, paths relative to the whole tree.
    pub entries: Vec<TreeEntry>,
    /// The unmodified source's folder, when the stage reads it.
    pub source: Option<PathBuf>,
    /// Entries of the source, relative to its folder.
    pub source_entries: Vec<TreeEntry>,
    /// Files by name.
    pub files: BTreeMap<String, PathBuf>,
    /// Their digests by name.
    pub digests: BTreeMap<String, Digest>,
    /// Name and version of the recipe's source, for labels.
    pub source_label: String,
}

/// What a stage made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Output {
    /// Folders of the input tree whose files do not survive unless carried.
    pub replaces: Vec<String>,
    /// Files written, by their path in the output tree.
    pub writes: Vec<TreeEntry>,
    /// Files of the input tree that go on under another (or the same) path.
    pub carries: Vec<Carry>,
    /// Files that say how it went (times, sidecars): signed and kept beside the tree, never part of its identity.
    pub records: Vec<TreeEntry>,
    /// What was measured; equal for equal inputs. Tables worth showing at the end of a run stand under `tables`, as
    /// `[{title, columns, rows}]`.
    pub measurements: Value,
    /// What may differ between runs: durations, throughput, memory.
    pub observations: Value,
}

/// A file that goes on unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carry {
    /// Path in the input tree.
    pub from: TreePath,
    /// Path in the output tree.
    pub path: TreePath,
}

/// Why a stage ended without an output. Crosses the process boundary, so it holds text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Stable name of the kind of failure; `cancelled` when it was asked to stop.
    pub code: String,
    /// What went wrong and where.
    pub message: String,
    /// What it followed from, outermost first.
    pub causes: Vec<String>,
    /// What would be right.
    pub hint: Option<String>,
}

impl Failure {
    /// The code of a failure that was asked for.
    pub const CANCELLED: &'static str = "cancelled";

    /// A failure with a stable code and a message.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), causes: Vec::new(), hint: None }
    }

    /// A failure from an error and its sources.
    pub fn from_error(code: &str, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string).collect();
        Self { causes, ..Self::new(code, error.to_string()) }
    }

    /// The stage was asked to stop and did.
    pub fn cancelled() -> Self {
        Self::new(Self::CANCELLED, "the run was cancelled")
    }

    /// Adds what would be right.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the stage was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.code == Self::CANCELLED
    }
}
