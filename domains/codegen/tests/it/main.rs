//! Tests of the domain `codegen`.
#![allow(clippy::unwrap_used, reason = "a failed assumption of a test is a failed test")]

mod artifacts;
mod consumer;
mod delivery;
mod diff;
mod emit;
mod model;
#[cfg(feature = "object-stores")]
mod objects;
mod oci;
mod reference;
mod server;
mod smoke;
mod source;
mod webhook;
