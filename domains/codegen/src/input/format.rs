//! Which syntax an ontology is in: stated by who hands it over, never guessed.

use crate::diagnostic::Diagnostic;

/// A syntax that ontologies are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Turtle.
    Turtle,
    /// N-Triples.
    NTriples,
    /// JSON-LD 1.1.
    JsonLd,
    /// The YAML model.
    Yaml,
}

/// Media types of YAML: RFC 9512 and what servers sent before it.
const YAML_TYPES: [&str; 4] = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];

impl Format {
    /// The media type it is sent as.
    pub fn media_type(self) -> &'static str {
        self.rdf().map_or(YAML_TYPES[0], aw_rdf::Format::media_type)
    }

    /// The syntax of RDF, unless it is YAML.
    pub fn rdf(self) -> Option<aw_rdf::Format> {
        match self {
            Self::Turtle => Some(aw_rdf::Format::Turtle),
            Self::NTriples => Some(aw_rdf::Format::NTriples),
            Self::JsonLd => Some(aw_rdf::Format::JsonLd),
            Self::Yaml => None,
        }
    }

    fn of_rdf(format: aw_rdf::Format) -> Self {
        match format {
            aw_rdf::Format::Turtle => Self::Turtle,
            aw_rdf::Format::NTriples => Self::NTriples,
            aw_rdf::Format::JsonLd => Self::JsonLd,
        }
    }

    /// The format of a media type, whatever its parameters.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let yaml = YAML_TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence));
        if yaml { Some(Self::Yaml) } else { aw_rdf::Format::of_media_type(media_type).map(Self::of_rdf) }
    }

    /// The format of a file name or path, by its extension.
    pub fn of_name(name: &str) -> Option<Self> {
        let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let yaml = file.rsplit_once('.').is_some_and(|(stem, extension)| {
            !stem.is_empty() && ["yaml", "yml"].iter().any(|known| known.eq_ignore_ascii_case(extension))
        });
        if yaml { Some(Self::Yaml) } else { aw_rdf::Format::of_name(name).map(Self::of_rdf) }
    }

    /// The format that was stated: by the media type when it is one of these, else by the name.
    ///
    /// # Errors
    /// `E-FORMAT-UNKNOWN` when neither says.
    ///
    /// # Source
    /// Codegen, section 6.
    pub fn stated(media_type: Option<&str>, name: &str) -> Result<Self, Diagnostic> {
        let found = media_type.and_then(Self::of_media_type).or_else(|| Self::of_name(name));
        found.ok_or_else(|| {
            let sent = media_type.map(|sent| format!(", sent as `{sent}`,")).unwrap_or_default();
            let message = format!(
                "`{name}`{sent} is in no known format; expected the media type text/turtle, application/n-triples, application/ld+json or \
                 application/yaml, or a name that ends in .ttl, .nt, .ntriples, .jsonld, .json-ld, .yaml or .yml"
            );
            Diagnostic::new("E-FORMAT-UNKNOWN", name, message)
        })
    }
}
