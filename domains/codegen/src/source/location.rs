//! What names a source.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use aw_remote::ObjectLocation;

use crate::net::Url;

use super::SourceError;

/// A place an ontology can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, by its absolute path.
    File(PathBuf),
    /// An address of http or https.
    Http(Url),
    /// An object of an object store.
    Object(ObjectLocation),
}

impl Location {
    /// Reads a path or an address.
    ///
    /// # Errors
    /// [`SourceError::Location`].
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let odd = |reason: &str| {
            let text = text.split('?').next().unwrap_or_default();
            SourceError::Location { text: text.escape_debug().take(200).collect(), reason: reason.to_owned() }
        };
        if text.starts_with('/') {
            return path(text.as_bytes().to_vec()).map(Self::File).ok_or_else(|| odd("it leads up or holds a zero byte"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(odd("it has no scheme and is no absolute path"));
        };
        if ObjectLocation::is_meant(text) {
            let object = ObjectLocation::parse(text).filter(|object| !object.key.is_empty());
            return object.map(Self::Object).ok_or_else(|| odd("expected a bucket and an object's name"));
        }
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => Url::parse(text).map(Self::Http).ok_or_else(|| odd("it is no address without user and fragment")),
            "file" => {
                let encoded = rest.strip_prefix("localhost").filter(|rest| rest.starts_with('/')).unwrap_or(rest);
                if !encoded.starts_with('/') {
                    return Err(odd("it names a host, or no absolute path"));
                }
                if encoded.contains(['?', '#']) {
                    return Err(odd("`?` and `#` in a file's name are written `%3F` and `%23`"));
                }
                let bytes = decode(encoded).ok_or_else(|| odd("`%` is followed by two hexadecimal digits"))?;
                path(bytes).map(Self::File).ok_or_else(|| odd("it leads up or holds a zero byte"))
            }
            _ => Err(odd("its scheme is not one that is read")),
        }
    }

    /// The name whose extension says a format, when nothing else does.
    pub fn name(&self) -> &str {
        match self {
            Self::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            Self::Http(url) => url.path.split('?').next().unwrap_or_default(),
            Self::Object(object) => &object.key,
        }
    }
}

/// A path of bytes; `None` when it holds a zero byte or leads up.
fn path(bytes: Vec<u8>) -> Option<PathBuf> {
    if bytes.contains(&0) {
        return None;
    }
    let path = PathBuf::from(OsString::from_vec(bytes));
    let up = path.components().any(|part| part == std::path::Component::ParentDir);
    (!up).then_some(path)
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        out.push(digit(bytes.next()?)? << 4 | digit(bytes.next()?)?);
    }
    Some(out)
}

/// A path as a `file://` address.
pub fn file_uri(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~+@,=".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn places_are_read() {
        let file = |text: &str| match Location::parse(text).unwrap() {
            Location::File(path) => path.to_str().unwrap().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(file("/a/b c.ttl"), "/a/b c.ttl");
        assert_eq!(file("file:///a/b%20c%C3%BC.ttl"), "/a/b cü.ttl");
        assert_eq!(file("file://localhost/a"), "/a");
        assert_eq!(file(&file_uri(Path::new("/a/b cü?#%.ttl"))), "/a/b cü?#%.ttl");
        let object = |text: &str| match Location::parse(text).unwrap() {
            Location::Object(object) => object.to_string(),
            other => panic!("{other:?}"),
        };
        for text in ["s3://bucket/a/b.ttl", "gs://bucket/k", "azureblob://account/container/a/b.nt"] {
            assert_eq!(object(text), text);
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for bad in [
            "",
            "a.ttl",
            "../a",
            "/a/../b",
            "file:///a/%2e%2e/b",
            "file:///a%00",
            "file://host/a",
            "file:a",
            "file:///a%zz",
            "file:///a%2",
            "file:///a?x",
            "ftp://h/a",
            "s3://bucket",
            "s3:///key",
            "s3://b/../k",
            "s3://b/a//c",
            "gs://u@b/k",
            "azureblob://a/c",
            "https://u:p@h/a",
            "http://h/a#f",
            "javascript:alert(1)",
        ] {
            let error = Location::parse(bad).unwrap_err();
            assert_eq!(error.code(), "E-SOURCE-LOCATION", "{bad}");
        }
        let secret = Location::parse("https://u:p@h/a?sig=secret").unwrap_err().to_string();
        assert!(!secret.contains("sig="), "{secret}");
    }
}
