//! Downloads from a stand-in of the Hub that runs on this machine, with everything that can go wrong on the way.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod faults;
mod official;
mod support;
