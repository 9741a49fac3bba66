//! Makes `integrity.signature`.

use super::payload::payload_digest;
use super::verify::read_nonce;
use super::{SigningKey, base64};
use crate::Moment;
use crate::artifact::pipeline_hash;
use crate::text::{Node, Object, Problem, Value};

/// Most bytes of an audience.
const AUDIENCE_MAX: usize = 2048;

/// What a signature is made with.
#[derive(Clone, Copy, Debug)]
pub struct Attestation<'a> {
    /// The key.
    pub key: &'a SigningKey,
    /// When: `attestedAt`.
    pub at: Moment,
    /// What the verifier issued, base64url of at least 16 bytes.
    pub nonce: Option<&'a str>,
    /// The verifier's origin URI, to the letter.
    pub audience: Option<&'a str>,
}

impl Attestation<'_> {
    /// Says what is wrong with nonce and audience, as members of the parameters they come from.
    pub fn check(&self) -> Vec<Problem> {
        let nonce = self.nonce.and_then(|nonce| read_nonce(nonce).err());
        let audience = self.audience.and_then(|audience| {
            let good = !audience.is_empty() && audience.len() <= AUDIENCE_MAX && !audience.chars().any(char::is_control);
            let message = format!("an audience is a URI of at most {AUDIENCE_MAX} bytes without control characters");
            (!good).then(|| {
                Problem::new("audience", "audience", message).hint("the verifier's origin, such as `https://example.org`")
            })
        });
        nonce.into_iter().chain(audience).collect()
    }
}

/// Signs a document: `integrity` gains `nonce`, `audience`, `attestedAt` and `signature`, and `alloyHash` where it is missing.
///
/// Whatever else covers the document, such as its seal, must be made afterwards.
///
/// # Errors
/// Every [`Problem`]: a signature that is there already, a nonce that is too short, another `alloyHash`, a payload that cannot be made. The
/// document is then as it was.
///
/// # Source
/// The alloy format, section 8: signed payload, `signature`, replay.
pub fn sign(document: &mut Node, attestation: &Attestation<'_>) -> Result<(), Vec<Problem>> {
    let mut signed = document.clone();
    let mut problems = attestation.check();
    let in_results = document.get("results").and_then(|results| results.get("integrity")).is_some();
    let in_results = in_results && document.get("integrity").is_none();
    let pipeline = pipeline_hash(document).to_string();
    let path = if in_results { "results.integrity" } else { "integrity" };
    let holder = if in_results { signed.get_mut("results") } else { Some(&mut signed) };
    let Some(holder) = holder.and_then(Node::as_object_mut) else {
        return Err(vec![Problem::new("wrong-type", "", "a document is an object")]);
    };
    if !holder.contains("integrity") {
        holder.insert("integrity", Value::Object(Object::new()));
    }
    let Some(integrity) = holder.get_mut("integrity").and_then(Node::as_object_mut) else {
        return Err(vec![Problem::new("wrong-type", path, format!("`{path}` must be an object"))]);
    };
    for name in ["signature", "nonce", "audience"] {
        if integrity.get(name).is_some_and(|member| !member.is_null()) {
            problems.push(Problem::new(
                "signed-already",
                format!("{path}.{name}"),
                format!("the document has a `{name}` already"),
            ));
        }
        integrity.remove(name);
    }
    match integrity.get("alloyHash") {
        None => drop(integrity.insert("alloyHash", pipeline.as_str())),
        Some(written) if written.as_str() == Some(&pipeline) => {}
        Some(_) => {
            let message = format!("`alloyHash` is not the hash of `source` and `stages`, which is {pipeline}");
            problems.push(Problem::new("alloy-hash", format!("{path}.alloyHash"), message));
        }
    }
    for (name, value) in [("nonce", attestation.nonce), ("audience", attestation.audience)] {
        if let Some(value) = value {
            integrity.insert(name, value);
        }
    }
    integrity.insert("attestedAt", attestation.at.to_string());
    let digest = match payload_digest(&signed) {
        Ok(digest) if problems.is_empty() => digest,
        Ok(_) => return Err(problems),
        Err(more) => return Err(problems.into_iter().chain(more).collect()),
    };
    let public = attestation.key.public();
    let mut signature = Object::new();
    signature.insert("algorithm", public.curve().algorithm().name());
    signature.insert("publicKey", base64::standard(&public.to_der()));
    signature.insert("value", base64::standard(&attestation.key.sign(digest.as_bytes())));
    signature.insert("keyId", public.id());
    let holder = if in_results { signed.get_mut("results") } else { Some(&mut signed) };
    if let Some(integrity) = holder.and_then(|it| it.get_mut("integrity")).and_then(Node::as_object_mut) {
        integrity.insert("signature", Value::Object(signature));
    }
    *document = signed;
    Ok(())
}
