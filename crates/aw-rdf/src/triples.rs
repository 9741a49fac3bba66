//! The triples of a document.

use std::collections::HashSet;

use oxrdf::{Graph, Triple, TripleRef};

/// A set of triples, each once, in no order: what reading gives.
///
/// [`Graph`] holds triples under six indexes, whose making takes several times as long as reading the document and as many times its
/// memory. Whoever looks triples up makes one with [`Self::to_graph`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triples(HashSet<Triple>);

impl Triples {
    /// No triples.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a triple; gives whether it was not there before.
    pub fn insert(&mut self, triple: Triple) -> bool {
        self.0.insert(triple)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The triples, in another order in each process.
    pub fn iter(&self) -> impl Iterator<Item = TripleRef<'_>> {
        self.into_iter()
    }

    /// The same with indexes.
    pub fn to_graph(&self) -> Graph {
        self.iter().collect()
    }
}

impl<'a> IntoIterator for &'a Triples {
    type Item = TripleRef<'a>;
    type IntoIter = std::iter::Map<std::collections::hash_set::Iter<'a, Triple>, fn(&'a Triple) -> TripleRef<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(Triple::as_ref)
    }
}

impl IntoIterator for Triples {
    type Item = Triple;
    type IntoIter = std::collections::hash_set::IntoIter<Triple>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
