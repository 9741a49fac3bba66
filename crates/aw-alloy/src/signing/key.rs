//! Keys of three kinds, in the forms that other programs read: PKCS#8 and SubjectPublicKeyInfo.

use std::fmt;

use ed25519_dalek::pkcs8::KeypairBytes;
use ed25519_dalek::{Signer as _, Verifier as _};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use zeroize::Zeroizing;

use super::{Algorithm, base64};
use crate::digest::Digest;

/// Most bytes of a text that is read as a key; the longest in use has less than 300.
const KEY_TEXT_MAX: usize = 4096;

/// Why a text or bytes are not a key. Never quotes what was read: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFormError {
    /// It is too long for a key.
    #[error("it is longer than {KEY_TEXT_MAX} bytes, which no key is")]
    Long,
    /// It is neither PEM nor base64.
    #[error("it is neither PEM nor base64 of DER")]
    Text,
    /// It is no key of a kind in use.
    #[error("it is not a public key of P-256, P-384 or Ed25519 in SubjectPublicKeyInfo form")]
    Public,
    /// It is no secret key of a kind in use.
    #[error("it is not an unencrypted PKCS#8 secret key of P-256, P-384 or Ed25519")]
    Secret,
    /// The bytes are no secret of that kind.
    #[error("the bytes are no secret key of that kind")]
    Bytes,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256, for `ES256`.
    P256,
    /// NIST P-384, for `ES384`.
    P384,
    /// Ed25519, for `EdDSA`.
    Ed25519,
}

impl Curve {
    /// The algorithm that keys of this kind sign with.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::Ed25519 => Algorithm::EdDsa,
        }
    }

    /// Bytes of a secret.
    pub fn secret_bytes(self) -> usize {
        match self {
            Self::P256 | Self::Ed25519 => 32,
            Self::P384 => 48,
        }
    }
}

/// A secret key that signs. Never shown; wiped from memory when dropped.
pub struct SigningKey(Secret);

enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl SigningKey {
    /// Takes bytes from a random source the caller has, as many as [`Curve::secret_bytes`] says.
    ///
    /// # Errors
    /// [`KeyFormError::Bytes`] when there are more or fewer, or they are zero or not below the curve's order: then other bytes are needed.
    pub fn from_secret(curve: Curve, bytes: &[u8]) -> Result<Self, KeyFormError> {
        let wrong = |_| KeyFormError::Bytes;
        Ok(Self(match curve {
            _ if bytes.len() != curve.secret_bytes() => return Err(KeyFormError::Bytes),
            Curve::P256 => Secret::P256(p256::ecdsa::SigningKey::from_slice(bytes).map_err(wrong)?),
            Curve::P384 => Secret::P384(p384::ecdsa::SigningKey::from_slice(bytes).map_err(wrong)?),
            Curve::Ed25519 => Secret::Ed25519(ed25519_dalek::SigningKey::try_from(bytes).map_err(wrong)?),
        }))
    }

    /// Reads a PKCS#8 PEM file: `-----BEGIN PRIVATE KEY-----`.
    ///
    /// # Errors
    /// [`KeyFormError`]; encrypted keys and the older forms of EC keys are not read.
    pub fn from_pem(text: &str) -> Result<Self, KeyFormError> {
        if text.len() > KEY_TEXT_MAX {
            return Err(KeyFormError::Long);
        }
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(text) {
            return Ok(Self(Secret::P256(key)));
        }
        if let Ok(key) = p384::ecdsa::SigningKey::from_pkcs8_pem(text) {
            return Ok(Self(Secret::P384(key)));
        }
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(text).map_err(|_| KeyFormError::Secret)?;
        Ok(Self(Secret::Ed25519(key)))
    }

    /// The PKCS#8 PEM file of the key. It is the secret: for a file of mode 0600 and nothing else.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let pem = match &self.0 {
            Secret::P256(key) => key.to_pkcs8_pem(LineEnding::LF),
            Secret::P384(key) => key.to_pkcs8_pem(LineEnding::LF),
            // Without the public key beside it: OpenSSL 3.0 does not read the newer form that has one.
            Secret::Ed25519(key) => KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_pem(LineEnding::LF),
        };
        pem.expect("a key in memory has a PKCS#8 form")
    }

    /// The kind of key.
    pub fn curve(&self) -> Curve {
        match self.0 {
            Secret::P256(_) => Curve::P256,
            Secret::P384(_) => Curve::P384,
            Secret::Ed25519(_) => Curve::Ed25519,
        }
    }

    /// The key others check signatures with.
    pub fn public(&self) -> VerificationKey {
        VerificationKey(match &self.0 {
            Secret::P256(key) => Public::P256(*key.verifying_key()),
            Secret::P384(key) => Public::P384(*key.verifying_key()),
            Secret::Ed25519(key) => Public::Ed25519(key.verifying_key()),
        })
    }

    /// Signs a message: ECDSA in DER, with the nonce of RFC 6979, so that the same message gives the same bytes; Ed25519 as its 64 bytes.
    ///
    /// # Source
    /// FIPS 186-5, RFC 6979, RFC 8032.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Secret::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public().id())
    }
}

