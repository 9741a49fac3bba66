//! Gates: what must hold of an artifact before it may ship, each a pure function of the document and what is at hand beside it.
//!
//! [`judge`] puts the acceptance criteria and every gate into one record, [`Verdicts`], bound to the document by its hash. Every verdict names
//! its rule, the numbers and where they stand. The same document and the same evidence give the same bytes.
//!
//! # Source
//! The foundry and line, sections 2.1, 2.3 and 5.

pub mod anchor;
pub mod corpus;
mod evidence;
pub mod falsifiability;
pub(crate) mod measured;
pub mod regression;
mod verdict;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use evidence::{CorpusAtHand, Evidence, FileState, Verified};
pub use verdict::{Found, GateVerdict, Outcome, Relation, Rule};

use crate::acceptance;
use crate::digest::Digest;
use crate::document::Document;
use crate::text::{Node, json};

/// Identity of the record's format.
pub const VERDICTS_FORMAT: &str = "alloyworks.verdicts.v1";
/// Points of 0 to 100 that two measurements of one model may be apart.
const BAND_POINTS: u32 = 3;

/// What the criteria and the gates say of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdicts {
    /// [`VERDICTS_FORMAT`].
    pub format: String,
    /// What was judged.
    pub artifact: Judged,
    /// Whether it may ship: fails when a criterion or a gate fails, does not apply when all gates pass and no criteria are stated.
    pub outcome: Outcome,
    /// The criteria.
    pub acceptance: acceptance::Verdict,
    /// The gates, always all of them.
    pub gates: Vec<GateVerdict>,
}

/// The document that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub file_hash: Digest,
    /// The artifact's id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Which recipe it was forged from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe_id: Option<String>,
    /// At which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe_version: Option<String>,
}

impl Verdicts {
    /// The record as a file: the publishing serialisation and one final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).expect("verdicts are plain JSON");
        let mut text = json::publish(&Node::from_serde(&value));
        text.push('\n');
        text.into_bytes()
    }

    /// Everything that failed: the gate's name, or `acceptance`, and the rule.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Rule)> {
        let criteria =
            self.acceptance.criteria.iter().filter(|rule| rule.outcome == Outcome::Fail).map(|rule| ("acceptance", rule));
        criteria.chain(self.gates.iter().flat_map(|gate| gate.failures().map(|rule| (gate.gate.as_str(), rule))))
    }
}

/// Judges a document: its acceptance criteria, then every gate.
///
/// # Determinism
/// Equal document bytes and equal evidence give equal [`Verdicts`].
pub fn judge(document: &Document, evidence: &Evidence) -> Verdicts {
    let node = document.node();
    let acceptance = acceptance::judge(node, evidence);
    let gates = vec![
        integrity(evidence),
        anchor::judge(node),
        corpus::judge(node, evidence),
        falsifiability::judge(node, evidence),
        regression::judge(node),
    ];
    let worst = Outcome::of(gates.iter().map(|gate| gate.outcome).chain([acceptance.outcome]));
    let outcome = match (worst, acceptance.outcome) {
        (Outcome::Fail, _) => Outcome::Fail,
        (_, acceptance) => acceptance,
    };
    let text = |name: &str| node.get(name).and_then(Node::as_str).map(str::to_owned);
    let artifact = Judged {
        name: document.name().to_owned(),
        file_hash: document.file_hash(),
        id: text("id"),
        recipe_id: text("recipeId"),
        recipe_version: text("recipeVersion"),
    };
    Verdicts { format: VERDICTS_FORMAT.into(), artifact, outcome, acceptance, gates }
}

/// What checking the folder found, as a gate: an artifact that is not what was sealed, or cannot be told, does not ship.
fn integrity(evidence: &Evidence) -> GateVerdict {
    let gate = "integrity";
    let Some(verified) = &evidence.verified else {
        return GateVerdict::not_applicable(
            gate,
            "there is no sealed chain to verify: what the document says is taken as it stands",
        );
    };
    let rule = Rule::new("verifies", "every link, signature and file is as it was sealed").at("chain").at("seal");
    let rule = match verified {
        Verified::Good => rule.passes("all of them are"),
        Verified::Not { bad, findings } => {
            let what = if *bad { "it is not what was sealed" } else { "it cannot be told" };
            rule.fails(format!("{what}: {}", findings.join("; ")))
        }
    };
    GateVerdict::new(gate, vec![rule])
}

/// The band in points.
fn band_points() -> crate::decimal::Decimal {
    BAND_POINTS.into()
}
