//! RDF graphs: Turtle, N-Triples and JSON-LD 1.1 in, canonical N-Quads (RDFC-1.0) and their digest out. Bytes in, values out: the
//! crate touches no file and no network, and is made to be handed documents that nobody has looked at.
//!
//! ```
//! use aw_rdf::{Format, Limits, canonical, read};
//!
//! let text = b"@prefix ex: <http://example.org/> . ex:cup ex:holds [ ex:millilitres 200 ] .";
//! let document = read(text, Format::Turtle, &Limits::default(), None).map_err(|problems| problems[0].clone())?;
//! assert_eq!(document.graph.len(), 2);
//! assert_eq!(document.prefixes["ex"], "http://example.org/");
//!
//! let lines = canonical::ntriples(&document.graph, &canonical::Limits::default())?;
//! assert!(lines.starts_with("<http://example.org/cup> <http://example.org/holds> _:c14n0 .\n"));
//! let digest = canonical::graph_digest(&document.graph, &canonical::Limits::default())?;
//! assert_eq!(digest.len(), 32);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is read are [`Triples`], of the terms of [`oxrdf`], which is handed on here. They are each there once and **come in another order
//! in each process**: whoever writes something that has to be the same twice sorts first, or takes the canonical form. Blank nodes
//! are named `b0`, `b1` and so on in the order of reading, so that the same document gives the same names.
//!
//! JSON-LD is read without any context that is not in the document. Members that mean nothing in RDF are told as [remarks](Remark).
//!
//! Turtle and N-Triples are read by oxttl. A scan goes before it that bounds what oxttl does not: nesting, and IRIs that grow out of
//! one another.

pub mod canonical;
mod format;
mod intake;
mod jsonld;
mod limits;
mod places;
mod problem;
mod triples;
mod turtle;

use std::collections::BTreeMap;

use intake::{Declared, Intake};

pub use format::{Format, UnknownFormat};
pub use limits::Limits;
pub use oxrdf;
pub use oxrdf::{Dataset, Graph};
pub use places::Places;
pub use problem::{Fault, Omission, Place, Problem, Remark};
pub use triples::Triples;

/// What a document holds.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its default graph.
    pub graph: Triples,
    /// The prefixes it declares, by name; the last of one name. Of JSON-LD, the terms of the outermost context that may be prefixes.
    pub prefixes: BTreeMap<String, String>,
    /// What it holds that is not in the graph, in the order of the document; at most [`Limits::reports`] and a count of the others.
    pub remarks: Vec<Remark>,
}

/// Reads a document; relative IRIs are resolved against the base, where there is one.
///
/// # Errors
/// What is wrong with it, in its order: of N-Triples every wrong line up to [`Limits::reports`], of Turtle and JSON-LD the first thing.
pub fn read(bytes: &[u8], format: Format, limits: &Limits, base: Option<&str>) -> Result<Document, Vec<Problem>> {
    let mut intake = Intake::new(limits);
    let declared = reading(bytes, format, limits, base, &mut intake)?;
    Ok(intake.document(declared))
}

/// Reads a document with its named graphs, which only JSON-LD has.
///
/// # Errors
/// As [`read`].
pub fn read_dataset(bytes: &[u8], format: Format, limits: &Limits, base: Option<&str>) -> Result<Dataset, Vec<Problem>> {
    let mut intake = Intake::whole(limits);
    reading(bytes, format, limits, base, &mut intake)?;
    Ok(intake.dataset())
}

/// Reads a document into the intake.
fn reading(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    base: Option<&str>,
    intake: &mut Intake<'_>,
) -> Result<Declared, Vec<Problem>> {
    let text = decoded(bytes, limits).map_err(|problem| vec![problem])?;
    match format {
        Format::Turtle => {
            let prefixes = turtle::read(text, base, limits, intake)?;
            Ok(Declared { prefixes, ..Declared::default() })
        }
        Format::NTriples => turtle::read_lines(text, limits, intake).map(|()| Declared::default()),
        Format::JsonLd => jsonld::read(text, base, limits, intake, None).map_err(|problem| vec![problem]),
    }
}

/// The text of a document, without the byte order mark that some editors put before it.
fn decoded<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Problem> {
    if bytes.len() > limits.bytes {
        return Err(Problem::new(Fault::Limit { what: "bytes of the document", limit: limits.bytes }));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let before = String::from_utf8_lossy(&bytes[..offset]);
        Problem::at(Place::of(&before, before.len()), Fault::Encoding { offset })
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
