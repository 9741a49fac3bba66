//! Positioned documents: JSON and YAML text, the publishing and the canonical (RFC 8785) serialisation, schema checks.
//!
//! Text becomes one kind of tree, [`Node`], that remembers where every value and every member name stood, keeps
//! members in their order and numbers in their spelling. Everything that later finds fault with a value can then
//! say where it is. The tree is read by [`json::parse`] or [`yaml::parse`], written by [`json::publish`],
//! [`json::compact`] or [`canonical::to_bytes`], and checked by a [`Schema`].
//!
//! ```
//! use aw_alloy::text::{Limits, json};
//!
//! let node = json::parse(br#"{"name": "tiny", "level": 0.30}"#, &Limits::DOCUMENT)?;
//! let level = node.get("level").expect("the member was written above");
//! assert_eq!((level.at.line, level.at.column), (1, 27));
//! assert_eq!(json::compact(&node), r#"{"name":"tiny","level":0.30}"#);
//!
//! let twice = json::parse(br#"{"a": 1, "a": 2}"#, &Limits::DOCUMENT).expect_err("names are unique");
//! assert_eq!(twice.to_string(), "line 1, column 10: member `a` appears twice, first at line 1, column 2");
//! # Ok::<(), aw_alloy::text::SyntaxError>(())
//! ```

pub mod canonical;
mod error;
pub mod json;
mod limits;
mod names;
mod node;
mod number;
mod object;
mod problem;
mod schema;
pub mod yaml;

pub use error::{SyntaxError, SyntaxErrorKind};
pub use limits::Limits;
pub use node::{Mark, Node, Value};
pub use number::{INTEGER_MAX, Number};
pub use object::{Member, Object};
pub use problem::Problem;
pub(crate) use problem::{push_item, push_member};
pub use schema::{Schema, SchemaError};
