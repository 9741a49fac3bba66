//! What can be asked of the forge: one function each, which the program, HTTP and the control plane all call.
//!
//! A [`Forge`] has a store (what was generated last, models to compare with, versions that were taken in), the sources it may read, the
//! compilers it may start and the key it signs with. Nothing here prints, reads the environment or decides how an answer looks.
//!
//! # Source
//! Codegen, sections 8, 11 and 12.

mod fault;
mod generate;
mod ingest;
mod models;
mod output;
mod read;
mod request;
mod versions;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aw_alloy::keys::SecretKey;

pub use fault::{Fault, FaultKind};
pub use request::{
    ArtifactView, ChangeView, Dependency, FileView, GenerateRequest, Generated, Health, IngestRequest, Ingested, Reading,
    Snapshot, TargetView, Targets, Validated,
};

use crate::delivery::{ArtifactStore, disk};
use crate::diff::Diff;
use crate::emit::{Profile, Target};
use crate::smoke::Toolchain;
use crate::source::{Location, Sources, State};

/// Version of the forge, as artifacts and headers carry it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long an answer of the upstream stands for those that ask whether the forge is ready.
const UPSTREAM_ANSWER_LASTS: Duration = Duration::from_secs(5);

/// What a forge works with.
pub struct Settings {
    /// The folder it remembers in.
    pub store: PathBuf,
    /// The folder that `out` of a request is below; `None` where the caller is who started the program, and may write what it may.
    pub out_root: Option<PathBuf>,
    /// What may be read.
    pub sources: Sources,
    /// Where compilers are.
    pub toolchain: Toolchain,
    /// Where artifacts are published.
    pub artifacts: Arc<dyn ArtifactStore + Send + Sync>,
    /// What artifacts are signed with.
    pub signing_key: Option<Arc<SecretKey>>,
    /// What must answer for the forge to be ready.
    pub upstream: Option<String>,
}

/// Makes contracts of ontologies.
pub struct Forge {
    settings: Settings,
    /// One change of the store at a time.
    writing: Mutex<()>,
    /// When the upstream was asked last, and why it did not answer.
    upstream: Mutex<Option<(Instant, Option<String>)>>,
}

impl Forge {
    /// A forge with its settings. Nothing is read or written yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, writing: Mutex::default(), upstream: Mutex::default() }
    }

    /// Compares two ontologies.
    ///
    /// # Errors
    /// [`Fault`] when one of them cannot be read.
    pub fn diff(&self, old: &str, new: &str, reading: &Reading) -> Result<Diff, Fault> {
        let (old, new) = (self.read(old, reading, None)?.ontology()?, self.read(new, reading, None)?.ontology()?);
        Ok(ingest::compared((&old.model, &old.facts), &new))
    }

    /// Checks an ontology against the shapes and the rules of the model. Writes nothing.
    ///
    /// # Errors
    /// [`Fault`] with everything that is wrong.
    pub fn validate(&self, source: &str, reading: &Reading) -> Result<Validated, Fault> {
        let ontology = self.read(source, reading, None)?.ontology()?;
        let digest = crate::model::ModelDigest::of(&ontology.model);
        Ok(Validated {
            ontology: digest.ontology(),
            model_version: ontology.model.version.clone(),
            model_digest: digest.0,
            graph_digest: ontology.graph_digest,
            types: ontology.model.types.len(),
            enumerations: ontology.model.enumerations.len(),
            processes: ontology.model.processes.len(),
            triples: ontology.accounting.triples,
            diagnostics: ontology.diagnostics,
        })
    }

    /// Whether a source may be read at all by whoever asks from outside. Nothing is fetched.
    ///
    /// # Errors
    /// [`Fault`] with where it may be.
    pub fn allowed(&self, source: &str) -> Result<(), Fault> {
        let location = Location::parse(source).map_err(Fault::from)?;
        self.settings.sources.allows(&location).map_err(Fault::from)
    }

    /// Whether the forge can work: its store is writable and the source it depends on answers. Nothing of that source is read.
    pub fn health(&self) -> Health {
        let store = self.is_writable().err();
        let mut dependencies =
            vec![Dependency { name: "store".to_owned(), ready: store.is_none(), reason: store.map(|fault| fault.to_string()) }];
        if let Some(upstream) = &self.settings.upstream {
            let reason = self.upstream(upstream);
            dependencies.push(Dependency { name: "upstream".to_owned(), ready: reason.is_none(), reason });
        }
        let last_key = disk::read(&self.last_path(), 64).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
        Health {
            version: VERSION.to_owned(),
            targets: Target::ALL.iter().map(|target| target.name().to_owned()).collect(),
            profile: Profile::default().name().to_owned(),
            last_key,
            dependencies,
        }
    }

    /// Why the source that the forge depends on does not answer. Whoever asks often is told what was found a moment ago; those who
    /// ask meanwhile wait for one answer.
    fn upstream(&self, source: &str) -> Option<String> {
        let mut last = self.upstream.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, reason)) = &*last
            && at.elapsed() < UPSTREAM_ANSWER_LASTS
        {
            return reason.clone();
        }
        let asked = Location::parse(source).and_then(|location| self.settings.sources.answers(&location));
        let reason = asked.err().map(|error| error.to_string());
        *last = Some((Instant::now(), reason.clone()));
        reason
    }

    fn is_writable(&self) -> Result<(), Fault> {
        disk::ensure_dir(&self.settings.store)?;
        let probe = self.settings.store.join(format!(".{}.tmp", disk::unique()));
        disk::write_new(&probe, b"")?;
        Ok(disk::remove(&probe)?)
    }

    fn state_path(&self) -> PathBuf {
        self.settings.store.join("generated.json")
    }

    /// The key of the ontology generated last.
    fn last_path(&self) -> PathBuf {
        self.settings.store.join("last-key")
    }

    fn state(&self) -> Result<State, Fault> {
        Ok(State::read(&self.state_path())?)
    }
}
