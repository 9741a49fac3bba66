//! DSSE: an envelope around bytes, with signatures over the bytes and what they are.
//!
//! # Source
//! DSSE v1.0, `protocol.md` and `envelope.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{node, one, parse, typed};
use crate::signing::{SigningKey, VerificationKey, base64};
use crate::text::{Node, Problem, json};

/// What an envelope holds when its payload is an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Most signatures an envelope may carry.
pub const SIGNATURES_MAX: usize = 16;
/// Longest signature, in bytes: far more than any algorithm in use needs.
const SIGNATURE_BYTES_MAX: usize = 64 << 10;

/// An envelope, read or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// The signatures over both.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// A hint which key made it; not signed, and never trusted.
    pub keyid: Option<String>,
    /// The signature's bytes.
    pub sig: Vec<u8>,
}

/// An envelope as JSON has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Written {
    payload: String,
    payload_type: String,
    signatures: Vec<WrittenSignature>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct WrittenSignature {
    sig: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
}

/// The bytes that a signature covers: payload type and payload, each with its length.
///
/// # Source
/// DSSE v1.0, "Signature Definition": the pre-authentication encoding.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    let mut bytes = Vec::with_capacity(head.len() + payload.len());
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// An envelope without signatures yet.
    pub fn new(payload_type: &str, payload: Vec<u8>) -> Self {
        Self { payload_type: payload_type.into(), payload, signatures: Vec::new() }
    }

    /// The bytes that every signature covers.
    pub fn message(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// Adds a signature over [`Envelope::message`] by this key, and its short name.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        let sig = key.sign(&self.message());
        self.signatures.push(EnvelopeSignature { keyid: Some(key.public().id()), sig });
        self
    }

    /// Those of `keys` that signed the envelope. Every signature is held against every key: what a signature says of its key is
    /// not signed.
    pub fn signers<'a>(&self, keys: &'a [VerificationKey]) -> Vec<&'a VerificationKey> {
        let message = self.message();
        let signed = |key: &&VerificationKey| self.signatures.iter().any(|signature| key.accepts(&message, &signature.sig));
        keys.iter().filter(signed).collect()
    }

    /// Reads an envelope's text. Members it does not know are passed over, as DSSE demands.
    ///
    /// # Errors
    /// What is malformed, each with its place.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        Self::from_node(&parse(bytes)?, "")
    }

    /// Reads an envelope that stands at `path` in a document.
    ///
    /// # Errors
    /// What is malformed, each with its place.
    pub fn from_node(node: &Node, path: &str) -> Result<Self, Vec<Problem>> {
        let written: Written = typed(node, path)?;
        let below = |member: &str| if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") };
        let signatures = below("signatures");
        let count = written.signatures.len();
        if !(1..=SIGNATURES_MAX).contains(&count) {
            let message = format!("an envelope carries 1 to {SIGNATURES_MAX} signatures; this one has {count}");
            return Err(one("signatures", signatures, message));
        }
        let payload = decode(&written.payload, &below("payload"))?;
        if payload.is_empty() {
            return Err(one("payload", below("payload"), "the payload is empty"));
        }
        let read = |(index, written): (usize, WrittenSignature)| {
            let path = format!("{signatures}[{index}].sig");
            let sig = decode(&written.sig, &path)?;
            match sig.len() {
                1..=SIGNATURE_BYTES_MAX => Ok(EnvelopeSignature { keyid: written.keyid.filter(|id| !id.is_empty()), sig }),
                bytes => Err(one("signature", path, format!("the signature has {bytes} bytes"))),
            }
        };
        let signatures: Vec<_> = written.signatures.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { payload_type: written.payload_type, payload, signatures })
    }

    /// The envelope as a tree.
    pub fn to_node(&self) -> Node {
        let signature = |signature: &EnvelopeSignature| WrittenSignature {
            sig: base64::standard(&signature.sig),
            keyid: Some(signature.keyid.clone().unwrap_or_default()),
        };
        node(&Written {
            payload: base64::standard(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: self.signatures.iter().map(signature).collect(),
        })
    }

    /// The envelope's text: one line of JSON and a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{}\n", json::compact(&self.to_node())).into_bytes()
    }
}

/// Reads base64 of either alphabet, padded or not.
pub(super) fn decode(text: &str, path: &str) -> Result<Vec<u8>, Vec<Problem>> {
    base64::read(text).ok_or_else(|| one("base64", path, "this is not base64, of either alphabet"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::signing::Curve;

    #[test]
    fn the_published_example() {
        // DSSE, protocol.md, "Test vectors": the pre-authentication encoding of this type and payload.
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        // Lengths are of bytes, and empty parts keep their spaces.
        assert_eq!(pae("é", b""), "DSSEv1 2 é 0 ".as_bytes());
    }

    #[test]
    fn what_is_written_reads_back() {
        let keys = [Curve::P256, Curve::P384, Curve::Ed25519]
            .map(|curve| SigningKey::from_secret(curve, &vec![7; curve.secret_bytes()]).unwrap());
        let envelope = keys[..2].iter().fold(Envelope::new(IN_TOTO, b"{}\xff".to_vec()), Envelope::signed);
        assert_eq!(Envelope::read(&envelope.to_bytes()).unwrap(), envelope);
        let public = keys.map(|key| key.public());
        assert_eq!(envelope.signers(&public), [&public[0], &public[1]]);
        let other = Envelope { payload: b"{}\xfe".to_vec(), ..envelope.clone() };
        let another = Envelope { payload_type: "text/plain".into(), ..envelope };
        assert!(other.signers(&public).is_empty() && another.signers(&public).is_empty());
    }

    #[test]
    fn both_alphabets_and_no_padding_are_read_and_other_text_is_not() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode(text, "").unwrap(), [0xfb, 0xff], "{text}");
        }
        for text in ["+_8=", "+/8==", "+/8 ", "+/\n8", "+/9", "é"] {
            assert_eq!(decode(text, "x").unwrap_err()[0].path, "x", "{text}");
        }
    }

    #[test]
    fn malformed_envelopes_name_the_place() {
        let cases = [
            (r#"{"payload":"e30=","payloadType":"t","signatures":[]}"#, "signatures"),
            (r#"{"payload":"","payloadType":"t","signatures":[{"sig":"AA=="}]}"#, "payload"),
            (r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AA=="},{"sig":""}]}"#, "signatures[1].sig"),
            (r#"{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"x"}]}"#, "signatures[0].sig"),
            (r#"{"payload":"e30=","payloadType":1,"signatures":[{"sig":"AA=="}]}"#, "payloadType"),
            (r#"{"payload":"?","payloadType":"t","signatures":[{"sig":"AA=="}]}"#, "payload"),
        ];
        for (text, path) in cases {
            assert_eq!(Envelope::read(text.as_bytes()).unwrap_err()[0].path, path, "{text}");
        }
        let many = vec![r#"{"sig":"AA=="}"#; SIGNATURES_MAX + 1].join(",");
        let text = format!(r#"{{"payload":"e30=","payloadType":"t","signatures":[{many}]}}"#);
        assert_eq!(Envelope::read(text.as_bytes()).unwrap_err()[0].code, "signatures");
    }
}
