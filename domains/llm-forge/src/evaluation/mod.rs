//! What a model is measured by: the benchmarks by name, how each is scored, and how sure a difference is.
//!
//! [`registry`] holds the names and says of each that is not run here why not. [`choice`] and [`humaneval`] read sets of problems from
//! JSON lines, [`divergence`] compares two models token by token, [`harness`] hands over to lm-evaluation-harness, [`bootstrap`] gives a
//! difference its interval.

pub mod bootstrap;
pub mod choice;
pub mod divergence;
pub mod harness;
pub mod humaneval;
mod lines;
pub mod registry;
pub mod score;

pub use lines::{SetError, SetProblem};
