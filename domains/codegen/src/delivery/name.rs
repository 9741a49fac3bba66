//! Names of artifacts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `ontology@<key>+forge.<version>.<profile>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactName {
    key: String,
    forge: String,
    profile: String,
}

/// Why a text names no artifact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no artifact: {reason}; expected `ontology@<16 hexadecimal digits>+forge.<version>.<profile>`")]
pub struct NameError {
    /// The text as given, shortened and made printable.
    pub text: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

/// Longest version of a forge, in bytes.
const VERSION_BYTES_MAX: usize = 64;

impl ArtifactName {
    /// A name of its parts.
    ///
    /// # Errors
    /// [`NameError`] when the key is not 16 lower-case hexadecimal digits, the version no semantic version or the profile not lower-case
    /// letters.
    pub fn new(key: &str, forge: &str, profile: &str) -> Result<Self, NameError> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let reason = if key.len() != 16 || !key.bytes().all(is_hex) {
            "the key is not 16 lower-case hexadecimal digits"
        } else if forge.len() > VERSION_BYTES_MAX || semver::Version::parse(forge).is_err() {
            "the forge's version is no semantic version"
        } else if profile.is_empty() || profile.len() > 32 || !profile.bytes().all(|byte| byte.is_ascii_lowercase()) {
            "the profile is not lower-case letters"
        } else {
            return Ok(Self { key: key.to_owned(), forge: forge.to_owned(), profile: profile.to_owned() });
        };
        let text = format!("ontology@{key}+forge.{forge}.{profile}");
        Err(NameError { text: text.escape_debug().take(200).collect(), reason })
    }

    /// The ontology key: the first 16 hexadecimal digits of the model's digest.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Version of the forge that made it.
    pub fn forge(&self) -> &str {
        &self.forge
    }

    /// How members are named on the wire.
    pub fn profile(&self) -> &str {
        &self.profile
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ontology@{}+forge.{}.{}", self.key, self.forge, self.profile)
    }
}

impl FromStr for ArtifactName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts = text.strip_prefix("ontology@").and_then(|rest| {
            let (key, rest) = rest.split_once("+forge.")?;
            let (forge, profile) = rest.rsplit_once('.')?;
            Some((key, forge, profile))
        });
        let shown = || text.escape_debug().take(200).collect();
        let (key, forge, profile) = parts.ok_or_else(|| NameError { text: shown(), reason: "it has another form" })?;
        Self::new(key, forge, profile).map_err(|error| NameError { text: shown(), ..error })
    }
}

impl Serialize for ArtifactName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ArtifactName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_read_what_they_write_and_nothing_that_leads_elsewhere() {
        for good in ["ontology@d761e55d728951e1+forge.0.1.0.wire", "ontology@d761e55d728951e1+forge.0.1.0-rc.1+b.5.plain"] {
            assert_eq!(good.parse::<ArtifactName>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "ontology@d761e55d728951e1",
            "ontology@D761e55d728951e1+forge.0.1.0.wire",
            "ontology@d761e55d728951e+forge.0.1.0.wire",
            "ontology@d761e55d728951e1+forge.0.1.wire",
            "ontology@d761e55d728951e1+forge.0.1.0.",
            "ontology@d761e55d728951e1+forge.0.1.0.../x",
            "ontology@d761e55d728951e1+forge.../../x.wire",
            "ontology@../../etc/passwd+forge.0.1.0.wire",
        ] {
            assert!(bad.parse::<ArtifactName>().is_err(), "{bad}");
        }
    }
}
