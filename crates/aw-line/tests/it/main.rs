//! Behaviour of the line, from outside.
#![allow(clippy::unwrap_used)]

mod campaign;
mod every_step;
mod journal;
mod support;
mod transitions;
mod worker;
