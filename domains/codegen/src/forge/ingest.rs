//! Taking in a finished version of an ontology, and giving out its canonical form.

use aw_alloy::digest::Digest;

use crate::diagnostic::Diagnostic;
use crate::diff::{self, Diff, Facts};
use crate::input::{self, Format, Ontology};
use crate::model::{Model, ModelDigest};
use crate::source::file_uri;

use super::models::Models;
use super::read::unreadable;
use super::request::{ChangeView, IngestRequest, Ingested, Reading, Snapshot};
use super::versions::{Entry, Versions};
use super::{Fault, FaultKind, Forge};

impl Forge {
    /// Takes in a version of the ontology: held against the shapes, compared with the version in force, kept in its canonical form.
    ///
    /// # Errors
    /// [`Fault`]; nothing is kept then.
    pub fn ingest(&self, bytes: &[u8], request: &IngestRequest) -> Result<Ingested, Fault> {
        let format = request.content_type.as_deref().and_then(Format::of_media_type).filter(|format| format.rdf().is_some());
        let format = format.ok_or_else(|| {
            Fault::new(FaultKind::Format, "expected RDF: text/turtle, application/n-triples or application/ld+json")
        })?;
        if bytes.is_empty() {
            return Err(Fault::new(FaultKind::Ontology, "the body is empty; expected an ontology"));
        }
        let options = self.options(&Reading::default())?;
        let ontology = input::read(bytes, format, &options).map_err(unreadable)?;
        let (n_triples, graph_digest) = canonical(bytes, format)?;
        let _alone = self.alone();
        let versions = Versions::of(&self.settings.store);
        let version = ontology.model.version.clone();
        let current = versions.current()?;
        let same = current.as_ref().is_some_and(|current| current.graph_digest == graph_digest);
        let change = match &current {
            Some(current) if !same => self.compared(current, &ontology, &request.allow_destructive)?,
            _ => None,
        };
        if let Some(kept) = versions.get(&version)?
            && kept.graph_digest != graph_digest
        {
            let detail = format!(
                "version {version} was taken in with another graph; what was taken in never changes: state a new version"
            );
            return Err(Fault::new(FaultKind::Conflict, detail));
        }
        let model_digest = ModelDigest::of(&ontology.model);
        if !same {
            Models::of(&self.settings.store).keep(&ontology.model, &ontology.facts)?;
            let previous = current.map(|current| current.version);
            versions
                .add(&Entry { version: version.clone(), graph_digest, model_digest: model_digest.0, previous }, &n_triples)?;
        }
        Ok(Ingested {
            is_new: !same,
            source: file_uri(&versions.graph_path(&version)),
            version,
            ontology: model_digest.ontology(),
            graph_digest,
            change,
            diagnostics: ontology.diagnostics,
        })
    }

    /// The canonical form of a version that was taken in, or of the one in force.
    ///
    /// # Errors
    /// [`Fault`] when there is none.
    pub fn snapshot(&self, version: Option<&str>) -> Result<Snapshot, Fault> {
        let versions = Versions::of(&self.settings.store);
        let entry = match version {
            Some(version) => versions.get(version)?,
            None => versions.current()?,
        };
        let entry = entry.ok_or_else(|| {
            let what = version.map_or_else(|| "no version".to_owned(), |version| format!("no version {version:?}"));
            Fault::new(FaultKind::Missing, format!("{what} of an ontology was taken in here"))
        })?;
        let n_triples = versions.graph(&entry)?;
        Ok(Snapshot { version: entry.version, graph_digest: entry.graph_digest, n_triples })
    }

    /// The canonical form of a source, which is not kept.
    ///
    /// # Errors
    /// [`Fault`] when it is no RDF, or not readable.
    pub fn snapshot_of(&self, source: &str) -> Result<Snapshot, Fault> {
        let (location, fetched) = self.fetch(source, None)?;
        let format = super::read::format(&location, &fetched)?;
        let (n_triples, graph_digest) = canonical(&fetched.bytes, format)?;
        Ok(Snapshot { version: String::new(), graph_digest, n_triples })
    }

    /// Holds an ontology against the version in force.
    fn compared(&self, current: &Entry, ontology: &Ontology, allowed: &[String]) -> Result<Option<ChangeView>, Fault> {
        let Some((old, facts)) = Models::of(&self.settings.store).get(&current.model_digest)? else {
            let detail = format!(
                "the model of version {} is gone from the store, so that nothing can be compared with it",
                current.version
            );
            return Err(Fault::new(FaultKind::Environment, detail));
        };
        let found = compared((&old, &facts), ontology);
        permitted(&found, allowed)?;
        Ok(Some(ChangeView::from(&found)))
    }
}

/// Compares an older model with an ontology. Where both were read from graphs, by what the graphs say too.
pub(super) fn compared((old, facts): (&Model, &Facts), new: &Ontology) -> Diff {
    let found = diff::diff(old, &new.model, &new.renames);
    if facts.is_empty() || new.facts.is_empty() { found } else { found.with_facts(facts, &new.facts) }
}

/// Refuses what destroys unless each item is named, and a version step that is too small.
pub(super) fn permitted(found: &Diff, allowed: &[String]) -> Result<Vec<String>, Fault> {
    let changes = || serde_json::to_value(found).unwrap_or_default();
    let named = found.permit(allowed).map_err(|refused| {
        let unknown = refused.iter().all(|said| said.code == "E-ALLOW-UNKNOWN");
        let kind = if unknown { FaultKind::Request } else { FaultKind::Destructive };
        let detail = format!("{} of the changes need to be named to be allowed, or are named for nothing", refused.len());
        Fault::new(kind, detail).with(refused).and("diff", changes())
    })?;
    let step: Vec<Diagnostic> = found.version_step().into_iter().collect();
    match step.first() {
        Some(first) => Err(Fault::new(FaultKind::Ontology, first.message.clone()).with(step).and("diff", changes())),
        None => Ok(named),
    }
}

fn canonical(bytes: &[u8], format: Format) -> Result<(Vec<u8>, Digest), Fault> {
    let rdf = format.rdf().ok_or_else(|| Fault::new(FaultKind::Format, "a YAML model is no graph and has no canonical form"))?;
    let document = aw_rdf::read(bytes, rdf, &aw_rdf::Limits::default(), None).map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        Fault::new(FaultKind::Ontology, first)
    })?;
    let text = aw_rdf::canonical::ntriples(&document.graph, &aw_rdf::canonical::Limits::default())
        .map_err(|error| Fault::new(FaultKind::Ontology, error.to_string()))?;
    let bytes = text.into_bytes();
    let digest = Digest::of(&bytes);
    Ok((bytes, digest))
}
