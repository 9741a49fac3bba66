//! JSON-LD 1.1 to RDF, after the W3C's "JSON-LD 1.1 Processing Algorithms and API". Contexts elsewhere are refused: nothing is fetched.
//!
//! Written here for four reasons. oxjsonld 0.2 passes 441 of the 467 tests of the suite with remote contexts at hand, and gets six of
//! the others wrong that are no matter of choice; it gives no places for what is wrong beyond JSON; it drops members without a word;
//! and it bounds no work: a context copied at each object, or terms that grow out of one another, cost the square of a document's size and
//! more.

mod context;
mod expand;
mod iri;
mod json;
mod members;
mod object;
mod statements;
mod term;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::intake::{Declared, Intake};
use crate::problem::{Fault, Omission, Place, Problem, Remark};
use crate::{Limits, Places};
use context::Context;

/// What is wrong, at a byte of the text.
#[derive(Debug)]
struct Error {
    at: usize,
    fault: Fault,
}

type Result<T> = std::result::Result<T, Error>;

/// Breaks a rule of JSON-LD.
fn broken<T>(code: &'static str, at: usize, message: impl Into<String>) -> Result<T> {
    Err(Error { at, fault: Fault::JsonLd { code, message: message.into() } })
}

/// What one reading counts and collects.
struct Reader<'a> {
    text: &'a str,
    limits: &'a Limits,
    steps: usize,
    written: usize,
    /// How many terms being defined wait for others.
    waiting: usize,
    remarks: Vec<Remark>,
    more: usize,
}

impl Reader<'_> {
    /// Counts work.
    fn step(&mut self, by: usize, at: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(by);
        let limit = self.limits.steps;
        if self.steps > limit { self.above("steps of using contexts", limit, at) } else { Ok(()) }
    }

    /// Makes an IRI of its parts, if it is not too long.
    fn written(&mut self, parts: &[&str], at: usize) -> Result<Rc<str>> {
        let length: usize = parts.iter().map(|it| it.len()).sum();
        if length > self.limits.iri {
            return self.above("bytes of an IRI", self.limits.iri, at);
        }
        self.written += length;
        if self.written > self.limits.text {
            return self.above("bytes of all terms, written out", self.limits.text, at);
        }
        Ok(parts.concat().into())
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn above<T>(&self, what: &'static str, limit: usize, at: usize) -> Result<T> {
        Err(Error { at, fault: Fault::Limit { what, limit } })
    }

    /// Notes that something is left out.
    fn omit(&mut self, name: &str, reason: &'static str, at: usize) {
        if self.remarks.len() >= self.limits.reports {
            self.more += 1;
            return;
        }
        let name = name.chars().take(200).collect();
        self.remarks.push(Remark { place: Some(Place::of(self.text, at)), omission: Omission::Member { name, reason } });
    }
}

/// Reads JSON-LD into the intake, and notes where the wanted subjects stand.
pub(crate) fn read(
    text: &str,
    base: Option<&str>,
    limits: &Limits,
    intake: &mut Intake<'_>,
    places: Option<&mut Places<'_>>,
) -> std::result::Result<Declared, Problem> {
    if let Some(base) = base.filter(|it| !iri::is_absolute(it)) {
        return Err(Problem::new(Fault::Base { iri: base.into(), message: "no scheme".into() }));
    }
    let mut reader = Reader { text, limits, steps: 0, written: 0, waiting: 0, remarks: Vec::new(), more: 0 };
    let prefixes = reader.document(base, intake, places).map_err(|it| Problem::at(Place::of(text, it.at), it.fault))?;
    let mut remarks = reader.remarks;
    remarks.sort_by_key(|it| it.place);
    Ok(Declared { prefixes, remarks, more: reader.more })
}

impl Reader<'_> {
    fn document(
        &mut self,
        base: Option<&str>,
        intake: &mut Intake<'_>,
        places: Option<&mut Places<'_>>,
    ) -> Result<BTreeMap<String, String>> {
        let document = json::parse(self.text, self.limits)?;
        let context = Rc::new(Context::initial(base));
        let items = self.expand_document(&context, &document)?;
        statements::write(self, intake, places, &items)?;
        let outermost = document.items().iter().find_map(|it| it.get("@context"));
        Ok(match outermost {
            Some(local) => self.process(&context, local, true, false)?.prefixes(),
            None => BTreeMap::new(),
        })
    }
}
