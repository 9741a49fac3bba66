//! Tests of the domain `codegen`.
#![allow(clippy::unwrap_used, reason = "a failed assumption of a test is a failed test")]

mod diff;
mod emit;
mod model;
mod reference;
mod smoke;
