//! The identity of a file's bytes as the Hub lists it.

use std::fmt;

use aw_alloy::digest::{Digest, Hasher, to_hex};
use sha1::Digest as _;

/// What the Hub says a file's bytes are: SHA-256 for large files, the hash of a git blob for small ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// SHA-256 of the bytes.
    Sha256(Digest),
    /// SHA-1 of `blob <length>`, a zero byte and the bytes.
    GitBlob([u8; 20]),
}

impl Content {
    /// Reads 64 or 40 hexadecimal digits.
    pub(crate) fn parse(hex: &str) -> Option<Self> {
        if hex.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        match hex.len() {
            64 => Digest::from_hex(hex).ok().map(Self::Sha256),
            40 => aw_alloy::digest::from_hex(hex)?.try_into().ok().map(Self::GitBlob),
            _ => None,
        }
    }

    /// The hexadecimal digits: what the Hub calls the file's ETag.
    pub fn hex(&self) -> String {
        match self {
            Self::Sha256(digest) => digest.hex(),
            Self::GitBlob(bytes) => to_hex(bytes),
        }
    }

    /// What the bytes of a stream of `length` bytes are, in the same kind of hash.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_like(&self, length: u64, mut stream: impl std::io::Read) -> std::io::Result<Self> {
        let (mut hasher, mut buffer) = (self.hasher(length), vec![0; 256 << 10]);
        loop {
            let read = stream.read(&mut buffer)?;
            match buffer.get(..read) {
                Some(bytes) if !bytes.is_empty() => hasher.update(bytes),
                _ => return Ok(hasher.finish()),
            }
        }
    }

    /// A hasher for bytes of `length` that should be this.
    pub(crate) fn hasher(&self, length: u64) -> ContentHasher {
        match self {
            Self::Sha256(_) => ContentHasher::Sha256(Hasher::new()),
            Self::GitBlob(_) => {
                let mut hasher = sha1::Sha1::new();
                hasher.update(format!("blob {length}\0").as_bytes());
                ContentHasher::GitBlob(Box::new(hasher))
            }
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(f, "{digest}"),
            Self::GitBlob(_) => write!(f, "git:{}", self.hex()),
        }
    }
}

/// Hashes bytes as they come.
#[derive(Clone)]
pub(crate) enum ContentHasher {
    Sha256(Hasher),
    GitBlob(Box<sha1::Sha1>),
}

impl ContentHasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::GitBlob(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Content {
        match self {
            Self::Sha256(hasher) => Content::Sha256(hasher.finish()),
            Self::GitBlob(hasher) => Content::GitBlob(hasher.finalize().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_hashes_are_those_of_git_and_sha256sum() {
        // `printf 'hello\n' | git hash-object --stdin` and `sha256sum`.
        for hex in
            ["ce013625030ba8dba906f756967f9e9ca394464a", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"]
        {
            let content = Content::parse(hex).unwrap();
            let mut hasher = content.hasher(6);
            hasher.update(b"hel");
            hasher.update(b"lo\n");
            assert_eq!(hasher.finish(), content);
            assert_eq!(content.hex(), hex);
        }
        for bad in ["", "main", "CE013625030BA8DBA906F756967F9E9CA394464A", "../../../../../../../../../../../../x/"] {
            assert!(Content::parse(bad).is_none(), "{bad}");
        }
    }
}
