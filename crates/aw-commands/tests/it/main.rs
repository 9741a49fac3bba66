//! Commands, asked through the registry as a surface asks them, with a domain that is not built in.
#![allow(clippy::unwrap_used, clippy::result_large_err)]

mod ask;
mod data;
#[cfg(all(feature = "llm-forge", feature = "photo-provenance", feature = "ticketing"))]
mod domains;
mod glass;
mod keys;
mod schemas;
