//! What names a repository of a registry.

use std::fmt;

use crate::net::{Origin, Url};

/// A repository of a registry: `oci://host[:port]/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Whom the registry is asked at.
    pub origin: Origin,
    /// Its name there.
    pub name: String,
}

/// Why a text names no repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no repository: {reason}")]
pub struct ReferenceError {
    /// As given, shortened and made printable.
    pub text: String,
    /// What is wrong and what would be right.
    pub reason: &'static str,
}

impl Repository {
    /// Reads `oci://host[:port]/name`. `allow_http` asks without TLS, which is for registries on this machine alone.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, ReferenceError> {
        let odd = |reason| ReferenceError { text: text.escape_debug().take(200).collect(), reason };
        let rest = text.strip_prefix("oci://").ok_or_else(|| odd("expected oci://host/name"))?;
        let (host, name) = rest.split_once('/').ok_or_else(|| odd("expected a name after the host"))?;
        let scheme = if allow_http { "http" } else { "https" };
        let url = Url::parse(&format!("{scheme}://{host}/")).filter(|url| url.path == "/");
        let origin = url.ok_or_else(|| odd("the host is none"))?.origin;
        if allow_http && !origin.is_loopback() {
            return Err(odd("http is for registries on this machine alone; expected a loopback host, or https"));
        }
        let part = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            part.bytes().all(|byte| plain(byte) || b"._-".contains(&byte))
                && part.bytes().next().is_some_and(plain)
                && part.bytes().last().is_some_and(plain)
        };
        if name.len() > 255 || !name.split('/').all(part) {
            return Err(odd("its name is lower-case letters and digits, with `.`, `_`, `-` between them and `/` between parts"));
        }
        Ok(Self { origin, name: name.to_owned() })
    }

    /// Reads `oci://host[:port]/name[:tag]`. A registry on this machine is asked without TLS, as its kind is set up there.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn parse_tagged(text: &str) -> Result<(Self, Option<String>), ReferenceError> {
        let rest = text.strip_prefix("oci://").unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        let here =
            host == "[::1]" || host.starts_with("[::1]:") || matches!(host.split(':').next(), Some("localhost" | "127.0.0.1"));
        // A colon behind the last slash begins a tag; one before it, a port.
        let (name, tag) = match text
            .rsplit_once(':')
            .filter(|(before, after)| !after.contains('/') && before.len() > "oci:".len())
        {
            Some((before, tag)) if before.strip_prefix("oci://").is_some_and(|rest| rest.contains('/')) => (before, Some(tag)),
            _ => (text, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            let text = tag.escape_debug().take(200).collect();
            let reason = "its tag is up to 128 letters, digits, `.`, `_` and `-`, and begins with none of `.` and `-`";
            return Err(ReferenceError { text, reason });
        }
        Ok((Self::parse(name, here)?, tag.map(str::to_owned)))
    }
}

/// Whether a text can be a tag.
pub fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b".-".contains(&byte))
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "oci://{}:{}/{}", self.origin.host, self.origin.port, self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn repositories_are_read_or_refused() {
        let text = |text: &str, http| Repository::parse(text, http).map(|found| found.to_string());
        assert_eq!(text("oci://ghcr.example/team/contracts", false).unwrap(), "oci://ghcr.example:443/team/contracts");
        assert_eq!(text("oci://127.0.0.1:5000/a", true).unwrap(), "oci://127.0.0.1:5000/a");
        for bad in [
            "ghcr.example/a",
            "oci://h",
            "oci://h/",
            "oci://h/A",
            "oci://h/a/../b",
            "oci://u@h/a",
            "oci://h/a:tag",
            "oci:///a",
            "oci://h?/a",
        ] {
            assert!(text(bad, false).is_err(), "{bad}");
        }
        assert!(text("oci://registry.example/a", true).is_err(), "http beyond this machine");
    }

    #[test]
    fn tags_are_told_from_ports() {
        let read = |text: &str| Repository::parse_tagged(text).map(|(repository, tag)| (repository.to_string(), tag));
        assert_eq!(read("oci://localhost:5000/a/b:v1").unwrap(), ("oci://localhost:5000/a/b".into(), Some("v1".into())));
        assert_eq!(read("oci://localhost:5000/a/b").unwrap(), ("oci://localhost:5000/a/b".into(), None));
        assert_eq!(read("oci://ghcr.example/a:1.0.0").unwrap(), ("oci://ghcr.example:443/a".into(), Some("1.0.0".into())));
        assert_eq!(read("oci://[::1]:5000/a").unwrap(), ("oci://[::1]:5000/a".into(), None));
        for bad in ["oci://h:5000", "oci://h/a:", "oci://h/a:-x", "oci://h/a:b/c", "oci://h/a:a+b", "oci:a"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
