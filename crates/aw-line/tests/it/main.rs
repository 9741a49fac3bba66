//! Behaviour of the line, from outside.
#![allow(clippy::unwrap_used)]

mod support;
mod transitions;
mod worker;
