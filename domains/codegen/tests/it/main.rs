//! Tests of the domain `codegen`.
#![allow(clippy::unwrap_used, reason = "a failed assumption of a test is a failed test")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tests say what they skip and what they measured")]
#![allow(clippy::result_large_err, reason = "an operation makes one error, and ends with it")]

mod artifacts;
mod check;
mod consumer;
mod delivery;
mod diff;
mod emit;
mod forge;
mod history;
mod model;
#[cfg(feature = "object-stores")]
mod objects;
mod oci;
mod ontologies;
mod pipeline;
mod reference;
mod server;
#[cfg(feature = "service")]
mod service;
mod smoke;
mod source;
mod webhook;
mod yaml;
