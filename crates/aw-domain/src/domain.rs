//! What a domain is.

use std::path::{Path, PathBuf};

use aw_alloy::artifact::Artifact;
use aw_alloy::chain::{Chain, Link};
use aw_alloy::digest::{Digest, TreeRoot};
use aw_alloy::gates::regression::Series;
use aw_alloy::recipe::{DerivedStage, Recipe};
use aw_alloy::text::Problem;
use aw_alloy::tree::{Tree, TreePath};
use serde_json::{Map, Value};

use crate::context::Progress;
use crate::stage::{Failure, StageType, open_schema};

/// A family of stage types with its own schemas and executors.
pub trait Domain: Send + Sync {
    /// Its identity, compared exactly.
    fn id(&self) -> &str;

    /// The version of its vocabulary. A changed vocabulary takes a new id, so that old documents keep resolving.
    fn version(&self) -> &str;

    /// The domain class a document of this domain carries in `typeByte`.
    fn type_byte(&self) -> u8;

    /// Its stage types. Must be the same at every call.
    fn stage_types(&self) -> Vec<StageType>;

    /// The recipe root members it adds to the universal ones.
    fn root_members(&self) -> Vec<RootMember> {
        Vec::new()
    }

    /// Finds the recipe's source and says what it is, reading no more than metadata.
    ///
    /// # Errors
    /// Every problem found, with its place in the recipe; a domain without sources refuses with one problem.
    fn source(&self, request: &SourceRequest<'_>) -> Result<Source, Vec<Problem>> {
        let _ = request;
        let message = format!("domain `{}` has no source resolver, its recipes cannot run here", self.id());
        Err(vec![Problem::new("source-unsupported", "source", message)])
    }

    /// Brings the rest of a source that comes from elsewhere into [`Source::folder`]. Asked by a run, never by a plan.
    ///
    /// # Errors
    /// [`Failure`] with what is missing and the remedy; what was brought stays, so that the next run goes on from there.
    fn fetch(&self, request: &FetchRequest<'_>) -> Result<(), Failure> {
        let _ = request;
        let message = format!("this is a bug: domain `{}` has a source elsewhere and no way to fetch it", self.id());
        Err(Failure::new("bug", message))
    }

    /// Derives the stages that turn the recipe's `source` into its `target`, in the order they run.
    ///
    /// `recipe` is the whole document: the stages also need what it declares beside the two. It is checked except for its stages.
    ///
    /// # Errors
    /// What cannot be derived, each with its path in the recipe; a domain that derives nothing refuses with one problem.
    fn derive_stages(&self, recipe: &Value) -> Result<Vec<DerivedStage>, Vec<Problem>> {
        let _ = recipe;
        let message = format!("domain `{}` derives no stages from a target, and the recipe has none", self.id());
        Err(vec![Problem::new("not-derivable", "target", message).hint("write the stages out in `stages`")])
    }

    /// Says where `target` says otherwise than `stages`, when a recipe has both. The stages are what runs.
    fn target_disagreements(&self, recipe: &Value) -> Vec<Problem> {
        let _ = recipe;
        Vec::new()
    }

    /// Derives the artifact's root members (`results`, `forgedParamsB`, parts of `integrity`, …) from what the chain measured.
    ///
    /// Only members that a run may add are taken; see [`aw_alloy::recipe::RUN_MEMBERS`].
    fn learned(&self, chain: &Chain, tree: &Tree) -> Map<String, Value> {
        let _ = (chain, tree);
        Map::new()
    }

    /// What the links so far measured that no cycle may make much worse unless the recipe says so: each quantity with the base's value
    /// first, then the value after each cycle. Asked after every link; a run halts on one that regressed.
    ///
    /// # Source
    /// The foundry and line, section 2.3.
    fn watched(&self, links: &[Link]) -> Vec<Series> {
        let _ = links;
        Vec::new()
    }

    /// Renders the artifact's card from the artifact alone; `None` when the domain has none.
    fn card(&self, artifact: &Artifact) -> Option<String> {
        let _ = artifact;
        None
    }

