//! Checks `integrity.signature`: good, bad or cannot tell.

use subtle::ConstantTimeEq as _;

use super::payload::{integrity, payload_digest};
use super::{Algorithm, KeyEntry, KeyRegistry, VerificationKey, base64};
use crate::Moment;
use crate::artifact::{Finding, Severity, pipeline_hash};
use crate::text::{Node, Object, Problem};

/// Fewest bytes of a nonce.
pub const NONCE_BYTES_MIN: usize = 16;
/// Most bytes of a nonce.
const NONCE_BYTES_MAX: usize = 1024;
/// Most bytes of a signature's text; the longest in use has less than 150.
const VALUE_TEXT_MAX: usize = 512;
/// How much two clocks may differ, in seconds.
const CLOCKS_DIFFER: i64 = 300;
/// What findings name as their place.
const PLACE: &str = "integrity.signature";

/// What a verifier holds a signature against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose keys are whose, and which still count. Without one, no signature is good.
    pub registry: Option<&'a KeyRegistry>,
    /// The verifier's own origin URI, compared to the letter.
    pub audience: Option<&'a str>,
    /// The bytes the verifier issued, compared in constant time.
    pub nonce: Option<&'a [u8]>,
    /// The verifier's time.
    pub now: Moment,
}

/// What a signature turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none, and none was asked for.
    Absent,
    /// Made by a registered key that counted then, over this document, for this verifier.
    Good,
    /// Nothing is known to be wrong, and something cannot be checked here.
    Unknown,
    /// It is not what it says.
    Bad,
}

/// What checking a signature found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The answer.
    pub standing: Standing,
    /// Whether there is a signature at all.
    pub signed: bool,
    /// Why it is not good; empty when it is good or absent.
    pub findings: Vec<Finding>,
    /// What a good answer does not cover.
    pub notes: Vec<String>,
    /// The algorithm it names.
    pub algorithm: Option<Algorithm>,
    /// The key it names.
    pub key_id: Option<String>,
    /// Whose key it is, as the registry says; only where the key is the registered one.
    pub owner: Option<String>,
    /// When it says it was made.
    pub attested_at: Option<String>,
}

/// Reads a nonce: base64url, 16 to 1024 bytes.
///
/// # Errors
/// A [`Problem`] at `nonce`.
///
/// # Source
/// The alloy format, section 8: replay.
pub fn read_nonce(text: &str) -> Result<Vec<u8>, Problem> {
    let nonce = if text.len() <= 2 * NONCE_BYTES_MAX { base64::read(text) } else { None };
    nonce.filter(|bytes| (NONCE_BYTES_MIN..=NONCE_BYTES_MAX).contains(&bytes.len())).ok_or_else(|| {
        let message = format!("a nonce is base64url of {NONCE_BYTES_MIN} to {NONCE_BYTES_MAX} random bytes");
        Problem::new("nonce", "nonce", message).hint("the verifier issues it: `openssl rand -base64 32`")
    })
}

/// Checks a document's `integrity.signature`, and what the document claims of itself beside it.
///
/// Everything that is wrong is said at once. A signature of an algorithm that cannot be verified here, of a key that no registry here
/// knows, or checked without a registry is never good.
///
/// # Source
/// The alloy format, section 8.
pub fn verify(document: &Node, expected: &Expected<'_>) -> Checked {
    let none = Checked {
        standing: Standing::Absent,
        signed: false,
        findings: Vec::new(),
        notes: Vec::new(),
        algorithm: None,
        key_id: None,
        owner: None,
        attested_at: None,
    };
    let mut check = Check { document, expected, it: none };
    match integrity(document) {
        Err(problem) => check.bad(problem.message),
        Ok(found) => {
            let signature = found.and_then(|(_, it)| it.get("signature")).filter(|it| !it.is_null());
            check.tier(found.map(|(_, it)| it));
            match (found, signature) {
                (Some((_, integrity)), Some(signature)) => check.signature(integrity, signature),
                _ => check.absent(),
            }
        }
    }
    let mut it = check.it;
    it.standing = match it.findings.iter().filter(|finding| finding.place == PLACE).map(|finding| finding.severity).max() {
        Some(Severity::Bad) => Standing::Bad,
        Some(Severity::Unknown) => Standing::Unknown,
        None => it.standing,
    };
    it
}

struct Check<'a> {
    document: &'a Node,
    expected: &'a Expected<'a>,
    it: Checked,
}

