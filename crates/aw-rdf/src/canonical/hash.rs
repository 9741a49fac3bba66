//! The hash within RDFC-1.0.

use std::fmt::Write;

use sha2::{Digest, Sha256, Sha384};

/// The hash algorithm used to tell blank nodes apart; canonical forms under different ones differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256, the one of RDFC-1.0 unless stated.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Algorithm {
    /// The hash in lower-case hexadecimal.
    pub(super) fn hex(self, input: &[u8]) -> String {
        fn text(bytes: &[u8]) -> String {
            bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
        }
        match self {
            Self::Sha256 => text(&Sha256::digest(input)),
            Self::Sha384 => text(&Sha384::digest(input)),
        }
    }
}
