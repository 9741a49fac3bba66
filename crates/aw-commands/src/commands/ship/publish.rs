//! `door/ship`: judges what is finished and publishes what may go.

use std::path::PathBuf;

use aw_ship::{Bundle, Decision, Door, Judgement, Plan, Policy, Publication, Publisher, Shipped};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::{approvers, bundles, key, now, publishers, resolve};
use crate::commands::judge::trusted_keys;
use crate::environment::{Environment, threads};
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "door/ship",
        summary: "Judges a finished artifact and publishes it where it may go",
        details: "Every hash and signature is verified again, the recipe must be among the entities, and every gate must pass. What fails is \
                  refused with its rules, in a line with a record in `rework`; what states no criteria, or stands under the policy `person`, \
                  waits for `approve`. What may go is published to every target, read back and receipted. The same command again sends \
                  nothing twice, and goes on where it was stopped. Credentials come from the environment alone.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "what would be published, and whether it may",
                line: "ship ./compact-1.0.0 --to oci://localhost:5000/models/compact --dry-run",
            },
            Example {
                what: "a finished part of a line, to a folder and a bucket",
                line: "ship compact --root /srv/forge --to dir:/srv/shelf --to s3://models/team",
            },
            Example {
                what: "everything finished, once a person approved it",
                line: "ship --all --root /srv/forge --to hf://org/compact --policy person",
            },
        ],
        exit_codes: &[
            ExitCode::Ok,
            ExitCode::No,
            ExitCode::Usage,
            ExitCode::Refused,
            ExitCode::Unknown,
            ExitCode::Environment,
            ExitCode::Cancelled,
        ],
    };
    Command::new(about, run).meaning(&[
        (ExitCode::No, "The gates refuse it."),
        (ExitCode::Unknown, "Nothing refuses it, and a person has to approve it."),
    ])
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// An artifact's folder, or with `--root` the name of a finished part.
    #[schemars(extend("x-position" = 1, "x-value-name" = "PART|FOLDER"))]
    part: Option<PathBuf>,
    /// The root of the line whose finished part is meant.
    #[schemars(extend("x-value-name" = "ROOT"))]
    root: Option<PathBuf>,
    /// Where it goes: a path or `dir:PATH`, `oci://host/name[:tag]`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
    /// `hf://org/name`. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "TARGET"))]
    to: Vec<String>,
    /// Say what would be published where, and change nothing anywhere.
    #[serde(default)]
    dry_run: bool,
    /// Every finished part of the root.
    #[serde(default)]
    all: bool,
    /// Who says that what passed may go: `automatic`, the gates, or `person`, by `approve`. `automatic` when not given.
    #[schemars(extend("x-value-name" = "POLICY"))]
    policy: Option<String>,
    /// A public key that may approve, 64 hex digits, besides this node's own. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "HEX"))]
    approver: Vec<String>,
    /// A public key, 64 hex digits: the artifact's signer must be one of those named. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "HEX"))]
    key: Vec<String>,
    /// The folder that the paths of declared corpora start from; the part's or the artifact's own when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    corpora: Option<PathBuf>,
    /// Make a repository of the Hub that is not there yet a private one.
    #[serde(default)]
    private: bool,
    /// Remove files of a repository of the Hub that are not the artifact's; its history keeps them.
    #[serde(default)]
    replace: bool,
    /// Threads to hash with; all the machine gives when not given.
    #[schemars(range(min = 1, max = 4096), extend("x-value-name" = "N"))]
    threads: Option<u32>,
}

/// What shipping came to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShipResult {
    /// Whether nothing was changed anywhere.
    pub dry_run: bool,
    /// The bundles, in the order they were taken.
    pub parts: Vec<ShippedPart>,
}

/// What became of one bundle.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShippedPart {
    /// The part's name, or that of the folder.
    pub part: String,
    /// The artifact's name.
    pub artifact: Option<String>,
    /// SHA-256 of the artifact's document.
    pub file_hash: Option<String>,
    /// The decision, and SHA-256 of its record.
    pub decision: Option<Decision>,
    /// SHA-256 of the decision.
    pub decision_digest: Option<String>,
    /// What would be published where, in a dry run.
    pub plans: Vec<Plan>,
    /// Where it stands, all earlier shipping included.
    pub publications: Vec<Publication>,
    /// Bytes that were sent now.
    pub sent: u64,
    /// The receipt.
    pub receipt: Option<PathBuf>,
    /// The part in `rework` that shows the refusal.
    pub rework: Option<String>,
    /// Why it came to no end, where others were taken after it.
    pub problem: Option<String>,
}

