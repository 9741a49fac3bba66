//! What a source is written in. Nothing is guessed.

use super::{Fetched, Location, SourceError};

/// A format of ontologies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFormat {
    /// Turtle.
    Turtle,
    /// N-Triples.
    NTriples,
    /// JSON-LD.
    JsonLd,
    /// The YAML model.
    Yaml,
}

impl SourceFormat {
    /// The format that the media type says, else the one the extension says.
    ///
    /// # Errors
    /// [`SourceError::Format`] when neither does.
    ///
    /// # Source
    /// Codegen, section 6.
    pub fn of(location: &Location, fetched: &Fetched) -> Result<Self, SourceError> {
        let said = fetched.content_type.as_deref();
        let found = said.and_then(Self::of_media_type).or_else(|| Self::of_name(location.name()));
        let shown = || said.map(|said| said.escape_debug().take(100).collect());
        found.ok_or_else(|| SourceError::Format { uri: fetched.source_uri.clone(), content_type: shown() })
    }

    /// The format of a media type, whose parameters do not matter.
    pub fn of_media_type(text: &str) -> Option<Self> {
        match text.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "text/turtle" | "application/x-turtle" => Some(Self::Turtle),
            "application/n-triples" => Some(Self::NTriples),
            "application/ld+json" => Some(Self::JsonLd),
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// The format of a file's name.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit('/').next()?.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "ttl" => Some(Self::Turtle),
            "nt" | "ntriples" => Some(Self::NTriples),
            "jsonld" | "json-ld" => Some(Self::JsonLd),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}
