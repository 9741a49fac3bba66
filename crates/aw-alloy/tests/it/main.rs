//! Behaviour of the document library, one module per behaviour.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod canonical;
mod cups;
mod hostile;
mod json;
mod schema;
mod vectors;
mod yaml;
