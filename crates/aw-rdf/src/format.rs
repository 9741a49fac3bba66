//! Which syntax bytes are in: told by whoever hands them over, never guessed from the bytes.

/// A syntax of RDF that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// N-Triples, RDF 1.1.
    NTriples,
    /// Turtle, RDF 1.1.
    Turtle,
    /// JSON-LD 1.1.
    JsonLd,
}

/// Neither the media type nor the name says which syntax it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: no known RDF format; expected the media type text/turtle, application/n-triples or application/ld+json, or a name that ends in .ttl, .nt, .ntriples, .jsonld or .json-ld",
    described(.media_type.as_deref(), .name)
)]
pub struct UnknownFormat {
    /// The media type, where there was one.
    pub media_type: Option<String>,
    /// The file name or the path of the URL.
    pub name: String,
}

fn described(media_type: Option<&str>, name: &str) -> String {
    match media_type {
        Some(media_type) => format!("`{name}`, sent as `{media_type}`"),
        None => format!("`{name}`"),
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::NTriples, Self::Turtle, Self::JsonLd];

    /// The media type it is sent as.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::NTriples => "application/n-triples",
            Self::Turtle => "text/turtle",
            Self::JsonLd => "application/ld+json",
        }
    }

    /// The ends of file names that mean it, the usual one first.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::NTriples => &["nt", "ntriples"],
            Self::Turtle => &["ttl"],
            Self::JsonLd => &["jsonld", "json-ld"],
        }
    }

    /// The format of a media type; its parameters (`; charset=utf-8`) and upper and lower case do not matter.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|format| format.media_type().eq_ignore_ascii_case(essence))
    }

    /// The format of a file name or path by its extension; upper and lower case do not matter.
    pub fn of_name(name: &str) -> Option<Self> {
        let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let (stem, extension) = file.rsplit_once('.')?;
        let is = |format: &Self| format.extensions().iter().any(|it| it.eq_ignore_ascii_case(extension));
        Self::ALL.into_iter().find(is).filter(|_| !stem.is_empty())
    }

    /// The format that was stated: by the media type if that is one of RDF, else by the name. Nothing is guessed (codegen, section 6).
    ///
    /// # Errors
    /// When neither says.
    pub fn stated(media_type: Option<&str>, name: &str) -> Result<Self, UnknownFormat> {
        let found = media_type.and_then(Self::of_media_type).or_else(|| Self::of_name(name));
        found.ok_or_else(|| UnknownFormat { media_type: media_type.map(Into::into), name: name.into() })
    }
}
