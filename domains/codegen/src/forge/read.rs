//! From a source's name to an ontology.

use std::collections::BTreeMap;

use crate::delivery::DiskError;
use crate::diagnostic::Diagnostic;
use crate::input::{self, Document, Format, Ontology, ReadOptions};
use crate::model::Scalar;
use crate::source::{Fetched, Location, SourceError, StateError};

use super::models::ModelsError;
use super::request::Reading;
use super::versions::VersionsError;
use super::{Fault, FaultKind, Forge};

/// A source that was fetched.
pub(super) struct Source {
    pub(super) fetched: Fetched,
    format: Option<Format>,
    options: ReadOptions,
}

impl Source {
    /// Reads what was fetched.
    pub(super) fn ontology(&self) -> Result<Ontology, Fault> {
        let format =
            self.format.ok_or_else(|| Fault::new(FaultKind::Format, "there is nothing to read: the source did not change"))?;
        input::read(&self.fetched.bytes, format, &self.options).map_err(unreadable)
    }
}

impl Forge {
    /// Fetches a source and what its reading needs.
    pub(super) fn read(&self, source: &str, reading: &Reading, validator: Option<&str>) -> Result<Source, Fault> {
        let options = self.options(reading)?;
        let (location, fetched) = self.fetch(source, validator)?;
        let format = if fetched.not_modified { None } else { Some(format(&location, &fetched)?) };
        Ok(Source { fetched, format, options })
    }

    pub(super) fn fetch(&self, source: &str, validator: Option<&str>) -> Result<(Location, Fetched), Fault> {
        let location = Location::parse(source)?;
        let fetched = self.settings.sources.fetch(&location, validator)?;
        Ok((location, fetched))
    }

    /// The options of a reading; its shapes are fetched.
    pub(super) fn options(&self, reading: &Reading) -> Result<ReadOptions, Fault> {
        let mut shapes = Vec::new();
        for source in &reading.shapes {
            let (location, fetched) = self.fetch(source, None)?;
            let format = format(&location, &fetched)?;
            shapes.push(Document { name: fetched.source_uri, bytes: fetched.bytes, format });
        }
        Ok(ReadOptions {
            vocabulary: reading.vocabulary.unwrap_or_default(),
            version: reading.version.clone(),
            namespace: reading.namespace.clone(),
            lossy_ranges: lossy_ranges(&reading.lossy_ranges)?,
            shapes,
            strict: reading.strict,
            ..ReadOptions::default()
        })
    }
}

pub(super) fn format(location: &Location, fetched: &Fetched) -> Result<Format, Fault> {
    Format::stated(fetched.content_type.as_deref(), location.name())
        .map_err(|unknown| Fault::new(FaultKind::Format, unknown.message.clone()).with(vec![unknown]))
}

fn lossy_ranges(given: &[String]) -> Result<BTreeMap<String, Scalar>, Fault> {
    let read = |text: &String| {
        let (iri, name) = text.rsplit_once('=')?;
        Some((iri.trim_matches(['<', '>']).to_owned(), Scalar::from_name(name)?))
    };
    let wrong = |text: &String| {
        Fault::new(FaultKind::Request, format!("`{text}` is no lossy range; expected `<iri>=string` or another scalar"))
    };
    given.iter().map(|text| read(text).ok_or_else(|| wrong(text))).collect()
}

/// What reading an ontology found, as a fault: of the shapes when nothing but them is violated.
pub(super) fn unreadable(diagnostics: Vec<Diagnostic>) -> Fault {
    let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let count = errors.clone().count();
    let kind = match errors.clone().all(|error| error.code.starts_with("E-SHAPE")) {
        true => FaultKind::Shapes,
        false if errors.clone().any(|error| error.code == "E-FORMAT-UNKNOWN") => FaultKind::Format,
        false => FaultKind::Ontology,
    };
    let first = errors.next().map(|error| format!("{} ({}: {})", error.code, error.subject, error.message)).unwrap_or_default();
    let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
    Fault::new(kind, format!("{first}{more}")).with(diagnostics)
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Self {
        let kind = match error.code() {
            "E-SOURCE-LOCATION" => FaultKind::Request,
            "E-SOURCE-ROOT" | "E-SOURCE-ORIGIN" => FaultKind::Forbidden,
            "E-SOURCE-LIMIT" => FaultKind::TooLarge,
            _ => FaultKind::Upstream,
        };
        Self::new(kind, error.to_string()).with(vec![error.diagnostic()])
    }
}

/// Turns errors of the disk and of what is kept on it into faults of the surroundings.
macro_rules! of_the_surroundings {
    ($($error:ty),+) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::new(FaultKind::Environment, error.to_string())
            }
        })+
    };
}

of_the_surroundings!(DiskError, StateError, ModelsError, VersionsError);
