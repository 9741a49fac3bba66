//! Sources behind HTTP.

use zeroize::Zeroizing;

use crate::net::{Ask, Client, NetworkError, Url};

use super::{Fetched, SOURCE_BYTES_MAX, SourceError, Sources};

/// What is asked for, best first.
const ACCEPT: &str = "application/n-triples, text/turtle;q=0.9, application/ld+json;q=0.8, application/yaml;q=0.5";

/// A request for an ontology.
fn ask(sources: &Sources) -> Ask<'static> {
    let mut ask = Ask::get();
    ask.headers.push(("Accept", ACCEPT.to_owned()));
    ask.authorization = sources.bearer.as_ref().map(|secret| Zeroizing::new(format!("Bearer {}", secret.expose())));
    ask
}

/// Whether the source would send an ontology; its body is left unread.
pub(super) fn answers(url: &Url, sources: &Sources) -> Result<(), SourceError> {
    // Servers that know GET may not know HEAD.
    let answer = Client::new(sources.network.clone()).send(url, &ask(sources))?;
    match answer.status {
        200 => Ok(()),
        400.. => Err(answer.refusal().into()),
        status => Err(NetworkError::Status { url: answer.url.shown(), status, said: "expected 200".to_owned() }.into()),
    }
}

pub(super) fn fetch(url: &Url, sources: &Sources, validator: Option<&str>) -> Result<Fetched, SourceError> {
    let mut ask = ask(sources);
    let validator = validator.filter(|text| is_header_text(text));
    if let Some(validator) = validator {
        ask.headers.push(("If-None-Match", validator.to_owned()));
    }
    let answer = Client::new(sources.network.clone()).send(url, &ask)?;
    let etag = answer.header("etag").filter(|text| is_header_text(text)).map(str::to_owned);
    let source_uri = url.shown();
    match answer.status {
        200 => {
            let content_type = answer.header("content-type").map(str::to_owned);
            let bytes = answer.read(SOURCE_BYTES_MAX)?;
            Ok(Fetched { bytes, source_uri, validator: etag, content_type, not_modified: false })
        }
        304 if validator.is_some() => {
            let validator = validator.map(str::to_owned);
            Ok(Fetched { bytes: Vec::new(), source_uri, validator, content_type: None, not_modified: true })
        }
        400.. => Err(answer.refusal().into()),
        status => {
            let said = "expected 200, or 304 to a validator".to_owned();
            Err(NetworkError::Status { url: answer.url.shown(), status, said }.into())
        }
    }
}

/// Whether a text may stand in a header.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}
