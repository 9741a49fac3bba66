//! JSON text: a strict reader and the two ways documents are written.

mod read;
mod string;
mod write;

pub use read::parse;
pub use write::{compact, publish};
