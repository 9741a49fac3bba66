//! IRIs and keywords by their form, and the resolution of relative IRIs (RFC 3986, section 5.2).
//!
//! JSON-LD resolves against bases that are no correct IRIs, and keeps dot segments where nothing is resolved; oxiri does neither.

/// Whether this is a keyword of JSON-LD 1.1.
pub fn is_keyword(text: &str) -> bool {
    text.starts_with('@') && (KEYWORDS.contains(&text))
}

const KEYWORDS: [&str; 25] = [
    "@base",
    "@container",
    "@context",
    "@default",
    "@direction",
    "@graph",
    "@id",
    "@import",
    "@included",
    "@index",
    "@json",
    "@language",
    "@list",
    "@nest",
    "@none",
    "@prefix",
    "@propagate",
    "@protected",
    "@reverse",
    "@set",
    "@type",
    "@value",
    "@version",
    "@vocab",
    "@null",
];

/// Whether this looks like a keyword: `@` and letters.
pub fn has_keyword_form(text: &str) -> bool {
    text.strip_prefix('@').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|it| it.is_ascii_alphabetic()))
}

/// The length of the scheme, without its colon.
fn scheme(iri: &str) -> Option<usize> {
    let colon = iri.find(':')?;
    let (first, rest) = iri.as_bytes()[..colon].split_first()?;
    let fits =
        first.is_ascii_alphabetic() && rest.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.'));
    fits.then_some(colon)
}

/// Whether this begins like an absolute IRI.
pub fn is_absolute(text: &str) -> bool {
    scheme(text).is_some()
}

/// Whether this begins like the label of a blank node.
pub fn is_blank(text: &str) -> bool {
    text.starts_with("_:")
}

/// An IRI in its parts.
#[derive(Clone, Copy)]
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(iri: &'a str) -> Self {
        let (iri, fragment) = iri.split_once('#').map_or((iri, None), |(iri, it)| (iri, Some(it)));
        let (iri, query) = iri.split_once('?').map_or((iri, None), |(iri, it)| (iri, Some(it)));
        let (scheme, iri) = scheme(iri).map_or((None, iri), |length| (Some(&iri[..length]), &iri[length + 1..]));
        let (authority, path) = match iri.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, iri),
        };
        Self { scheme, authority, path, query, fragment }
    }
}

/// The absolute IRI that a reference means where the base is in force.
pub fn resolve(base: &str, reference: &str) -> String {
    let (base, reference) = (Parts::of(base), Parts::of(reference));
    let (scheme, authority, path, query) = if reference.scheme.is_some() {
        (reference.scheme, reference.authority, without_dots(reference.path), reference.query)
    } else if reference.authority.is_some() {
        (base.scheme, reference.authority, without_dots(reference.path), reference.query)
    } else if reference.path.is_empty() {
        (base.scheme, base.authority, base.path.to_owned(), reference.query.or(base.query))
    } else if reference.path.starts_with('/') {
        (base.scheme, base.authority, without_dots(reference.path), reference.query)
    } else {
        let folder = match base.path.rfind('/') {
            Some(slash) => &base.path[..=slash],
            None if base.authority.is_some() => "/",
            None => "",
        };
        (base.scheme, base.authority, without_dots(&format!("{folder}{}", reference.path)), reference.query)
    };
    let mut out = String::new();
    for (before, part, after) in
        [("", scheme, ":"), ("//", authority, ""), ("", Some(path.as_str()), ""), ("?", query, ""), ("#", reference.fragment, "")]
    {
        if let Some(part) = part {
            out.push_str(before);
            out.push_str(part);
            out.push_str(after);
        }
    }
    out
}

/// Removes dot segments (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    let mut folder = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = String::from(if absolute { "/" } else { "" });
    out.push_str(&kept.join("/"));
    if folder && !out.is_empty() && !out.ends_with('/') {
        out.push('/');
    }
    out
}