/// The public half of a signing key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerificationKey(Public);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Public {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl VerificationKey {
    /// Reads PEM (`-----BEGIN PUBLIC KEY-----`), or base64 of DER in either alphabet, with or without padding.
    ///
    /// # Errors
    /// [`KeyFormError`] for anything else; bytes after the key, points off the curve and weak Ed25519 keys included.
    pub fn read(text: &str) -> Result<Self, KeyFormError> {
        if text.len() > KEY_TEXT_MAX {
            return Err(KeyFormError::Long);
        }
        if text.starts_with("-----BEGIN ") {
            let (label, der) = p256::pkcs8::Document::from_pem(text).map_err(|_| KeyFormError::Text)?;
            return if label == "PUBLIC KEY" { Self::from_der(der.as_bytes()) } else { Err(KeyFormError::Public) };
        }
        Self::from_der(&base64::read(text).ok_or(KeyFormError::Text)?)
    }

    /// Reads the DER of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`KeyFormError::Public`] for anything else.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyFormError> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self(Public::P256(key)));
        }
        if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self(Public::P384(key)));
        }
        match ed25519_dalek::VerifyingKey::from_public_key_der(der) {
            Ok(key) if !key.is_weak() => Ok(Self(Public::Ed25519(key))),
            _ => Err(KeyFormError::Public),
        }
    }

    /// The DER of its SubjectPublicKeyInfo, points uncompressed.
    pub fn to_der(&self) -> Vec<u8> {
        let der = match &self.0 {
            Public::P256(key) => key.to_public_key_der(),
            Public::P384(key) => key.to_public_key_der(),
            Public::Ed25519(key) => key.to_public_key_der(),
        };
        der.expect("a key in memory has a SubjectPublicKeyInfo form").into_vec()
    }

    /// The PEM file of the key.
    pub fn to_pem(&self) -> String {
        let pem = match &self.0 {
            Public::P256(key) => key.to_public_key_pem(LineEnding::LF),
            Public::P384(key) => key.to_public_key_pem(LineEnding::LF),
            Public::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.expect("a key in memory has a SubjectPublicKeyInfo form")
    }

    /// Short name of the key: the first 16 hex digits of the SHA-256 of its DER. A name, not a proof: keys are compared whole.
    pub fn id(&self) -> String {
        Digest::of(&self.to_der()).short()
    }

    /// The kind of key.
    pub fn curve(&self) -> Curve {
        match self.0 {
            Public::P256(_) => Curve::P256,
            Public::P384(_) => Curve::P384,
            Public::Ed25519(_) => Curve::Ed25519,
        }
    }

    /// Whether `signature` is this key's over `message`. ECDSA is read as DER or as r ‖ s, each of exactly its length; either half of
    /// the possible `s` is accepted, `r` or `s` of zero is not.
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Public::P256(key) => {
                let raw = p256::ecdsa::Signature::from_slice(signature);
                let der = p256::ecdsa::Signature::from_der(signature);
                [raw, der].into_iter().flatten().any(|signature| key.verify(message, &signature).is_ok())
            }
            Public::P384(key) => {
                let raw = p384::ecdsa::Signature::from_slice(signature);
                let der = p384::ecdsa::Signature::from_der(signature);
                [raw, der].into_iter().flatten().any(|signature| key.verify(message, &signature).is_ok())
            }
            Public::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
        }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerificationKey({} {})", self.curve().algorithm(), self.id())
    }
}
