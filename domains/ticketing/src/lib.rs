//! The life of a ticket: issued for a seat, transferred between holders, scanned at a gate.
//!
//! Nothing here executes yet. Documents of this domain parse and are held against its schemas; a plan says that their stages are
//! declared and cannot run here. Holders are named by ids or keys: who they are is not the document's affair.
//!
//! ```
//! use aw_domain::Domain;
//!
//! let names: Vec<_> = ticketing::Ticketing.stage_types().iter().map(|stage| stage.name).collect();
//! assert_eq!(names, ["issued", "transferred", "scanned"]);
//! ```

use aw_alloy::document::members::IntegritySignature;
use aw_domain::{Domain, Phase, StageType};
use schemars::JsonSchema;
use serde::Deserialize;

/// A time as RFC 3339 writes it.
const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$";

/// The life of tickets.
///
/// # Source
/// The alloy format, section 5.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticketing;

impl Domain for Ticketing {
    fn id(&self) -> &str {
        "ticketing"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn type_byte(&self) -> u8 {
        0xff
    }

    fn stage_types(&self) -> Vec<StageType> {
        vec![
            StageType::declared::<Issued>("issued", Phase::Input, "Says who issued the ticket, for what and to whom."),
            StageType::declared::<Transferred>(
                "transferred",
                Phase::Transform,
                "Says that the ticket passed from one holder to another.",
            ),
            StageType::declared::<Scanned>(
                "scanned",
                Phase::Delivery,
                "Says that the ticket was shown at a gate, and what came of it.",
            ),
        ]
    }
}

/// `issued`: a ticket was issued.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issued {
    /// Where the event is.
    #[schemars(length(min = 1))]
    pub venue: String,
    /// The event, by an id of its organiser.
    #[schemars(length(min = 1))]
    pub event_id: String,
    /// The seat; absent where seats are free.
    #[schemars(length(min = 1))]
    pub seat: Option<String>,
    /// Who holds it.
    #[schemars(length(min = 1))]
    pub holder: String,
    /// The issuer's signature.
    pub issuer_signature: IntegritySignature,
    /// When, RFC 3339.
    #[schemars(regex(pattern = TIME))]
    pub issued_at: String,
}

/// `transferred`: a ticket passed from one holder to another. Both sign.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transferred {
    /// Who held it.
    #[schemars(length(min = 1))]
    pub from_holder: String,
    /// Who holds it.
    #[schemars(length(min = 1))]
    pub to_holder: String,
    /// The signature of who held it.
    pub from_signature: IntegritySignature,
    /// The signature of who holds it.
    pub to_signature: IntegritySignature,
    /// When, RFC 3339.
    #[schemars(regex(pattern = TIME))]
    pub transferred_at: String,
}

/// `scanned`: a ticket was shown at a gate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scanned {
    /// The gate.
    #[schemars(length(min = 1))]
    pub gate: String,
    /// The scanner, by an id of its owner.
    #[schemars(length(min = 1))]
    pub scanner_id: String,
    /// The scanner's signature.
    pub scanner_signature: IntegritySignature,
    /// What came of it.
    pub decision: Decision,
    /// When, RFC 3339.
    #[schemars(regex(pattern = TIME))]
    pub scanned_at: String,
}

/// What came of showing a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Whoever showed it may enter.
    Admit,
    /// Whoever showed it may not.
    Deny,
}
