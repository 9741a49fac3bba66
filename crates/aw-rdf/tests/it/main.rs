//! The W3C's test suites, small vectors that need no other folder, and hostile documents.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod canonical;
mod conformance;
mod documents;
mod hostile;
mod json_ld;
mod mutations;
mod ontologies;
