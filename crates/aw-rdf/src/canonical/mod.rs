//! RDFC-1.0, the canonical form of an RDF dataset: equal for datasets that differ only in the order of their statements and the names
//! of their blank nodes. And what follows from it: canonical N-Quads, canonical N-Triples and the digest of a graph.
//!
//! oxrdf canonicalises too. It bounds no work, and a small dataset can be made that keeps it busy for ever (dataset poisoning,
//! RDFC-1.0 section 7.1); here every step counts towards a limit.
//!
//! One thing RDFC-1.0 leaves open. Hash Related Blank Node (section 4.7) reads the predicate and the position, and not in which graph a
//! statement stands, so blank nodes that differ only in *which* of two graphs says *which* of two things of them get equal hashes, and
//! their names decide. Every implementation has that; within one graph, where every digest of Alloyworks is taken, it cannot arise.

mod hash;
mod issuer;
mod labels;
mod nquads;

use std::collections::BTreeMap;

use oxrdf::{Dataset, GraphNameRef, QuadRef, TripleRef};
use sha2::{Digest, Sha256};

pub use hash::Algorithm;
pub use nquads::{write_literal, write_quad};

/// How much work canonicalising may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most steps: a blank node compared with another, or a name given out or carried over while one order of blank nodes is tried.
    /// Datasets whose blank nodes are told apart by their own statements need none.
    pub steps: u64,
    /// Longest way from one blank node to others that cannot be told apart.
    pub depth: usize,
}

impl Default for Limits {
    /// 4,000,000 steps, some seconds of the worst there is; ways of 512 blank nodes.
    fn default() -> Self {
        Self { steps: 4_000_000, depth: 512 }
    }
}

/// A dataset whose blank nodes are too alike.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// More steps than the limit allows.
    #[error(
        "{alike} blank nodes cannot be told apart by what is said of them, and comparing them takes more than {limit} steps; expected fewer blank nodes, or IRIs in their place"
    )]
    Steps {
        /// Blank nodes that share what is said of them with another one.
        alike: usize,
        /// The limit.
        limit: u64,
    },
    /// A longer way between blank nodes than the limit allows.
    #[error(
        "a chain of more than {limit} blank nodes that cannot be told apart by what is said of them; expected IRIs in their place"
    )]
    Depth {
        /// The limit.
        limit: usize,
    },
}

/// A dataset in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// Its statements in canonical N-Quads, one a line, sorted by code point, each once.
    pub nquads: String,
    /// The canonical label of each blank node, without `_:`.
    pub labels: BTreeMap<String, String>,
}

/// The canonical form of a dataset.
///
/// # Errors
/// When that takes more work than the limits allow.
pub fn canonicalize(dataset: &Dataset, algorithm: Algorithm, limits: &Limits) -> Result<Canonical, CanonicalError> {
    of_quads(dataset.iter(), algorithm, limits)
}

/// A dataset in canonical N-Quads, with SHA-256 inside.
///
/// # Errors
/// As [`canonicalize`].
pub fn nquads(dataset: &Dataset, limits: &Limits) -> Result<String, CanonicalError> {
    Ok(canonicalize(dataset, Algorithm::Sha256, limits)?.nquads)
}

/// A graph, given as its triples, in canonical N-Triples: the canonical N-Quads of the dataset that has it as its default graph.
///
/// # Errors
/// As [`canonicalize`].
pub fn ntriples<'a>(graph: impl IntoIterator<Item = TripleRef<'a>>, limits: &Limits) -> Result<String, CanonicalError> {
    let quads = graph.into_iter().map(|triple| triple.in_graph(GraphNameRef::DefaultGraph));
    Ok(of_quads(quads, Algorithm::Sha256, limits)?.nquads)
}

/// SHA-256 of a graph's canonical N-Triples (codegen, section 8).
///
/// # Errors
/// As [`canonicalize`].
pub fn graph_digest<'a>(graph: impl IntoIterator<Item = TripleRef<'a>>, limits: &Limits) -> Result<[u8; 32], CanonicalError> {
    Ok(Sha256::digest(ntriples(graph, limits)?).into())
}

fn of_quads<'a>(
    quads: impl Iterator<Item = QuadRef<'a>>,
    algorithm: Algorithm,
    limits: &Limits,
) -> Result<Canonical, CanonicalError> {
    let statements = nquads::Statements::of(quads);
    let labels = labels::canonical(&statements, algorithm, limits)?;
    let mut lines: Vec<String> = statements.lines(|blank| &labels[blank as usize]).collect();
    lines.sort_unstable();
    lines.dedup();
    let names = statements.blank_names().map(str::to_owned);
    Ok(Canonical { nquads: lines.concat(), labels: names.zip(labels).collect() })
}
