//! ed25519 keys and signatures over RFC 8785 bytes.
//!
//! What is signed is `context ‖ 0x00 ‖ message`, where the context names what the message is, so that a signature made for
//! one purpose cannot be passed off for another.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, from_hex, to_hex};

/// A node's identity key. Never shown; wiped from memory when dropped.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Takes 32 bytes of secret, from a random source the caller has.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The key others check signatures with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message` for the purpose `context`.
    pub fn sign(&self, context: &str, message: &[u8]) -> Signature {
        let value = self.0.sign(&framed(context, message)).to_bytes();
        Signature { algorithm: Signature::EDDSA.into(), public_key: self.public().to_string(), value: to_hex(&value) }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

/// The public half of an identity; written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a text is not a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an ed25519 public key: expected 64 lower-case hex digits of a point on the curve")]
pub struct KeyError {
    /// The text as given, shortened.
    pub text: String,
}

impl PublicKey {
    /// Reads 64 lower-case hex digits.
    ///
    /// # Errors
    /// [`KeyError`] for anything else, weak keys included.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let key = from_hex(text)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        match key {
            Some(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(KeyError { text: text.chars().take(80).collect() }),
        }
    }

    /// Short name of the key: the first 16 hex digits of the SHA-256 of its bytes.
    pub fn id(&self) -> String {
        Digest::of(self.0.as_bytes()).short()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signature as documents carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// `EdDSA`, or one this program cannot verify.
    pub algorithm: String,
    /// The signer's key, in hex.
    pub public_key: String,
    /// The 64 bytes of the signature, in hex.
    pub value: String,
}

/// What a signature turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// Made by the key it names, over this message, for this purpose.
    Good(PublicKey),
    /// Not that.
    Bad(String),
    /// Of a kind this program cannot check.
    Unknown(String),
}

impl Signature {
    /// The algorithm written by this program.
    pub const EDDSA: &'static str = "EdDSA";

    /// Checks the signature over `message` for the purpose `context`.
    pub fn verify(&self, context: &str, message: &[u8]) -> SignatureVerdict {
        if self.algorithm != Self::EDDSA {
            return SignatureVerdict::Unknown(format!("algorithm `{}` cannot be verified here", self.algorithm));
        }
        let key = match PublicKey::parse(&self.public_key) {
            Ok(key) => key,
            Err(error) => return SignatureVerdict::Bad(error.to_string()),
        };
        let Some(value) = from_hex(&self.value).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok()) else {
            return SignatureVerdict::Bad("the signature is not 128 lower-case hex digits".into());
        };
        let signature = ed25519_dalek::Signature::from_bytes(&value);
        match key.0.verify_strict(&framed(context, message), &signature) {
            Ok(()) => SignatureVerdict::Good(key),
            Err(_) => SignatureVerdict::Bad(format!("the signature does not fit what it covers and key {}", key.id())),
        }
    }
}

fn framed(context: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(context.len() + 1 + message.len());
    bytes.extend_from_slice(context.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(message);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8032_keys_and_our_framing() {
        // RFC 8032 section 7.1, test 1: the public key of this secret.
        let secret = from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").expect("hex");
        let key = SecretKey::from_bytes(&secret.try_into().expect("32 bytes"));
        assert_eq!(key.public().to_string(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = key.sign("link", b"message");
        assert_eq!(signature.verify("link", b"message"), SignatureVerdict::Good(key.public()));
        assert!(matches!(signature.verify("seal", b"message"), SignatureVerdict::Bad(_)));
        assert!(matches!(signature.verify("link", b"messagf"), SignatureVerdict::Bad(_)));
        let other = Signature { algorithm: "ML-DSA-65".into(), ..signature.clone() };
        assert!(matches!(other.verify("link", b"message"), SignatureVerdict::Unknown(_)));
        let swapped = Signature { public_key: SecretKey::from_bytes(&[7; 32]).public().to_string(), ..signature };
        assert!(matches!(swapped.verify("link", b"message"), SignatureVerdict::Bad(_)));
        assert!(PublicKey::parse(&"0".repeat(64)).is_err(), "a key of small order");
        assert!(!format!("{key:?}").contains("9d61"), "a secret in debug output");
    }
}
