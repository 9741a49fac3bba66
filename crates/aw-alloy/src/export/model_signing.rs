//! The OpenSSF Model Signing bundle: one signature over every file of a folder.
//!
//! A bundle is a Sigstore bundle with a DSSE envelope; its payload is an in-toto statement whose predicate lists the digest of every
//! file. A [`Manifest`] is that list; [`Bundle`] reads one, [`sign`] makes one.
//!
//! # Source
//! OpenSSF Model Signing 1.0; the Sigstore bundle format, version 0.3.

mod certificate;
mod hash;
mod manifest;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::dsse::{Envelope, decode};
use super::{one, parse, typed};
use crate::digest::Digest;
use crate::signing::{Curve, SigningKey, VerificationKey};
use crate::text::{Node, Object, Problem, json};

pub use certificate::certificates;
pub use hash::{ContentHasher, HashKind};
pub use manifest::{Manifest, Resource};

/// What kind of bundle is read and written.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The claim that a bundle's statement makes.
pub const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
/// What `model_signing` leaves out when it is not told otherwise, and so do we: whoever checks with its defaults leaves them out too.
pub const IGNORED: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];
/// Most certificates in a bundle's chain.
const CERTIFICATES_MAX: usize = 16;

/// A bundle that was read. Its signature is not verified yet.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What its signature is to be checked with.
    pub material: Material,
    /// The signed statement.
    pub envelope: Envelope,
    /// The files it is about.
    pub manifest: Manifest,
}

/// How a bundle says who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// With a key that the reader has: `hint` is the SHA-256 of its PEM text, as hex digits.
    Key {
        /// Which key, when the bundle tells.
        hint: Option<String>,
    },
    /// With the key of the first certificate; the others lead from it towards a root. DER.
    Certificates(Vec<Vec<u8>>),
    /// With a short-lived certificate and an entry in a public log.
    Sigstore,
}

/// What a bundle's signature turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// Made by this key, over this statement.
    Good(VerificationKey),
    /// Not by a key that was named, or not over this statement.
    Bad(String),
    /// Nothing here can check it.
    Unknown(String),
}

/// Why a folder is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The format knows no such keys.
    #[error("a Model Signing bundle is signed with a key of P-256 or P-384, and this is an Ed25519 key")]
    Ed25519,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    media_type: String,
    verification_material: WrittenMaterial,
    dsse_envelope: WrittenEnvelope,
}

