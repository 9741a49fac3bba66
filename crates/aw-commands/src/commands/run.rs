//! `forge/run`: runs a recipe to a sealed artifact in a folder.

use std::path::{Path, PathBuf};
use std::time::Instant;

use aw_alloy::artifact::ARTIFACT_SUFFIX;
use aw_alloy::keys::SecretKey;
use aw_alloy::signing::{Attestation, SigningKey};
use aw_foundry::{Run, RunOptions, Signer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::{PlanResult, Prepared};
use crate::environment::{Environment, threads};
use crate::events::RunEvent;
use crate::exit::ExitCode;
use crate::identity;
use crate::keys;
use crate::measured::{Benchmark, Table, benchmarks, tables};
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};
use crate::size::MemoryLimit;

pub(super) fn command() -> Command {
    let about = About {
        name: "forge/run",
        summary: "Runs a recipe and leaves a sealed artifact in a folder",
        details: "Plans first and refuses what `plan` refuses. A stage whose output is in the store already does not run again, so a \
                  run that was stopped, or that died, goes on where it was when it is started again. The artifact is signed with this \
                  node's identity key, which the first run makes; `--sign` adds a signature that verifiers of any origin can \
                  check.",
        reach: Reach::Local,
        examples: &[
            Example { what: "run, leaving the artifact in ./<name>-<version>", line: "run recipes/tiny-moe/compact.yaml" },
            Example {
                what: "another folder, two threads, at most 4 GB for a stage",
                line: "run recipe.yaml --out compact --threads 2 --memory-limit 4GB",
            },
            Example { what: "signed with a key that others know", line: "run recipe.yaml --sign release" },
            Example { what: "one line of JSON for everything that happens", line: "run recipe.yaml --json" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Refused, ExitCode::Stage, ExitCode::Environment, ExitCode::Cancelled],
    };
    Command::new(about, run).with_events()
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The recipe: a `.yaml`, `.yml` or `.json` file. Relative paths in it start from its folder.
    #[schemars(extend("x-position" = 1))]
    recipe: PathBuf,
    /// The folder for the artifact: absent, empty, or holding an artifact, which is replaced. `./<name>-<version>` when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    out: Option<PathBuf>,
    /// Threads a stage may use; all the machine gives when not given. Does not change what comes out.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
    /// The memory a stage may take, such as `8GB`, `512MiB` or `none`. Four fifths of the available memory when not given.
    #[schemars(extend("x-value-name" = "SIZE"))]
    memory_limit: Option<MemoryLimit>,
    /// Ask nothing of any other machine: a model from the Hub is taken from the cache or not at all.
    #[serde(default)]
    offline: bool,
    /// Sign the artifact for others with this key: its name or key id (`key list`).
    #[schemars(extend("x-value-name" = "KEY"))]
    sign: Option<String>,
    /// With `--sign`: what the verifier issued against replay, base64url of at least 16 bytes.
    #[schemars(extend("x-value-name" = "BASE64URL"))]
    nonce: Option<String>,
    /// With `--sign`: the verifier's origin URI, to the letter.
    #[schemars(extend("x-value-name" = "URI"))]
    audience: Option<String>,
}

/// What a run made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// The artifact's id: made from recipe, source and output.
    pub artifact: String,
    /// The artifact's name.
    pub name: String,
    /// The recipe's version.
    pub version: String,
    /// Root of the artifact's files.
    pub output: String,
    /// The folder it lies in.
    pub folder: PathBuf,
    /// Its document.
    pub document: PathBuf,
    /// The public key it is signed with.
    pub public_key: String,
    /// Short name of that key.
    pub key_id: String,
    /// The key id of `integrity.signature`, when the artifact has one.
    pub signed_with: Option<String>,
    /// Whether this very artifact was kept already.
    pub unchanged: bool,
    /// What became of each step.
    pub stages: Vec<StageView>,
    /// What was measured.
    pub benchmarks: Vec<Benchmark>,
    /// Tables that stages measured.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// How long all of it took, in seconds.
    pub seconds: f64,
    /// The command line that checks it.
    pub verify: String,
}

impl Outcome for RunResult {}

