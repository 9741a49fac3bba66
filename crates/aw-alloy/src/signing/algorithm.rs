//! The names of signature algorithms.

use std::fmt;

/// A signature algorithm as documents name it. The text is compared as it is: `es256` is not `ES256`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256; what is used when nothing else is asked for.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// Reserved by the format; not verifiable here.
    MlDsa65,
    /// Reserved by the format; not verifiable here.
    MlDsa87,
    /// Reserved by the format; not verifiable here.
    SlhDsa128s,
    /// Any other text, kept as it is; not verifiable here.
    Other(String),
}

impl Algorithm {
    /// Those that this program signs and verifies with.
    pub const IN_USE: [Self; 3] = [Self::Es256, Self::Es384, Self::EdDsa];
    /// Those the format keeps for later.
    pub const RESERVED: [Self; 3] = [Self::MlDsa65, Self::MlDsa87, Self::SlhDsa128s];

    /// Reads a name; every text is one.
    pub fn read(text: &str) -> Self {
        let known = Self::IN_USE.into_iter().chain(Self::RESERVED).find(|known| known.name() == text);
        known.unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    /// The name as documents write it.
    pub fn name(&self) -> &str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
            Self::SlhDsa128s => "SLH-DSA-128s",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