    /// What speaks against publishing an artifact as far as this domain knows, judged from the artifact alone, so that the answer is the
    /// same anywhere: above all whether what is shipped was run in what it is made for. Asked of artifacts whose chain was verified.
    ///
    /// # Source
    /// The foundry and line, section 5, gate 7.
    fn objections(&self, artifact: &Artifact) -> Vec<Objection> {
        let _ = artifact;
        Vec::new()
    }
}

/// Something that speaks against publishing an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The release gate, such as [`Objection::DEPLOYMENT`].
    pub gate: &'static str,
    /// The gate's rule, in kebab-case.
    pub rule: &'static str,
    /// What is wrong, where, and what would be right.
    pub message: String,
}

impl Objection {
    /// The gate that asks whether what is shipped runs in what it is made for.
    pub const DEPLOYMENT: &'static str = "deployment";

    /// An objection of the gate [`Objection::DEPLOYMENT`].
    pub fn deployment(rule: &'static str, message: impl Into<String>) -> Self {
        Self { gate: Self::DEPLOYMENT, rule, message: message.into() }
    }
}

/// A member a domain adds to the recipe's root.
#[derive(Clone, Debug)]
pub struct RootMember {
    /// Its name.
    pub name: &'static str,
    /// Its JSON Schema in a recipe that runs.
    pub schema: Value,
    /// Its JSON Schema in documents of any origin: unknown members are legal.
    pub document_schema: Value,
}

impl RootMember {
    /// A root member; documents may hold what `schema` says and any other members.
    pub fn new(name: &'static str, schema: Value) -> Self {
        let document_schema = open_schema(schema.clone());
        Self { name, schema, document_schema }
    }

    /// Gives documents a schema of their own, where they hold other members than what runs takes.
    #[must_use]
    pub fn with_document_schema(mut self, schema: Value) -> Self {
        self.document_schema = open_schema(schema);
        self
    }
}

/// What a source resolver is asked.
pub struct SourceRequest<'a> {
    /// The recipe, already checked against the schemas.
    pub recipe: &'a Recipe,
    /// The folder that relative paths in the recipe start from.
    pub recipe_folder: &'a Path,
    /// Whether nothing may be asked of any other machine.
    pub offline: bool,
}

/// What is asked of a domain whose source comes from elsewhere.
pub struct FetchRequest<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// What the resolver found.
    pub source: &'a Source,
    /// Whether nothing may be asked of any other machine.
    pub offline: bool,
    /// Asked often whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Told how far it is.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// A source found, on this machine or elsewhere.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is, or will be once it was fetched.
    pub folder: PathBuf,
    /// Which of its files are part of it, relative to `folder`.
    pub files: Vec<TreePath>,
    /// Folder of the tree that its files are placed under.
    pub placed_under: &'static str,
    /// The root its tree must have, when the recipe pins it.
    pub pinned_root: Option<TreeRoot>,
    /// What stages may want to know at plan time; the core does not look inside.
    pub facts: Value,
    /// Where it comes from, when that is another machine.
    pub remote: Option<Remote>,
}

/// A source that comes from another machine.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where it comes from, for people.
    pub label: String,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Bytes that are not in [`Source::folder`] yet; 0 when it is whole.
    pub missing_bytes: u64,
    /// A folder that holds the metadata of files that are missing; stages plan with it.
    pub plan_folder: Option<PathBuf>,
    /// What its files hold, as far as their origin says. A run refuses others.
    pub expected: Vec<(TreePath, Digest)>,
}

impl Source {
    /// The folder stages plan with: the source itself, or what is known of it until it is there.
    pub fn plan_folder(&self) -> &Path {
        let elsewhere = self.remote.as_ref().and_then(|remote| remote.plan_folder.as_deref());
        elsewhere.unwrap_or(&self.folder)
    }

    /// Whether something of it must be fetched first.
    pub fn is_missing(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.missing_bytes > 0)
    }
}
