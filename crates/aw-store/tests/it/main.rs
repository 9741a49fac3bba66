//! Behaviour of the store, from outside.
#![allow(clippy::unwrap_used)]

mod adopting;
mod collecting;
mod entities;
mod entities_formats;
mod entities_many;
mod entities_model;
mod entities_support;
mod entities_tampering;
mod entities_together;
mod killed;
mod opening;
mod placing;
mod sources;
mod support;
mod tampering;
mod together;
