//! Commands, asked through the registry as a surface asks them, with a domain that is not built in.
#![allow(clippy::unwrap_used, clippy::result_large_err)]

mod ask;
mod data;
mod domains;
mod glass;
mod keys;
mod schemas;
