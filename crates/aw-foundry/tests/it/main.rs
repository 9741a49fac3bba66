//! Planning, running and verifying, with a domain small enough to see through.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod pottery;

mod cache;
mod children;
mod halts;
mod plans;
mod tamper;
