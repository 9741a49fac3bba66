//! Contracts from one ontology: the model, and what is made of it.
//!
//! An ontology becomes a [`model::Model`], whatever it was written in; everything after that reads the model alone.

pub mod delivery;
pub mod diagnostic;
pub mod diff;
pub mod emit;
pub mod input;
pub mod model;
pub mod net;
#[cfg(feature = "object-stores")]
pub mod objects;
pub mod service;
pub mod smoke;
pub mod source;
