//! `node/doctor`: what this node has, and whether it is in order.

use std::path::{Path, PathBuf};

use aw_domain::Executor;
use aw_store::{KeptError, Store, free_bytes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::machine::{self, Memory};
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;
use crate::{identity, recipe_file, words};

/// Less free space than this is worth a warning, in bytes.
const FREE_BYTES_MIN: u64 = 2_000_000_000;

pub(super) fn command() -> Command {
    let about = About {
        name: "node/doctor",
        summary: "Says what this node has and whether it is in order",
        details: "Looks at home folder, store, identity key, disk, memory, processor and domains. Changes nothing and never shows a secret.",
        reach: Reach::Local,
        examples: &[Example { what: "is everything in order", line: "doctor" }],
        exit_codes: &[ExitCode::Ok, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {}

/// What this node has.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorResult {
    /// The program's version.
    pub version: String,
    /// The home folder.
    pub home: PathBuf,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// The identity's public key, when there is one.
    pub public_key: Option<String>,
    /// Short name of that key.
    pub key_id: Option<String>,
    /// Bytes the store takes.
    pub store_bytes: Option<u64>,
    /// Bytes free where the store is, or would be.
    pub free_bytes: Option<u64>,
    /// The processor's architecture.
    pub architecture: String,
    /// The processor's features that number crunching cares about.
    pub processor_features: Vec<String>,
    /// Threads a stage gets.
    pub threads: usize,
    /// The machine's memory.
    pub memory: Memory,
    /// The memory a stage may take, in bytes, when nothing says otherwise.
    pub memory_limit_bytes: Option<u64>,
    /// The domains built in.
    pub domains: Vec<DomainView>,
}

impl Outcome for DoctorResult {
    fn exit_code(&self) -> ExitCode {
        let broken = self.checks.iter().any(|check| check.state == CheckState::Broken);
        if broken { ExitCode::Environment } else { ExitCode::Ok }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was looked at.
    pub what: String,
    /// How it is.
    pub state: CheckState,
    /// What was found.
    pub detail: String,
    /// What would put it right.
    pub hint: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// In order.
    Ok,
    /// Works, with something to know.
    Note,
    /// Does not work.
    Broken,
}

/// A domain built in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainView {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Its stage types.
    pub stages: Vec<StageTypeView>,
}

/// A stage type of a domain.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageTypeView {
    /// Its name.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// `input`, `transform` or `delivery`.
    pub phase: String,
    /// Whether it runs here; otherwise documents may declare it, and a plan refuses it.
    pub runs_here: bool,
}

fn run(environment: &Environment, _: Parameters, _: &Surface<'_>) -> Result<DoctorResult, Report> {
    let memory = Memory::now();
    let key = identity::load(&environment.identity_file());
    let public = key.as_ref().ok().and_then(Option::as_ref).map(aw_alloy::keys::SecretKey::public);
    let store_root = environment.home().join("store");
    let (store_bytes, free) = (size(&store_root), free_bytes(&store_root));
    let domains = domains(environment)?;
    let checks = vec![
        check_store(environment, &store_root, store_bytes.as_ref().ok().copied()),
        check_identity(key.map(|_| public)),
        check_disk(free.as_ref().map_err(ToString::to_string).copied()),
        check_memory(&memory),
        check_domains(&domains),
    ];
    Ok(DoctorResult {
        version: env!("CARGO_PKG_VERSION").into(),
        home: environment.home().to_owned(),
        checks,
        public_key: public.map(|key| key.to_string()),
        key_id: public.map(|key| key.id()),
        store_bytes: store_bytes.ok(),
        free_bytes: free.ok(),
        architecture: std::env::consts::ARCH.into(),
        processor_features: machine::processor_features(),
        threads: machine::threads(),
        memory,
        memory_limit_bytes: memory.default_limit(),
        domains,
    })
}

fn check(what: &str, state: CheckState, detail: impl Into<String>) -> Check {
    Check { what: what.into(), state, detail: detail.into(), hint: None }
}

fn broken(what: &str, report: Report) -> Check {
    Check { hint: report.hints.first().cloned(), ..check(what, CheckState::Broken, report.message) }
}

/// Opens a store that is there; one that is not is made by the first run, not by looking.
fn check_store(environment: &Environment, root: &Path, bytes: Option<u64>) -> Check {
    if !root.exists() {
        return check("store", CheckState::Note, "there is none yet; the first run makes it");
    }
    let kept = |store: &Store| -> Result<usize, KeptError> {
        let ids = store.list_kept()?;
        ids.iter().try_for_each(|id| store.kept(id).map(|_| ()))?;
        Ok(ids.len())
    };
    let opened = environment.store().and_then(|store| Ok(kept(&store)?));
    let format = recipe_file::read_bounded(&root.join("format"), "store's `format` file");
    match (opened, format) {
        (Ok(kept), Ok(format)) => {
            let format = String::from_utf8_lossy(&format).trim().to_owned();
            let size = bytes.map_or("of unknown size".to_owned(), words::bytes);
            check("store", CheckState::Ok, format!("format `{format}`, {size}, {} kept", words::count(kept, "artifact")))
        }
        (Err(report), _) | (_, Err(report)) => broken("store", report),
    }
}

fn check_identity(key: Result<Option<aw_alloy::keys::PublicKey>, identity::IdentityError>) -> Check {
    match key {
        Ok(Some(key)) => check("identity", CheckState::Ok, format!("key {}, public key {key}", key.id())),
        Ok(None) => check("identity", CheckState::Note, "there is none yet; the first run makes it"),
        Err(error) => broken("identity", error.into()),
    }
}

fn check_disk(free: Result<u64, String>) -> Check {
    match free {
        Ok(free) if free < FREE_BYTES_MIN => Check {
            hint: Some("`alloyworks gc` frees what nothing needs; `--home` points to a larger disk".into()),
            ..check("disk", CheckState::Note, format!("only {} are free where the store is", words::bytes(free)))
        },
        Ok(free) => check("disk", CheckState::Ok, format!("{} are free where the store is", words::bytes(free))),
        Err(error) => check("disk", CheckState::Broken, error),
    }
}

fn check_memory(memory: &Memory) -> Check {
    match memory.default_limit() {
        Some(limit) => check("memory", CheckState::Ok, format!("a stage may take {}", words::bytes(limit))),
        None => Check {
            hint: Some("give stages a limit with `--memory-limit`".into()),
            ..check("memory", CheckState::Note, "the available memory is not known on this system, stages have no limit")
        },
    }
}

fn check_domains(domains: &[DomainView]) -> Check {
    if domains.is_empty() {
        let hint = Some("build with the default features".into());
        return Check { hint, ..check("domains", CheckState::Broken, "no domain is built in: no recipe can run") };
    }
    let ids: Vec<String> = domains.iter().map(|domain| format!("`{}`", domain.id)).collect();
    check("domains", CheckState::Ok, ids.join(", "))
}

fn domains(environment: &Environment) -> Result<Vec<DomainView>, Report> {
    let registry = environment.registry();
    let view = |id: String| {
        let domain = registry.domain(&id).map_err(Report::bug)?;
        let stages = registry.stage_types(&id).map_err(Report::bug)?;
        let stage = |stage: &aw_domain::StageType| StageTypeView {
            name: stage.name.into(),
            summary: stage.summary.into(),
            phase: format!("{:?}", stage.phase).to_lowercase(),
            runs_here: matches!(stage.executor, Executor::Here(_)),
        };
        Ok(DomainView { version: domain.version().into(), stages: stages.map(stage).collect(), id })
    };
    registry.ids().into_iter().map(view).collect()
}

/// Bytes of all files below a folder; links are not followed.
fn size(folder: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            } else {
                total += entry.metadata()?.len();
            }
        }
    }
    Ok(total)
}
