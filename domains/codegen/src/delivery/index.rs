//! Which files an artifact has, by content.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;
use serde::{Deserialize, Serialize};

/// Content of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// SHA-256 of its bytes.
    #[serde(with = "hex")]
    pub sha256: Digest,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Entry {
    /// The entry of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { sha256: Digest::of(bytes), bytes: bytes.len() as u64 }
    }
}

/// The files of an artifact, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Path to content.
    pub files: BTreeMap<TreePath, Entry>,
}

impl Index {
    /// The file of that path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.files.iter().find(|(other, _)| other.as_str() == path).map(|(_, entry)| entry)
    }

    /// Paths that only one of two has, or that differ, sorted.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mine = self.files.iter().filter(|(path, entry)| other.files.get(*path) != Some(entry)).map(|(path, _)| path);
        let theirs = other.files.keys().filter(|path| !self.files.contains_key(*path));
        let all: std::collections::BTreeSet<String> = mine.chain(theirs).map(ToString::to_string).collect();
        all.into_iter().collect()
    }
}

/// Digests as 64 hexadecimal digits without a prefix.
pub(super) mod hex {
    use aw_alloy::digest::Digest;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest.hex())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        Digest::from_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// As [`hex`], of what may be absent.
pub(super) mod hex_or_none {
    use aw_alloy::digest::Digest;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => serializer.serialize_str(&digest.hex()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Digest::from_hex(&text).map_err(serde::de::Error::custom)).transpose()
    }
}
