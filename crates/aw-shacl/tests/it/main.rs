//! SHACL against the suite of the W3C, against pySHACL, and against hostile shapes.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod components;
mod conformance;
mod mutations;
mod refusals;
#[cfg(feature = "sparql")]
mod sparql;
mod spdx;
mod support;
