//! `data/history`: what happened to an entity, and whether history is whole.

use std::collections::BTreeMap;

use aw_alloy::keys::PublicKey;
use aw_store::entities::{Entities, Head, HistoryReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_support::{EntryView, open, within};
use super::verify::Verdict;
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::identity;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

/// Entries on a page when nobody says how many.
const LIMIT: u32 = 50;

pub(super) fn command() -> Command {
    let about = About {
        name: "data/history",
        summary: "Shows what happened to an entity, and whether history is whole",
        details: "Every change is an entry that names the hash of the one before and is signed by who made it. `--verify` goes through the history of \
                  all entities: hashes, signatures, documents, and whether the entities are exactly what follows. Without an entity that is all it \
                  does. An older copy of the whole file is as sound as the file was then; keep the head this prints and give it with `--head` to \
                  notice. The answer is `unknown` when somebody signed whom neither this node nor `--key` knows.",
        reach: Reach::Local,
        examples: &[
            Example { what: "of a recipe", line: "data history tiny-moe" },
            Example { what: "whether all of history is whole", line: "data history --verify" },
            Example {
                what: "and still holds what it held when you looked last",
                line: "data history --verify --head 1:sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Unknown, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The entity's id, or its name where no other has it. What was deleted is known by its id.
    #[schemars(extend("x-position" = 1))]
    entity: Option<String>,
    /// Only in this collection.
    collection: Option<String>,
    /// Go through the history of all entities.
    #[serde(default)]
    verify: bool,
    /// The head of history when you looked last; it must still be there.
    #[schemars(extend("x-value-name" = "HEAD"))]
    head: Option<String>,
    /// A public key that may have signed, besides this node's; may be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "KEY"))]
    key: Vec<String>,
    /// At most so many entries; 50 when not given.
    #[schemars(range(min = 1, max = 1000), extend("x-value-name" = "N"))]
    limit: Option<u32>,
    /// Only entries before this revision.
    #[schemars(extend("x-value-name" = "N"))]
    before: Option<u64>,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryResult {
    /// The entity's collection, when one was named.
    pub collection: Option<String>,
    /// The entity's id.
    pub id: Option<String>,
    /// Its entries, newest first.
    pub entries: Vec<EntryView>,
    /// Revision to give with `--before` for the entries before these; `null` when there are none.
    pub next: Option<u64>,
    /// What was found out about all of history, when that was asked.
    pub verification: Option<VerificationView>,
}

/// What was found out about a history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerificationView {
    /// Whether it is whole.
    pub verdict: Verdict,
    /// Entries.
    pub entries: u64,
    /// Entities there now.
    pub entities: u64,
    /// The end of history, to be kept; `null` when it is empty.
    pub head: Option<String>,
    /// Public keys, and how many entries each signed.
    pub signers: BTreeMap<String, u64>,
    /// What is wrong or cannot be told.
    pub findings: Vec<HistoryFindingView>,
}

/// One thing that is wrong or cannot be told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryFindingView {
    /// `bad` or `unknown`.
    pub verdict: Verdict,
    /// A stable code.
    pub code: String,
    /// The entry concerned.
    pub sequence: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl Outcome for HistoryResult {
    fn exit_code(&self) -> ExitCode {
        match self.verification.as_ref().map(|verification| verification.verdict) {
            None | Some(Verdict::Good) => ExitCode::Ok,
            Some(Verdict::Bad) => ExitCode::No,
            Some(Verdict::Unknown) => ExitCode::Unknown,
        }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<HistoryResult, Report> {
    let within = within(parameters.collection.as_deref())?;
    let entities = open(environment)?;
    let mut result = HistoryResult { collection: None, id: None, entries: Vec::new(), next: None, verification: None };
    if let Some(text) = &parameters.entity {
        let (collection, id) = match entities.find(within, text) {
            Ok(entity) => (entity.collection, entity.id),
            Err(aw_store::entities::EntitiesError::Deleted { .. }) => (entities.find_past(within, text)?.0, text.clone()),
            Err(error) => return Err(error.into()),
        };
        let limit = parameters.limit.unwrap_or(LIMIT);
        let entries = entities.history(collection, &id, parameters.before, u64::from(limit))?;
        result.next = entries.last().map(|entry| entry.revision).filter(|revision| *revision > 1);
        result.entries = entries.iter().map(EntryView::from).collect();
        result.collection = Some(collection.name.into());
        result.id = Some(id);
    }
    if parameters.verify || parameters.head.is_some() || parameters.entity.is_none() {
        result.verification = Some(verify(environment, &entities, &parameters)?);
    }
    Ok(result)
}

fn verify(environment: &Environment, entities: &Entities, parameters: &Parameters) -> Result<VerificationView, Report> {
    let head = parameters.head.as_deref().map(str::parse::<Head>).transpose()?;
    let mut known = Vec::new();
    for text in &parameters.key {
        let key = PublicKey::parse(text).map_err(|error| Report::from_error(ExitCode::Usage, "key", &error))?;
        known.push(key.to_string());
    }
    known.extend(identity::load(&environment.identity_file())?.map(|key| key.public().to_string()));
    Ok(VerificationView::of(entities.verify_history(head.as_ref())?, &known))
}

impl VerificationView {
    fn of(report: HistoryReport, known: &[String]) -> Self {
        let bad = report.findings.iter().map(|finding| HistoryFindingView {
            verdict: Verdict::Bad,
            code: finding.code.into(),
            sequence: finding.sequence,
            message: finding.message.clone(),
        });
        let strangers = report.signers.iter().filter(|(key, _)| !known.contains(key)).map(|(key, entries)| HistoryFindingView {
            verdict: Verdict::Unknown,
            code: "signer".into(),
            sequence: None,
            message: format!("{entries} entries are signed by key {key}, which nobody named"),
        });
        let findings: Vec<_> = bad.chain(strangers).collect();
        let verdict = match findings.first() {
            None => Verdict::Good,
            Some(_) if report.findings.is_empty() => Verdict::Unknown,
            Some(_) => Verdict::Bad,
        };
        let head = report.head.map(|head| head.to_string());
        Self { verdict, entries: report.entries, entities: report.entities, head, signers: report.signers, findings }
    }
}
