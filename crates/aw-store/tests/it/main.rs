//! Behaviour of the store, from outside.
#![allow(clippy::unwrap_used)]

mod adopting;
mod collecting;
mod killed;
mod opening;
mod placing;
mod sources;
mod support;
mod tampering;
mod together;
