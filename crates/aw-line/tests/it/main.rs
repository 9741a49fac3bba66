//! Behaviour of the line, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests panic when something is off, and say what they skip or drew by chance"
)]

mod campaign;
mod every_step;
mod journal;
mod support;
mod transitions;
mod worker;
