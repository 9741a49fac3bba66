//! What a refusal leaves: a record beside the bundle, and in a line a part of its own in `rework`, so that it is seen there. The finished
//! part itself never moves.
//!
//! # Source
//! The foundry and line, sections 3.1 and 3.6.

use std::path::PathBuf;

use aw_alloy::artifact::ARTIFACT_SUFFIX;
use aw_alloy::digest::Digest;
use aw_alloy::keys::{SecretKey, Signature};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approval::Approved;
use crate::bundle::{Bundle, Line};
use crate::contents::Contents;
use crate::decision::{Decision, Reason};
use crate::error::{ShipError, disk};
use crate::{files, signed};

/// Identity of the record's format.
pub const REFUSAL_FORMAT: &str = "alloyworks.refusal.v1";
/// What its signature is for.
const REFUSAL_CONTEXT: &str = "alloyworks.refusal.v1";
/// Most refusals of one part that are kept in `rework`.
const REFUSALS_MAX: u32 = 10_000;

/// Why an artifact was not shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// [`REFUSAL_FORMAT`].
    pub format: String,
    /// Of what.
    pub artifact: Approved,
    /// SHA-256 of the decision's bytes.
    pub decision: Digest,
    /// The rules that refused it.
    pub reasons: Vec<Reason>,
    /// The part in `rework` that shows it, in a line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rework: Option<String>,
    /// When: RFC 3339, UTC.
    pub refused_at: String,
    /// Over everything else.
    pub signature: Signature,
}

impl Refusal {
    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        signed::read(bytes, REFUSAL_FORMAT)
    }

    /// Whether its signature is good.
    pub(crate) fn is_sound(&self) -> bool {
        signed::signer(self, &self.signature, REFUSAL_CONTEXT).is_ok()
    }
}

/// Records a refusal, once for one decision. The record beside the bundle is written last: where it is, everything else is.
pub(crate) fn record(
    bundle: &Bundle,
    contents: &Contents,
    decision: &Decision,
    now: &str,
    key: &SecretKey,
) -> Result<Refusal, ShipError> {
    let digest = decision.digest();
    let beside = bundle.sidecar("refusal");
    if let Some(known) = known(&beside)?.filter(|known| known.decision == digest) {
        return Ok(known);
    }
    let empty = Signature { algorithm: String::new(), public_key: String::new(), value: String::new() };
    let mut refusal = Refusal {
        format: REFUSAL_FORMAT.to_owned(),
        artifact: Approved::of(contents),
        decision: digest,
        reasons: decision.reasons.clone(),
        rework: None,
        refused_at: now.to_owned(),
        signature: empty,
    };
    if let Some(line) = &bundle.line {
        let (name, refused_at) = rework(line, &refusal, key)?;
        refusal.rework = Some(name);
        refusal.refused_at = refused_at;
        log(line, "ship_refused", &refusal.refused_at, &decision.reasons, None)?;
    }
    refusal.signature = signed::sign(&refusal, REFUSAL_CONTEXT, key).map_err(|reason| unsigned(bundle, reason))?;
    files::replace(&beside, &signed::to_bytes(&refusal))?;
    Ok(refusal)
}

fn unsigned(bundle: &Bundle, reason: String) -> ShipError {
    ShipError::Bundle { path: bundle.shown(), reason }
}

fn known(path: &std::path::Path) -> Result<Option<Refusal>, ShipError> {
    let bytes = files::read(path)?;
    Ok(bytes.and_then(|bytes| Refusal::read(&bytes).ok()).filter(Refusal::is_sound))
}

/// Puts the refused part's record into `rework`, unless it is there; gives its file name, and when it was refused.
fn rework(line: &Line, refusal: &Refusal, key: &SecretKey) -> Result<(String, String), ShipError> {
    let folder = line.station("rework");
    aw_disk::ensure_dir(&folder)?;
    // A short lock of the root, as every transition of the line takes.
    let lock = line.root.join("line/.lock");
    let _held = files::lock_waiting(&lock)?;
    let part_bytes = files::read(&line.station("finished").join(line.file()))?.unwrap_or_default();
    let stem = line.stem();
    for number in 1..=REFUSALS_MAX {
        let name = format!("{stem}.refused{number}");
        let beside = |kind: &str| -> PathBuf { folder.join(format!("{name}.{kind}.json")) };
        let part = folder.join(format!("{name}{ARTIFACT_SUFFIX}"));
        if let Some(other) = known(&beside("refusal"))? {
            if other.decision == refusal.decision {
                files::create(&part, &part_bytes)?;
                return Ok((format!("{name}{ARTIFACT_SUFFIX}"), other.refused_at));
            }
            continue;
        }
        if part.exists() {
            continue;
        }
        let error = json!({
            "failed_at": refusal.refused_at,
            "error": format!("refused by the shipping door: {}", told(&refusal.reasons)),
            "traceback": null,
            "retries": 0,
            "stage": "ship",
        });
        let mut own = Refusal { rework: Some(format!("{name}{ARTIFACT_SUFFIX}")), ..refusal.clone() };
        let failed = |reason: String| ShipError::Bundle { path: part.clone(), reason };
        own.signature = signed::sign(&own, REFUSAL_CONTEXT, key).map_err(failed)?;
        files::replace(&beside("error"), &signed::to_bytes(&error))?;
        files::replace(&beside("refusal"), &signed::to_bytes(&own))?;
        if files::create(&part, &part_bytes)? {
            return Ok((format!("{name}{ARTIFACT_SUFFIX}"), refusal.refused_at.clone()));
        }
    }
    Err(ShipError::Bundle { path: folder, reason: format!("`{stem}` was refused more than {REFUSALS_MAX} times") })
}

fn told(reasons: &[Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Appends to the line's log, unless it has that line: the same outcome, part and address, or without an address the same moment and reasons.
pub(crate) fn log(line: &Line, outcome: &str, now: &str, reasons: &[Reason], url: Option<&str>) -> Result<(), ShipError> {
    let path = line.root.join("line/throughput.jsonl");
    let mut entry = json!({
        "at": now,
        "outcome": outcome,
        "alloy": line.file(),
        "reasons": reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if let Some(url) = url {
        entry["url"] = url.into();
    }
    if has(&path, &entry)? {
        return Ok(());
    }
    files::append(&path, &entry.to_string())
}

fn has(path: &std::path::Path, entry: &serde_json::Value) -> Result<bool, ShipError> {
    use std::io::BufRead as _;
    let file = match files::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(disk("read", path)(error)),
    };
    for line in std::io::BufReader::new(file).split(b'\n') {
        let line = line.map_err(disk("read", path))?;
        let Ok(other) = serde_json::from_slice::<serde_json::Value>(&line) else { continue };
        let same = |names: &[&str]| names.iter().all(|name| other.get(name) == entry.get(name));
        let further: &[&str] = if entry.get("url").is_some() { &["url"] } else { &["at", "reasons"] };
        if same(&["outcome", "alloy"]) && same(further) {
            return Ok(true);
        }
    }
    Ok(false)
}
