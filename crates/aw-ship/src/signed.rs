//! Records that are signed: the signature covers the RFC 8785 form of the record without its member `signature`.

use aw_alloy::keys::{PublicKey, SecretKey, Signature, SignatureVerdict};
use aw_alloy::text::{Node, canonical, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes that a signature covers.
fn covered<T: Serialize>(record: &T) -> Result<Vec<u8>, String> {
    let mut value = serde_json::to_value(record).map_err(|error| error.to_string())?;
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("signature");
    }
    canonical::to_bytes(&Node::from_serde(&value)).map_err(|error| error.to_string())
}

/// Signs a record for a purpose.
pub(crate) fn sign<T: Serialize>(record: &T, context: &str, key: &SecretKey) -> Result<Signature, String> {
    Ok(key.sign(context, &covered(record)?))
}

/// Who signed a record, when the signature is good.
pub(crate) fn signer<T: Serialize>(record: &T, signature: &Signature, context: &str) -> Result<PublicKey, String> {
    match signature.verify(context, &covered(record)?) {
        SignatureVerdict::Good(key) => Ok(key),
        SignatureVerdict::Bad(reason) | SignatureVerdict::Unknown(reason) => Err(reason),
    }
}

/// A record as a file: the publishing serialisation and one final newline.
pub(crate) fn to_bytes<T: Serialize>(record: &T) -> Vec<u8> {
    let value = serde_json::to_value(record).expect("records are plain JSON");
    let mut text = json::publish(&Node::from_serde(&value));
    text.push('\n');
    text.into_bytes()
}

/// Reads a record of a format, whole: what its type does not know is refused, so that nothing unsigned rides along.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8], format: &str) -> Result<T, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match value.get("format").and_then(serde_json::Value::as_str) {
        Some(found) if found == format => serde_json::from_value(value).map_err(|error| error.to_string()),
        found => Err(format!("its format is `{}`, expected `{format}`", found.unwrap_or("none").escape_debug())),
    }
}
