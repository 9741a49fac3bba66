//! YAML text, read into the same tree as JSON.

mod read;
mod scalar;

pub use read::{parse, parse_with_aliases};
