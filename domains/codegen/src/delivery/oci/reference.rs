//! What names a repository, and an artifact in it.

use std::fmt;

use crate::delivery::ArtifactName;
use crate::net::{Origin, Url};

/// A repository of a registry: `oci://host[:port]/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub(super) origin: Origin,
    pub(super) name: String,
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
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "oci://{}:{}/{}", self.origin.host, self.origin.port, self.name)
    }
}

/// The tag of an artifact: its name without what tags do not hold. `+` of a forge's version is `_`, which no semantic version has.
pub(super) fn tag(name: &ArtifactName) -> String {
    format!("{}-forge.{}.{}", name.key(), name.forge().replace('+', "_"), name.profile())
}

/// The artifact of a tag; `None` when it is none of ours.
pub(super) fn name(tag: &str) -> Option<ArtifactName> {
    let (key, rest) = tag.split_once("-forge.")?;
    let (forge, profile) = rest.rsplit_once('.')?;
    ArtifactName::new(key, &forge.replace('_', "+"), profile).ok()
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
    fn tags_and_names_are_one_to_one() {
        for text in ["ontology@d761e55d728951e1+forge.0.1.0.wire", "ontology@d761e55d728951e1+forge.1.0.0-rc.1+b.5.plain"] {
            let artifact: ArtifactName = text.parse().unwrap();
            let tag = tag(&artifact);
            assert!(tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{tag}");
            assert_eq!(name(&tag), Some(artifact));
        }
        assert_eq!(name("latest"), None);
    }
}
