//! Keys that sign artifacts for others, their registry, and `integrity.signature`.
//!
//! A node's identity ([`keys`](crate::keys)) signs links and seals. The keys here sign the payload of section 8 of the alloy format,
//! which verifiers of any origin can recompute: [`sign`] makes `integrity.signature`, [`verify`] checks one and answers good, bad
//! or cannot tell. A key that a document carries is never trusted by itself: a [`KeyRegistry`] says whose it is and whether it
//! still counts. Nothing here reads a clock, a file or a random source: time, registry and secrets are handed in.
//!
//! # Source
//! The alloy format, section 8.

mod algorithm;
mod attest;
pub mod base64;
mod key;
mod payload;
mod registry;
mod verify;

pub use algorithm::Algorithm;
pub use attest::{Attestation, sign};

pub use key::{Curve, KeyFormError, SigningKey, VerificationKey};
pub use payload::{integrity, payload, payload_digest};
pub use registry::{KEY_LIFE_SECONDS, KeyEntry, KeyRegistry, MergeError, Merged};
pub use verify::{Checked, Expected, NONCE_BYTES_MIN, Standing, read_nonce, verify};
