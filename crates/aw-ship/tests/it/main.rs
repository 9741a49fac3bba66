//! The crate's integration tests.

#![allow(clippy::unwrap_used)]

mod fixture;
mod folder;
mod gates;
mod hub;
mod line;
#[cfg(feature = "object-stores")]
mod objects;
mod registry;
mod servers;
