//! Runs the real program: what people and scripts meet.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "tests say what they skip")]

mod comparison;
mod contracts;
mod documents;
mod door;
mod forge;
mod hub;
mod judge;
mod kill;
mod line;
mod problems;
mod reference;
mod seal;
mod ship;
mod support;
mod surface;
mod tamper;
mod validate;
