//! The decision: a pure function of what was found. The same bundle gives the same decision, byte for byte.

use aw_alloy::digest::Digest;
use aw_alloy::gates::{Outcome, Verdicts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signed;

/// Identity of the record's format.
pub const DECISION_FORMAT: &str = "alloyworks.shipping-decision.v1";

/// Who says that what passed may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The gates: what passes every one of them, and its own criteria, ships.
    #[default]
    Automatic,
    /// A person: nothing ships without an approval.
    Person,
}

impl std::str::FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "automatic" => Ok(Self::Automatic),
            "person" => Ok(Self::Person),
            other => Err(format!("`{}` is no policy; `automatic` and `person` are", other.escape_debug())),
        }
    }
}

/// Whether the recipe that the artifact names is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Provenance {
    /// It is, at the version the artifact names.
    #[serde(rename_all = "camelCase")]
    Resolves {
        /// SHA-256 of the RFC 8785 form of the recipe.
        digest: Digest,
    },
    /// It is not.
    Missing {
        /// What is wrong.
        reason: String,
    },
}

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Standing {
    /// Nothing.
    None,
    /// Yes, to exactly these bytes.
    #[serde(rename_all = "camelCase")]
    Approved {
        /// The key it is signed with.
        key: String,
        /// SHA-256 of the approval's bytes.
        approval: Digest,
    },
    /// There is a record that is no approval of these bytes.
    Invalid {
        /// Why not.
        reason: String,
    },
}

/// How it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// It may be published.
    Ship,
    /// It may not: something failed, and no person can approve that away.
    Refuse,
    /// Nothing failed, and a person has to approve it.
    AwaitsApproval,
}

/// Why something does not ship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reason {
    /// The gate.
    pub gate: String,
    /// Its rule.
    pub rule: String,
    /// What was found.
    pub message: String,
}

impl Reason {
    pub(crate) fn of(gate: &str, rule: &str, message: impl Into<String>) -> Self {
        Self { gate: gate.to_owned(), rule: rule.to_owned(), message: message.into() }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}: {}", self.gate, self.rule, self.message)
    }
}

/// The decision on one artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decision {
    /// [`DECISION_FORMAT`].
    pub format: String,
    /// How it was decided.
    pub judgement: Judgement,
    /// Everything that speaks against it.
    pub reasons: Vec<Reason>,
    /// Under which policy.
    pub policy: Policy,
    /// Whether the recipe is there.
    pub provenance: Provenance,
    /// What a person said.
    pub approval: Standing,
    /// What the criteria and the gates say.
    pub verdicts: Verdicts,
}

impl Decision {
    /// The record as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        signed::to_bytes(self)
    }

    /// SHA-256 of those bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}

/// Decides. What fails is refused whatever anybody approves; what states no criteria to pass is for a person to approve; a record that
/// claims to be an approval and is none is refused under every policy.
pub fn decide(verdicts: Verdicts, safety: &[Reason], provenance: Provenance, approval: Standing, policy: Policy) -> Decision {
    let mut reasons: Vec<Reason> =
        verdicts.failures().map(|(gate, rule)| Reason::of(gate, &rule.rule, rule.message.clone())).collect();
    let verified = verdicts.gates.iter().any(|gate| gate.gate == "integrity" && gate.outcome == Outcome::Pass);
    if !verified && !reasons.iter().any(|reason| reason.gate == "integrity") {
        reasons.push(Reason::of(
            "integrity",
            "verifies",
            "there is no sealed chain to verify; what is not verified does not ship",
        ));
    }
    reasons.extend_from_slice(safety);
    if let Provenance::Missing { reason } = &provenance {
        reasons.push(Reason::of("provenance", "recipe-resolves", reason.clone()));
    }
    if let Standing::Invalid { reason } = &approval {
        reasons.push(Reason::of("approval", "valid", reason.clone()));
    }
    let approved = matches!(approval, Standing::Approved { .. });
    let judgement = if !reasons.is_empty() {
        Judgement::Refuse
    } else if approved || (policy == Policy::Automatic && verdicts.outcome == Outcome::Pass) {
        Judgement::Ship
    } else {
        let why = match policy {
            Policy::Person => "the policy is that a person approves",
            Policy::Automatic => "it states no acceptance criteria that it could pass",
        };
        reasons.push(Reason::of("approval", "given", format!("{why}, and nobody has; `approve` does")));
        Judgement::AwaitsApproval
    };
    Decision { format: DECISION_FORMAT.to_owned(), judgement, reasons, policy, provenance, approval, verdicts }
}
