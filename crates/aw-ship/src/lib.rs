//! The shipping door: what is finished is verified, judged, published and receipted, under credentials that the forge never sees.
//!
//! A [`Bundle`] is a finished part of a line, or an artifact's folder as a run leaves it. [`examine`] verifies every hash and signature of
//! it, gathers the evidence and puts it through the gates; [`decide`] is a pure function of that, of the recipe's whereabouts, the
//! [`Policy`] and the [`Approval`] of a person. What may ship goes to [`Target`]s through a [`Publisher`] each: idempotent, resumable,
//! read back. A signed [`Receipt`] says what stands where; a refusal says which rules refused.
//!
//! # Source
//! The foundry and line, sections 2.5, 3.6, 3.7, 4, 5 and 7.

mod approval;
mod branding;
mod bundle;
mod contents;
mod decision;
mod door;
mod error;
mod examine;
mod files;
mod place;
mod publish;
mod receipt;
mod refusal;
mod safety;
mod secrets;
mod signed;
mod target;

pub use approval::{APPROVAL_CONTEXT, APPROVAL_FORMAT, Approval, Approved};
pub use bundle::{Bundle, FinishedPart};
pub use contents::{ContentFile, Contents};
pub use decision::{DECISION_FORMAT, Decision, Judgement, Policy, Provenance, Reason, Standing, decide};
pub use door::{Door, Shipped};
pub use error::ShipError;
pub use examine::{Examined, examine};
pub use publish::{
    Credentials, FileState, Plan, PlannedFile, Publication, Published, PublishedFile, Publisher, Step, Watch, publisher,
};
pub use receipt::{RECEIPT_CONTEXT, RECEIPT_FORMAT, Receipt};
pub use refusal::{REFUSAL_FORMAT, Refusal};
pub use target::{Target, TargetError};