impl Check<'_> {
    fn find(&mut self, severity: Severity, place: &str, message: String) {
        self.it.findings.push(Finding { severity, place: place.into(), file: None, message });
    }

    fn bad(&mut self, message: impl Into<String>) {
        self.find(Severity::Bad, PLACE, message.into());
    }

    fn unknown(&mut self, message: impl Into<String>) {
        self.find(Severity::Unknown, PLACE, message.into());
    }

    /// The trust level is a claim; nothing in a document proves it.
    fn tier(&mut self, integrity: Option<&Object>) {
        let Some(tier) = integrity.and_then(|it| it.get("trustLevel")).filter(|tier| !tier.is_null()) else { return };
        let chain = integrity.and_then(|it| it.get("signature")).and_then(|it| it.get("certificateChain"));
        let has_chain = chain.and_then(Node::as_array).is_some_and(|chain| !chain.is_empty());
        let why = match tier.as_str() {
            Some("self-attested") => return,
            Some("verified") if has_chain => "claimed, not proven: certificate chains are not checked here",
            Some("verified") => "claimed, not proven: the signature carries no certificate chain",
            Some("enclave") => "claimed, not proven: no evidence of trusted hardware can be checked here",
            _ => "claimed, not proven: the format knows no such level",
        };
        let tier: String = tier.as_str().unwrap_or(tier.value.kind()).chars().take(40).collect();
        self.find(Severity::Unknown, "integrity.trustLevel", format!("`{tier}` is {why}"));
    }

    fn absent(&mut self) {
        match self.expected {
            Expected { nonce: None, audience: None, registry: None, .. } => {}
            Expected { nonce: None, audience: None, .. } => {
                self.unknown("the document carries no signature: there is nothing to hold against the registry");
            }
            _ => self.bad("the document carries no signature: nothing binds it to the nonce or the audience asked for"),
        }
    }

    fn signature(&mut self, integrity: &Object, signature: &Node) {
        self.it.standing = Standing::Good;
        self.it.signed = true;
        let text = |name: &str| signature.get(name).and_then(Node::as_str);
        let of_integrity = |name: &str| integrity.get(name).filter(|it| !it.is_null()).map(|it| it.as_str().unwrap_or_default());
        self.it.attested_at = of_integrity("attestedAt").map(str::to_owned);
        self.it.key_id = text("keyId").map(str::to_owned);
        if signature.get("keyId").is_some_and(|id| !id.is_null()) && self.it.key_id.is_none() {
            self.bad("its `keyId` is not a string");
        }
        self.audience(of_integrity("audience"));
        self.nonce(of_integrity("nonce"));
        let alloy_hash = of_integrity("alloyHash");
        if alloy_hash != Some(pipeline_hash(self.document).to_string().as_str()) {
            let found = if alloy_hash.is_some() { "is not the hash of `source` and `stages`" } else { "is missing" };
            self.bad(format!("`alloyHash` {found}: the signature binds no pipeline"));
        }
        let (Some(algorithm), Some(key), Some(value)) = (text("algorithm"), text("publicKey"), text("value")) else {
            return self.bad("it has no `algorithm`, `publicKey` and `value` that are strings");
        };
        let algorithm = Algorithm::read(algorithm);
        self.it.algorithm = Some(algorithm.clone());
        let digest = match payload_digest(self.document) {
            Ok(digest) => digest,
            Err(problems) => {
                return problems.iter().for_each(|problem| self.bad(format!("`{}`: {}", problem.path, problem.message)));
            }
        };
        if !Algorithm::IN_USE.contains(&algorithm) {
            let name: String = algorithm.name().chars().take(40).collect();
            return self.unknown(format!("not verifiable here: algorithm `{name}`"));
        }
        let key = match VerificationKey::read(key) {
            Ok(key) => key,
            Err(error) => return self.bad(format!("`publicKey`: {error}")),
        };
        if key.curve().algorithm() != algorithm {
            return self.bad(format!("it says {algorithm} and carries a key for {}", key.curve().algorithm()));
        }
        let value = if value.len() <= VALUE_TEXT_MAX { base64::read(value) } else { None };
        match value {
            None => self.bad(format!("`value` is not base64 of at most {VALUE_TEXT_MAX} characters")),
            Some(value) if !key.accepts(digest.as_bytes(), &value) => {
                self.bad(format!("it does not fit the document and key {}", key.id()));
            }
            Some(_) => self.registered(&key, &algorithm),
        }
    }

    fn audience(&mut self, found: Option<&str>) {
        match (self.expected.audience, found) {
            (Some(expected), Some(found)) if expected == found => {}
            (Some(expected), Some(found)) => self.bad(format!("it was made for audience `{found}`, expected `{expected}`")),
            (Some(expected), None) => self.bad(format!("it was made for no audience, expected `{expected}`")),
            (None, Some(found)) => {
                self.it.notes.push(format!("the signature was made for audience `{found}`; no audience was asked for"))
            }
            (None, None) => {}
        }
    }

    fn nonce(&mut self, found: Option<&str>) {
        let nonce = match found.map(read_nonce) {
            Some(Err(problem)) => return self.bad(format!("its nonce is none: {}", problem.message)),
            Some(Ok(nonce)) => Some(nonce),
            None => None,
        };
        match (self.expected.nonce, nonce) {
            (Some(expected), Some(found)) if bool::from(expected.ct_eq(&found)) => {}
            (Some(_), Some(_)) => self.bad("its nonce is not the one that was issued"),
            (Some(_), None) => self.bad("it carries no nonce, and one was issued"),
            (None, Some(_)) => self.it.notes.push("the signature's nonce was not held against one that was issued".into()),
            (None, None) => {}
        }
    }

    /// Holds the embedded key against the registry; by itself it proves nothing.
    fn registered(&mut self, key: &VerificationKey, algorithm: &Algorithm) {
        let Some(key_id) = self.it.key_id.clone() else {
            return self.unknown("it names no `keyId`: its key cannot be looked up, and revocation was not checked");
        };
        let Some(registry) = self.expected.registry else {
            return self.unknown(format!("whose key {key_id} is cannot be told without a registry; revocation was not checked"));
        };
        let Some(entry) = registry.get(&key_id) else {
            return self.unknown(format!("key {key_id} is in no registry known here; revocation was not checked"));
        };
        if entry.algorithm != *algorithm || entry.key().as_ref() != Some(key) {
            return self.bad(format!("the key it carries is not the one registered as {key_id}"));
        }
        self.it.owner = Some(entry.owner.clone());
        self.counts(entry, registry.known_as_of(entry));
    }

    /// Whether the key counted when the signature was made: revoked, superseded, outside its time, in this order.
    fn counts(&mut self, entry: &KeyEntry, as_of: Option<Moment>) {
        let id = &entry.key_id;
        if let Some(at) = entry.revoked_at {
            let reason = entry.revocation_reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            return self.bad(format!("key {id} was revoked at {at}{reason}: nothing it signed counts, whenever it did"));
        }
        let attested_at = self.it.attested_at.as_deref().and_then(Moment::read);
        if let Some(by) = &entry.superseded_by {
            match (entry.superseded_at, attested_at) {
                (None, _) => return self.unknown(format!("key {id} was superseded by {by}, and the registry does not say when")),
                (_, None) => {
                    return self
                        .unknown(format!("key {id} was superseded by {by}, and the signature does not say when it was made"));
                }
                (Some(superseded), Some(attested)) if attested >= superseded => {
                    return self
                        .bad(format!("key {id} was superseded by {by} at {superseded}, and the signature is of {attested}"));
                }
                _ => {}
            }
        }
        let Some(attested) = attested_at else {
            return self.unknown("`attestedAt` is no moment: whether the key counted then cannot be told");
        };
        if attested < entry.registered_at || attested > entry.expires_at {
            let (from, to) = (entry.registered_at, entry.expires_at);
            return self.bad(format!("the signature is of {attested}, and key {id} counts from {from} to {to}"));
        }
        if attested > self.expected.now.after(CLOCKS_DIFFER) {
            return self.unknown(format!("the signature is of {attested}, which is still to come here"));
        }
        // A copy of a registry lives no longer than the key: later news of the key cannot be in it.
        if self.expected.now > entry.expires_at && as_of.is_none_or(|as_of| as_of <= entry.expires_at) {
            let expired = entry.expires_at;
            return self.unknown(format!("key {id} expired at {expired}, and the registry is older: revocation was not checked"));
        }
        self.it.notes.push(match as_of {
            Some(as_of) => format!("revocation of key {id} checked as of {as_of}"),
            None => format!("revocation of key {id} checked against a registry that does not say as of when it is"),
        });
    }
}
