//! What a refusal leaves: a record beside the bundle, and in a line a part of its own in `rework`, so that it is seen there. The finished
//! part itself never moves.
//!
//! # Source
//! The foundry and line, sections 3.1 and 3.6.

use aw_alloy::digest::Digest;
use aw_alloy::keys::{SecretKey, Signature};
use aw_line::{Entry, Failed, Held, Line, Outcome, PART_BYTES_MAX, Station};
use serde::{Deserialize, Serialize};

use crate::approval::Approved;
use crate::bundle::{Bundle, FinishedPart};
use crate::contents::Contents;
use crate::decision::{Decision, Reason};
use crate::error::ShipError;
use crate::{files, signed};

/// Identity of the record's format.
pub const REFUSAL_FORMAT: &str = "alloyworks.refusal.v1";
/// What its signature is for.
const REFUSAL_CONTEXT: &str = "alloyworks.refusal.v1";
/// What a refused part's record in `rework` is called by: `<stem>.refused<N>`.
const WORD: &str = "refused";

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
    /// The file of the part in `rework` that shows it, in a line; none in the record beside that part.
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
    if let Some(part) = &bundle.part {
        // Held to the end, so that of several doors one refuses and the others find what it left.
        let held = part.root.hold()?;
        let (name, refused_at) = rework(&held, bundle, part, &refusal, key)?;
        let reasons = decision.reasons.iter().map(ToString::to_string).collect();
        let outcome = Outcome::ShipRefused { alloy: part.name.file(), reasons, url: None };
        note(&held, part, vec![Entry { at: refused_at.clone(), outcome }])?;
        refusal.rework = Some(name);
        refusal.refused_at = refused_at;
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
fn rework(
    held: &Held,
    bundle: &Bundle,
    part: &FinishedPart,
    refusal: &Refusal,
    key: &SecretKey,
) -> Result<(String, String), ShipError> {
    let stem = part.name.stem();
    for name in held.refused(stem, WORD)? {
        let beside = part.root.station(Station::Rework).join(name.beside("refusal.json"));
        if let Some(other) = known(&beside)?.filter(|other| other.decision == refusal.decision) {
            return Ok((name.file(), other.refused_at));
        }
    }
    let bytes = aw_disk::read(&part.root.part(Station::Finished, &part.name), PART_BYTES_MAX)?;
    let bytes = bytes.ok_or_else(|| unsigned(bundle, "it is no longer in `finished`".to_owned()))?;
    let mut own = refusal.clone();
    own.signature = signed::sign(&own, REFUSAL_CONTEXT, key).map_err(|reason| unsigned(bundle, reason))?;
    let failed = Failed {
        stage: Some("ship".to_owned()),
        sidecars: vec![("refusal.json".to_owned(), signed::to_bytes(&own))],
        ..Failed::new(format!("refused by the shipping door: {}", told(&refusal.reasons)))
    };
    let name = held.refuse(stem, WORD, &bytes, &failed)?;
    Ok((name.file(), refusal.refused_at.clone()))
}

fn told(reasons: &[Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Adds to the line's log what it does not have: the same outcome, part and address, or without an address the same moment and reasons.
pub(crate) fn note(held: &Held, part: &FinishedPart, mut entries: Vec<Entry>) -> Result<(), ShipError> {
    part.root.throughput().read(0, |line| {
        if let Line::Known(there) = line {
            entries.retain(|entry| !is_same(entry, &there));
        }
    })?;
    Ok(held.note_entries(&entries)?)
}

fn is_same(one: &Entry, other: &Entry) -> bool {
    match (&one.outcome, &other.outcome) {
        (Outcome::Shipped { alloy, url: Some(url), .. }, Outcome::Shipped { alloy: part, url: Some(there), .. }) => {
            (alloy, url) == (part, there)
        }
        _ => one == other,
    }
}
