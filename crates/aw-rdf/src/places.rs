//! Where a document first writes the subjects somebody asks about: for messages about a graph that was read before.

use std::collections::{BTreeMap, BTreeSet};

use crate::intake::Intake;
use crate::problem::Place;
use crate::{Format, Limits, jsonld, turtle};

/// Looks up where subjects stand. A second pass over the text, made only when there is something to tell.
#[derive(Debug)]
pub struct Places<'a> {
    wanted: &'a BTreeSet<String>,
    /// The byte each is first written at.
    found: BTreeMap<String, usize>,
}

impl<'a> Places<'a> {
    /// Where each wanted subject (an absolute IRI) is first written as the subject of a statement. Those that are not found are absent:
    /// bytes that are no correct document are looked at as far as they go. Of JSON-LD it is the place of the node object.
    pub fn of(bytes: &[u8], format: Format, base: Option<&str>, wanted: &'a BTreeSet<String>) -> BTreeMap<String, Place> {
        let mut places = Self { wanted, found: BTreeMap::new() };
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match format {
            Format::Turtle | Format::NTriples => turtle::places(text, base, &mut places),
            Format::JsonLd => {
                let limits = Limits::default();
                let _ = jsonld::read(text, base, &limits, &mut Intake::new(&limits), Some(&mut places));
            }
        }
        Place::of_all(text, places.found)
    }

    pub(crate) fn all_found(&self) -> bool {
        self.found.len() == self.wanted.len()
    }

    /// Notes a subject unless it was seen before or nobody asks.
    pub(crate) fn found(&mut self, iri: String, at: usize) {
        if self.wanted.contains(&iri) {
            self.found.entry(iri).or_insert(at);
        }
    }
}
