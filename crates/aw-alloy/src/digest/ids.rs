//! Ids made from digests: one type for each thing that is identified, so that none is taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Digest, DigestError, from_hex, shorten, to_hex};
use crate::text::{Node, canonical};

/// Makes types that hold one digest each and are spelled as it is, in text and in JSON.
macro_rules! digest_ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Digest);

        impl $name {
            /// Takes a digest that is known to be one.
            pub const fn from_digest(digest: Digest) -> Self {
                Self(digest)
            }

            /// The digest itself, for places that hold digests of several kinds.
            pub const fn digest(&self) -> Digest {
                self.0
            }

            /// The 64 lower-case hex digits without the prefix.
            pub fn hex(&self) -> String {
                self.0.hex()
            }

            /// The first 16 hex digits: what people are shown.
            pub fn short(&self) -> String {
                self.0.short()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                text.parse().map(Self)
            }
        }
    )+};
}

digest_ids! {
    /// The Merkle root of a tree: its identity. [`Tree::root`](crate::tree::Tree::root) makes it.
    TreeRoot;
    /// What decides whether a stage has run already. [`stage_key`](crate::chain::stage_key) makes it.
    ///
    /// It is taken for no other id, though all are digests:
    ///
    /// ```
    /// # use aw_alloy::digest::{Digest, StageKey, TreeRoot};
    /// fn find(key: StageKey) {}
    /// find(StageKey::from_digest(Digest::of(b"")));
    /// ```
    /// ```compile_fail,E0308
    /// # use aw_alloy::digest::{Digest, StageKey, TreeRoot};
    /// fn find(key: StageKey) {}
    /// find(TreeRoot::from_digest(Digest::of(b"")));
    /// ```
    StageKey;
    /// What the next link and the seal name of a chain so far. [`Link::digest`](crate::chain::Link::digest) and, where there is no
    /// link yet, [`LinkDigest::of_source`] make it.
    LinkDigest;
}

impl LinkDigest {
    /// What the first link names as the one before it: the root of the chain's source.
    pub const fn of_source(root: TreeRoot) -> Self {
        Self(root.0)
    }
}

/// An id made from content: a UUID of version 8 (RFC 9562 section 5.8) over the first 16 bytes of a digest.
///
/// The same content gives the same id on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentId([u8; 16]);

/// Why a text is not an id made from content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a UUID of version 8 in lower case, such as `00000000-0000-8000-8000-000000000000`")]
pub struct ContentIdError {
    /// The text as given, shortened.
    pub text: String,
}

impl ContentId {
    /// Makes the id of what `digest` covers.
    pub fn of(digest: &Digest) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = to_hex(&self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentId {
    type Err = ContentIdError;

    fn from_str(text: &str) -> Result<Self, ContentIdError> {
        let bytes = from_hex(&text.replace('-', "")).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let marked = |bytes: &[u8; 16]| bytes[6] >> 4 == 0b1000 && bytes[8] >> 6 == 0b10;
        // Writing it again tells whether the hyphens stood where they belong.
        let id = bytes.filter(marked).map(Self).filter(|id| id.to_string() == text);
        id.ok_or_else(|| ContentIdError { text: shorten(text) })
    }
}

/// The id of an artifact: equal for equal recipe, source and output, on any machine and at any time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactId(ContentId);

impl ArtifactId {
    /// Makes the id of what a recipe, given by its digest, made of a source.
    ///
    /// # Source
    /// `spec/artifact.md`, the member `id`.
    pub fn of(recipe: &Digest, source: &TreeRoot, output: &TreeRoot) -> Self {
        let identity = serde_json::json!({"recipe": recipe, "source": source, "output": output});
        let bytes = canonical::to_bytes(&Node::from_serde(&identity)).expect("three strings serialise");
        Self(ContentId::of(&Digest::of(&bytes)))
    }
}

impl fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for ArtifactId {
    type Err = ContentIdError;

    fn from_str(text: &str) -> Result<Self, ContentIdError> {
        text.parse().map(Self)
    }
}

impl Serialize for ArtifactId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_are_spelled_as_their_digest() {
        let digest = Digest::of(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let root = TreeRoot::from_digest(digest);
        assert_eq!((root.to_string(), format!("{root:?}"), root.short()), (text.into(), text.into(), "ba7816bf8f01cfea".into()));
        assert_eq!(serde_json::to_string(&root).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<StageKey>(&format!("\"{text}\"")).unwrap().digest(), digest);
        assert_eq!(text.parse::<LinkDigest>().unwrap(), LinkDigest::of_source(root));
        for bad in [&text[7..], &text[..70], ""] {
            assert_eq!(bad.parse::<TreeRoot>().unwrap_err(), bad.parse::<Digest>().unwrap_err());
            assert!(serde_json::from_value::<TreeRoot>(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn content_id_is_a_version_8_uuid() {
        let id = ContentId::of(&Digest::of(b"abc"));
        assert_eq!(id.to_string(), "ba7816bf-8f01-8fea-8141-40de5dae2223");
        assert_eq!(id.to_string().parse::<ContentId>().unwrap(), id);
    }

    #[test]
    fn refuses_other_uuids() {
        let bad = [
            "ba7816bf-8f01-4fea-8141-40de5dae2223",
            "ba7816bf-8f01-8fea-c141-40de5dae2223",
            "BA7816BF-8F01-8FEA-8141-40DE5DAE2223",
            "ba7816bf8f018fea814140de5dae2223",
            "ba7816b-f8f01-8fea-8141-40de5dae2223",
            "ba7816bf-8f01-8fea-8141-40de5dae2223-",
            "ba7816bf-8f01-8fea-8141-40de5dae22",
            "",
        ];
        for bad in bad {
            assert_eq!(bad.parse::<ArtifactId>().unwrap_err(), ContentIdError { text: bad.into() });
        }
    }

    #[test]
    fn an_artifacts_id_tells_source_and_output_apart() {
        let [recipe, source, output] = [&b"r"[..], b"s", b"o"].map(Digest::of);
        let of = |source, output| ArtifactId::of(&recipe, &TreeRoot::from_digest(source), &TreeRoot::from_digest(output));
        // The canonical bytes, written out: names sorted, no white space.
        let bytes = format!(r#"{{"output":"{output}","recipe":"{recipe}","source":"{source}"}}"#);
        assert_eq!(of(source, output).to_string(), ContentId::of(&Digest::of(bytes.as_bytes())).to_string());
        assert_ne!(of(source, output), of(output, source));
    }
}
