//! The hash functions that bundles name.

use blake2::Digest as _;

use crate::digest::Hasher;

/// A hash function that bundles name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashKind {
    /// SHA-256.
    Sha256,
    /// BLAKE2b with 64 bytes.
    Blake2b,
    /// BLAKE3 with 32 bytes.
    Blake3,
}

impl HashKind {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Blake2b, Self::Blake3];

    /// Reads a name as bundles have it.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name in bundles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
        }
    }

    /// Bytes of a digest.
    pub fn bytes(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Blake2b => 64,
        }
    }

    /// Starts hashing.
    pub fn hasher(self) -> ContentHasher {
        ContentHasher(match self {
            Self::Sha256 => State::Sha256(Hasher::new()),
            Self::Blake2b => State::Blake2b(Box::default()),
            Self::Blake3 => State::Blake3(Box::default()),
        })
    }
}

/// Hashes content as it passes.
pub struct ContentHasher(State);

enum State {
    Sha256(Hasher),
    Blake2b(Box<blake2::Blake2b512>),
    Blake3(Box<blake3::Hasher>),
}

impl ContentHasher {
    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hasher) => hasher.update(bytes),
            State::Blake2b(hasher) => hasher.update(bytes),
            State::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    /// The digest of everything added.
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            State::Sha256(hasher) => hasher.finish().as_bytes().to_vec(),
            State::Blake2b(hasher) => hasher.finalize().to_vec(),
            State::Blake3(hasher) => hasher.finalize().as_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::to_hex;

    #[test]
    fn published_digests_of_abc() {
        // FIPS 180-4; what Python's hashlib says; BLAKE3's own b3sum.
        let expected = [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        ];
        for (kind, expected) in HashKind::ALL.into_iter().zip(expected) {
            let mut hasher = kind.hasher();
            hasher.update(b"a");
            hasher.update(b"bc");
            let digest = hasher.finish();
            assert_eq!((to_hex(&digest).as_str(), digest.len()), (expected, kind.bytes()));
            assert_eq!(HashKind::read(kind.name()), Some(kind));
        }
        assert_eq!(HashKind::read("SHA256"), None);
    }
}
