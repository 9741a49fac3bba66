//! Bundles signed with a certificate: whose key signed, and whether a path of certificates leads from it to a root that is trusted.
//!
//! # Source
//! RFC 5280; path building and checking is that of `rustls-webpki`, with the curves of this program.

use p256::ecdsa::signature::Verifier as _;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, TrustAnchor, UnixTime, alg_id,
};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage};

use super::SignatureState;
use crate::export::dsse::Envelope;
use crate::export::one;
use crate::signing::VerificationKey;
use crate::text::Problem;

/// Code signing among the purposes of a key.
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// Most roots that are named.
const ROOTS_MAX: usize = 1024;

/// Reads certificates in PEM, one after another, as DER.
///
/// # Errors
/// When the text holds none, holds too many, or holds something else.
pub fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, Vec<Problem>> {
    let unread =
        |error: &dyn std::fmt::Display| one("certificate", "", format!("this is no list of certificates in PEM: {error}"));
    let all = Certificate::load_pem_chain(pem).map_err(|error| unread(&error))?;
    if !(1..=ROOTS_MAX).contains(&all.len()) {
        return Err(unread(&format!("it holds {} certificates, expected 1 to {ROOTS_MAX}", all.len())));
    }
    all.iter().map(|certificate| certificate.to_der().map_err(|error| unread(&error))).collect()
}

/// Checks an envelope against the chain that came with it and the roots that are trusted.
///
/// Nothing tells when the signature was made. The path is held against the moment from which the signer's certificate is valid, as the
/// official program does.
pub(super) fn check(envelope: &Envelope, chain: &[Vec<u8>], roots: &[Vec<u8>]) -> SignatureState {
    let Some((first, others)) = chain.split_first() else { return SignatureState::Bad("it has no certificate".into()) };
    let certificate = match Certificate::from_der(first) {
        Ok(certificate) => certificate,
        Err(error) => return SignatureState::Bad(format!("its first certificate cannot be read: {error}")),
    };
    let tbs = certificate.tbs_certificate();
    let key = tbs.subject_public_key_info().to_der().ok().and_then(|der| VerificationKey::from_der(&der).ok());
    let Some(key) = key else {
        return SignatureState::Unknown(
            "the key of its certificate is of a kind that is not read here; P-256 and P-384 are".into(),
        );
    };
    if envelope.signers(&[key]).is_empty() {
        return SignatureState::Bad("the signature does not fit the statement and the certificate's key".into());
    }
    let subject = tbs.subject().to_string();
    if roots.is_empty() {
        let message = "no root was named to hold it against";
        return SignatureState::Unknown(format!(
            "it is signed with the key of the certificate `{}`, and {message}",
            shown(&subject)
        ));
    }
    if let Err(message) = may_sign(&certificate) {
        return SignatureState::Bad(format!("the certificate `{}` {message}", shown(&subject)));
    }
    let time = UnixTime::since_unix_epoch(tbs.validity().not_before.to_unix_duration());
    match path(first, others, roots, time) {
        Ok(()) => SignatureState::Good(key),
        Err(error) if refutes(&error) => SignatureState::Bad(format!(
            "no path leads from the certificate `{}` to a root that was named: {error:?}",
            shown(&subject)
        )),
        Err(error) => SignatureState::Unknown(format!(
            "the signature fits the certificate `{}`, whose path to a root cannot be checked here: {error:?}",
            shown(&subject)
        )),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

/// The certificate must say that its key signs data or code.
fn may_sign(certificate: &Certificate) -> Result<(), String> {
    let tbs = certificate.tbs_certificate();
    let unread = |error: x509_cert::der::Error| format!("has an extension that cannot be read: {error}");
    let signs = tbs.get_extension::<KeyUsage>().map_err(unread)?.is_some_and(|(_, usage)| usage.digital_signature());
    let code = tbs.get_extension::<ExtendedKeyUsage>().map_err(unread)?;
    let code = code.is_some_and(|(_, usage)| usage.0.iter().any(|purpose| purpose.to_string() == CODE_SIGNING));
    if signs || code { Ok(()) } else { Err("says of its key neither that it signs data nor that it signs code".into()) }
}

fn path(first: &[u8], others: &[Vec<u8>], roots: &[Vec<u8>], time: UnixTime) -> Result<(), Error> {
    let roots: Vec<CertificateDer<'_>> = roots.iter().map(|root| CertificateDer::from(root.as_slice())).collect();
    let anchors: Vec<TrustAnchor<'_>> = roots.iter().map(webpki::anchor_from_trusted_cert).collect::<Result<_, _>>()?;
    let others: Vec<CertificateDer<'_>> = others.iter().map(|other| CertificateDer::from(other.as_slice())).collect();
    let first = CertificateDer::from(first);
    let first = EndEntityCert::try_from(&first)?;
    first.verify_for_usage(&[&P256, &P384], &anchors, &others, time, AnyUsage, None, None).map(drop)
}

/// Whether an error says that there is no path, as opposed to that this program cannot tell.
fn refutes(error: &Error) -> bool {
    matches!(
        error,
        Error::BadDer
            | Error::BadDerTime
            | Error::CertExpired { .. }
            | Error::CertNotValidYet { .. }
            | Error::EndEntityUsedAsCa
            | Error::ExtensionValueInvalid
            | Error::InvalidCertValidity
            | Error::InvalidSignatureForPublicKey
            | Error::NameConstraintViolation
            | Error::PathLenConstraintViolated
            | Error::SignatureAlgorithmMismatch
            | Error::TrailingData(_)
            | Error::UnknownIssuer
    )
}

/// What the key may be used for is looked at before.
#[derive(Clone, Copy)]
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

#[derive(Debug)]
struct P256;

impl SignatureVerificationAlgorithm for P256 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

#[derive(Debug)]
struct P384;

impl SignatureVerificationAlgorithm for P384 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = p384::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P384
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA384
    }
}