/// Only what is accepted besides the envelope's own members: none.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the envelope is read by its own reader, this holds its members")]
struct WrittenEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WrittenMaterial {
    public_key: Option<WrittenKey>,
    x509_certificate_chain: Option<WrittenChain>,
    certificate: Option<WrittenCertificate>,
    tlog_entries: Option<Vec<Value>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WrittenKey {
    hint: Option<String>,
    raw_bytes: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct WrittenChain {
    certificates: Vec<WrittenCertificate>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WrittenCertificate {
    raw_bytes: String,
}

/// What bundles call a key: the SHA-256 of its PEM text.
pub fn key_hint(key: &VerificationKey) -> String {
    Digest::of(key.to_pem().as_bytes()).hex()
}

/// Signs a manifest. The same manifest and key give the same bytes.
///
/// # Errors
/// [`SignError`] when the key is of a kind the format does not know.
pub fn sign(manifest: &Manifest, key: &SigningKey) -> Result<Vec<u8>, SignError> {
    if key.curve() == Curve::Ed25519 {
        return Err(SignError::Ed25519);
    }
    let mut envelope = manifest.statement_envelope().signed(key);
    // The hint names the key; the official program writes no second name.
    envelope.signatures.iter_mut().for_each(|signature| signature.keyid = None);
    let mut key_object = Object::new();
    key_object.insert("hint", key_hint(&key.public()));
    let mut material = Object::new();
    material.insert("publicKey", key_object);
    material.insert("tlogEntries", Vec::<Node>::new());
    let mut bundle = Object::new();
    bundle.insert("mediaType", BUNDLE_TYPE);
    bundle.insert("verificationMaterial", material);
    bundle.insert("dsseEnvelope", envelope.to_node());
    Ok(format!("{}\n", json::compact(&bundle.into())).into_bytes())
}

impl Bundle {
    /// Reads a bundle. Other media, payload, statement and predicate types are refused by name, and so is everything that could be
    /// read in two ways.
    ///
    /// # Errors
    /// What is wrong, with its path in the bundle; what is wrong in the payload, with its path in the payload's statement.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let node = parse(bytes)?;
        let media_type = node.get("mediaType").and_then(Node::as_str);
        if let Some(other) = media_type.filter(|media_type| *media_type != BUNDLE_TYPE) {
            let message = format!("the bundle is of type `{other}`, which is not read here");
            return Err(vec![Problem::new("media-type", "mediaType", message).hint(format!("accepted is `{BUNDLE_TYPE}`"))]);
        }
        let written: Written = typed(&node, "")?;
        debug_assert_eq!(written.media_type, BUNDLE_TYPE);
        let _: WrittenEnvelope = written.dsse_envelope;
        let material = written.verification_material.read()?;
        let envelope_node = node.get("dsseEnvelope").expect("the schema demands it");
        let envelope = Envelope::from_node(envelope_node, "dsseEnvelope")?;
        if envelope.signatures.len() != 1 {
            let message = format!("a bundle carries one signature; this one has {}", envelope.signatures.len());
            return Err(one("signatures", "dsseEnvelope.signatures", message));
        }
        let manifest = Manifest::of(&envelope)?;
        Ok(Self { material, envelope, manifest })
    }

    /// Checks the signature of a bundle that was signed with a certificate, against the roots that are trusted (DER). Revocation is not
    /// checked.
    pub fn check_certificate(&self, roots: &[Vec<u8>]) -> SignatureState {
        match &self.material {
            Material::Certificates(chain) => certificate::check(&self.envelope, chain, roots),
            _ => SignatureState::Unknown("it is not signed with a certificate".into()),
        }
    }

    /// Checks the signature of a bundle that was signed with a key, against the keys that are trusted.
    pub fn check_key(&self, trusted: &[VerificationKey]) -> SignatureState {
        let hint = match &self.material {
            Material::Key { hint } => hint.as_deref(),
            Material::Certificates(_) => {
                return SignatureState::Unknown(
                    "it is signed with a certificate, and no certificate is checked with a key".into(),
                );
            }
            Material::Sigstore => {
                return SignatureState::Unknown(
                    "it is signed with a Sigstore identity; checking one needs Sigstore's roots and log, which this program has not".into(),
                );
            }
        };
        if trusted.is_empty() {
            let key =
                hint.map_or("a key it does not name".to_owned(), |hint| format!("the key whose PEM text has SHA-256 {hint}"));
            return SignatureState::Unknown(format!("it is signed with {key}, and no key was named to check it with"));
        }
        let meant: Vec<VerificationKey> =
            trusted.iter().filter(|key| hint.is_none_or(|hint| hint == key_hint(key))).copied().collect();
        if meant.is_empty() {
            let hint = hint.unwrap_or_default();
            return SignatureState::Bad(format!(
                "it names the key whose PEM text has SHA-256 {hint}, which is none of those named"
            ));
        }
        match self.envelope.signers(&meant).first() {
            Some(key) => SignatureState::Good(**key),
            None => SignatureState::Bad("the signature does not fit the statement and the key".into()),
        }
    }
}

impl WrittenMaterial {
    fn read(self) -> Result<Material, Vec<Problem>> {
        const AT: &str = "verificationMaterial";
        match (self.public_key, self.x509_certificate_chain, self.certificate) {
            (Some(key), None, None) => {
                if key.hint.is_none() && key.raw_bytes.is_none() {
                    let path = format!("{AT}.publicKey");
                    return Err(one("missing-field", path, "`publicKey` has neither `hint` nor `rawBytes`"));
                }
                Ok(Material::Key { hint: key.hint.filter(|hint| !hint.is_empty()) })
            }
            (None, Some(chain), None) => {
                let path = format!("{AT}.x509CertificateChain.certificates");
                if !(1..=CERTIFICATES_MAX).contains(&chain.certificates.len()) {
                    let message =
                        format!("a chain has 1 to {CERTIFICATES_MAX} certificates; this one has {}", chain.certificates.len());
                    return Err(one("certificates", path, message));
                }
                let read = |(index, written): (usize, WrittenCertificate)| {
                    decode(&written.raw_bytes, &format!("{path}[{index}].rawBytes"))
                };
                Ok(Material::Certificates(chain.certificates.into_iter().enumerate().map(read).collect::<Result<_, _>>()?))
            }
            (None, None, Some(certificate)) => {
                decode(&certificate.raw_bytes, &format!("{AT}.certificate.rawBytes"))?;
                if self.tlog_entries.is_none_or(|entries| entries.is_empty()) {
                    let message = "a certificate that is short-lived needs an entry of a log that saw it, and there is none";
                    return Err(one("missing-field", format!("{AT}.tlogEntries"), message));
                }
                Ok(Material::Sigstore)
            }
            (None, None, None) => {
                let message = "it names neither a key nor a certificate: nothing says who signed";
                Err(vec![
                    Problem::new("missing-field", AT, message)
                        .hint("accepted is one of `publicKey`, `x509CertificateChain` and `certificate`"),
                ])
            }
            _ => Err(one("ambiguous", AT, "it names more than one of `publicKey`, `x509CertificateChain` and `certificate`")),
        }
    }
}
