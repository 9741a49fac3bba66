//! SHACL: whether RDF data has the shape it should have.
//!
//! All of SHACL Core, and SHACL-SPARQL with the feature `sparql` (on by default), over graphs in memory. The shapes graph is read first and
//! judged whole: an ill-formed, recursive or unsupported shape is an error with its node, and so is a shapes graph without any
//! target. Nothing is skipped. Then any number of data graphs are validated. The crate reads no file, clock or random source.
//!
//! ```
//! use aw_shacl::{Limits, Shapes};
//! # fn parse(text: &str) -> oxrdf::Graph { oxttl::TurtleParser::new().for_slice(text).collect::<Result<_, _>>().unwrap() }
//!
//! let shapes = parse(r#"
//!     @prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <http://example.org/> .
//!     ex:PersonShape a sh:NodeShape ; sh:targetClass ex:Person ;
//!         sh:property [ sh:path ex:name ; sh:minCount 1 ; sh:message "a person has a name" ] ."#);
//! let data = parse("@prefix ex: <http://example.org/> . ex:a a ex:Person . ex:b a ex:Person ; ex:name 'B' .");
//!
//! let report = Shapes::parse(&shapes, &Limits::default())?.validate(&data)?;
//! assert!(!report.conforms);
//! assert_eq!(report.results.len(), 1);
//! assert_eq!(report.results[0].messages[0].value(), "a person has a name");
//! assert_eq!(report.checked(), 2); // "conforms" with nothing checked would mean nothing
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Time and memory are bounded by [`Limits`]; what lies beyond is an error, never a shorter answer.

mod limits;
mod list;
mod literal;
mod path;
mod problem;
mod regex;
mod report;
mod shapes;
#[cfg(feature = "sparql")]
mod sparql;
mod term;
mod validate;
mod vocab;

pub use limits::{LimitError, Limits};
pub use path::Path;
pub use problem::{Problem, ProblemKind, Remark, ShapesError};
pub use report::{FocusNodes, Report, ValidationResult};
pub use shapes::Shapes;
pub use validate::ValidateError;