impl Outcome for ShipResult {
    fn exit_code(&self) -> ExitCode {
        let of = |part: &ShippedPart| match (&part.problem, part.decision.as_ref().map(|decision| decision.judgement)) {
            (Some(_), _) => ExitCode::Environment,
            (None, Some(Judgement::Refuse)) => ExitCode::No,
            (None, Some(Judgement::AwaitsApproval)) => ExitCode::Unknown,
            (None, _) if part.plans.iter().any(|plan| plan.conflict.is_some()) => ExitCode::Refused,
            (None, _) => ExitCode::Ok,
        };
        // The gravest first: what failed, what was refused, what waits.
        let codes: Vec<ExitCode> = self.parts.iter().map(of).collect();
        let order = [ExitCode::Environment, ExitCode::No, ExitCode::Refused, ExitCode::Unknown];
        order.into_iter().find(|code| codes.contains(code)).unwrap_or(ExitCode::Ok)
    }
}

fn run(environment: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<ShipResult, Report> {
    let policy = parameters.policy.as_deref().map_or(Ok(Policy::default()), str::parse);
    let policy = policy.map_err(|message: String| Report::new(ExitCode::Usage, "policy", message))?;
    if parameters.to.is_empty() && !parameters.dry_run {
        let message = "nothing says where it goes";
        return Err(Report::new(ExitCode::Usage, "target", message).hint("`--to TARGET`; `--dry-run` without one judges alone"));
    }
    let publishers = publishers(&parameters.to, parameters.private, parameters.replace)?;
    let bundles = bundles(parameters.part.as_deref(), parameters.root.as_deref(), parameters.all)?;
    let key = key(environment)?;
    let door = Door {
        key: &key,
        policy,
        approvers: &approvers(&key, &parameters.approver)?,
        trusted: &trusted_keys(&parameters.key, "key")?,
        corpora: parameters.corpora.as_deref(),
        registry: environment.registry(),
        threads: threads(parameters.threads),
        resolve: &|artifact| resolve(environment, artifact),
        now: &now,
        watch: &|_| !(surface.cancelled)(),
    };
    let mut parts = Vec::new();
    for (name, bundle) in bundles {
        let taken = bundle.map_err(Report::from).and_then(|bundle| one(&door, &bundle, &publishers, parameters.dry_run));
        match taken {
            Ok(part) => parts.push(part),
            // One of many that fails does not keep the others; one alone is an error.
            Err(report) if parameters.all && report.exit_code != ExitCode::Cancelled => {
                parts.push(ShippedPart::failed(name, report.message));
            }
            Err(report) => return Err(report),
        }
    }
    Ok(ShipResult { dry_run: parameters.dry_run, parts })
}

fn one(door: &Door<'_>, bundle: &Bundle, publishers: &[Box<dyn Publisher>], dry_run: bool) -> Result<ShippedPart, Report> {
    let shipped = if dry_run { door.look(bundle, publishers)? } else { door.ship(bundle, publishers)? };
    Ok(ShippedPart::of(bundle, shipped))
}

impl ShippedPart {
    fn of(bundle: &Bundle, shipped: Shipped) -> Self {
        let receipt = shipped.receipt.as_ref().map(|_| bundle.sidecar("receipt"));
        Self {
            part: bundle.name().to_owned(),
            artifact: Some(shipped.artifact.name),
            file_hash: Some(shipped.artifact.file_hash.to_string()),
            decision_digest: Some(shipped.decision.digest().to_string()),
            decision: Some(shipped.decision),
            plans: shipped.plans,
            publications: shipped.receipt.map(|receipt| receipt.publications).unwrap_or_default(),
            sent: shipped.sent,
            receipt,
            rework: shipped.refusal.and_then(|refusal| refusal.rework),
            problem: None,
        }
    }

    fn failed(part: String, problem: String) -> Self {
        Self {
            part,
            artifact: None,
            file_hash: None,
            decision: None,
            decision_digest: None,
            plans: Vec::new(),
            publications: Vec::new(),
            sent: 0,
            receipt: None,
            rework: None,
            problem: Some(problem),
        }
    }
}
