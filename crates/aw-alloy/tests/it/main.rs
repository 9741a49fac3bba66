//! Behaviour of the document library, one module per behaviour.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what they skip and panic when something is off")]
#![allow(clippy::type_complexity, reason = "tables of cases stand where they are used")]

mod acceptance;
mod canonical;
mod coverage;
mod cups;
mod document_corpus;
mod document_hashes;
mod document_hostile;
mod document_rules;
mod document_schemas;
mod export;
mod gates;
mod hostile;
mod json;
mod schema;
mod signing;
mod signing_registry;
mod vectors;
mod yaml;