/// What became of a step.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageView {
    /// The stage type.
    pub stage: String,
    /// Whether it was found in the store.
    pub cached: bool,
    /// How long it took when it ran, in seconds.
    pub seconds: f64,
    /// Root of the tree after it.
    pub output: String,
}

fn run(environment: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<RunResult, Report> {
    let started = Instant::now();
    let prepared = Prepared::new(environment, &parameters.recipe, parameters.memory_limit, parameters.offline)?;
    let plan = prepared.plan(environment)?;
    (surface.event)(RunEvent::Planned(Box::new(PlanResult::of(&plan, prepared.memory_limit))));
    let root = plan.recipe.root();
    let out = parameters.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-{}", root.name, root.version)));
    let signing = signing_key(environment, &parameters)?;
    let key = identity::load_or_create(&environment.identity_file())?;
    let options = RunOptions {
        key: &key,
        out: &out,
        threads: threads(parameters.threads),
        memory_limit: prepared.memory_limit,
        worker: environment.worker(),
        code: environment.code()?,
        signer: signing.as_ref().map(|key| Signer {
            key,
            nonce: parameters.nonce.as_deref(),
            audience: parameters.audience.as_deref(),
        }),
        cancelled: surface.cancelled,
        events: &|event| (surface.event)(event.into()),
    };
    let run = aw_foundry::run(prepared.foundry(environment), &plan, &options)?;
    super::data_import::record(environment, &plan.recipe, &parameters.recipe, &run.artifact, &key).map_err(|report| {
        let hint =
            format!("the artifact is whole, in `{}`; once that is put right, the same run records it", run.folder.display());
        Report { exit_code: ExitCode::Environment, ..report }.hint(hint)
    })?;
    Ok(RunResult::of(&run, &key, root.version.clone(), started.elapsed().as_secs_f64()))
}

/// The key that was asked for. Whatever is wrong with it, or with nonce and audience, is said before any work.
fn signing_key(environment: &Environment, parameters: &Parameters) -> Result<Option<SigningKey>, Report> {
    let Some(name) = &parameters.sign else {
        let given = [("nonce", &parameters.nonce), ("audience", &parameters.audience)];
        return match given.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) => {
                let place = Place { member: Some((*name).into()), ..Place::default() };
                let message = format!("`{name}` says for whom the artifact is signed, and nothing signs it");
                Err(Report::new(ExitCode::Usage, "parameters", message).at(place).hint("name a key with `--sign`"))
            }
            None => Ok(None),
        };
    };
    let now = keys::now();
    let (key, _) = environment.keyring().signing_key(name, now)?;
    let (nonce, audience) = (parameters.nonce.as_deref(), parameters.audience.as_deref());
    let problems = Attestation { key: &key, at: now, nonce, audience }.check();
    if !problems.is_empty() {
        return Err(Report::problems(ExitCode::Usage, "parameters", "the parameters have", None, problems));
    }
    Ok(Some(key))
}

impl RunResult {
    pub(super) fn of(run: &Run, key: &SecretKey, version: String, seconds: f64) -> Self {
        let public = key.public();
        let stage = |stage: &aw_foundry::StageReport| StageView {
            stage: stage.stage.clone(),
            cached: stage.cached,
            seconds: stage.seconds,
            output: stage.output.to_string(),
        };
        Self {
            artifact: run.artifact.id().to_string(),
            name: run.artifact.name().to_owned(),
            version,
            output: run.artifact.output().to_string(),
            folder: run.folder.clone(),
            document: run.folder.join(format!("{}{ARTIFACT_SUFFIX}", run.artifact.name())),
            public_key: public.to_string(),
            key_id: public.id(),
            signed_with: run.artifact.text("integrity.signature.keyId").map(str::to_owned),
            unchanged: run.unchanged,
            stages: run.stages.iter().map(stage).collect(),
            benchmarks: benchmarks(run.artifact.node()),
            tables: tables(&run.artifact.chain().links),
            seconds,
            verify: format!("alloyworks verify {} --key {public}", shell_word(&run.folder)),
        }
    }
}

/// A path as a shell takes it.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    if !text.is_empty() && text.bytes().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_survive_a_shell() {
        for (path, word) in [("a/b-1.0", "a/b-1.0"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("-x", "./-x"), ("$x", "'$x'")] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
