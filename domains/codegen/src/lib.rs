//! Contracts from one ontology: the model, and what is made of it.
//!
//! An ontology becomes a [`model::Model`], whatever it was written in; everything after that reads the model alone.

#![allow(clippy::result_large_err, reason = "an operation makes one error, and ends with it")]

pub mod delivery;
pub mod diagnostic;
pub mod diff;
pub mod doctor;
mod domain;
pub mod emit;
pub mod forge;
pub mod input;
pub mod model;
mod objections;
pub mod service;
pub mod smoke;
pub mod source;
mod stages;

pub use aw_remote::net;
#[cfg(feature = "object-stores")]
pub use aw_remote::objects;
pub use domain::Codegen;
