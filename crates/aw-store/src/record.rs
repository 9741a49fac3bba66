//! Records of the stage cache and of kept artifacts: what they need from the store, and bytes that the store does not read.

use aw_alloy::digest::{Digest, TreeRoot};
use serde::{Deserialize, Serialize};

use crate::sealed;

/// Longest record that is read back, in bytes.
pub(crate) const RECORD_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What must stay in the store for a record to be worth anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// Roots of trees whose list of files and contents are needed.
    pub trees: Vec<TreeRoot>,
    /// Roots of trees of which only the list of files is needed: their contents live elsewhere, such as a source folder.
    pub manifests: Vec<TreeRoot>,
    /// Contents that belong to no tree.
    pub blobs: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// The stage key or artifact id the record is filed under.
    pub(crate) id: String,
    /// What people call it; empty for stages.
    pub(crate) name: String,
    pub(crate) needs: Needs,
}

/// Sealed file: one line of JSON, then `payload` as it was given.
pub(crate) fn encode(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut body = serde_json::to_vec(header).expect("text and digests are always JSON");
    body.push(b'\n');
    body.extend_from_slice(payload);
    sealed::seal(&body)
}

/// Header and payload of a record filed under `id`, or what is wrong with it.
pub(crate) fn decode(bytes: &[u8], id: &str) -> Result<(Header, Vec<u8>), String> {
    let body = sealed::unseal(bytes)?;
    let line_end = body.iter().position(|&byte| byte == b'\n').ok_or("it has no header line")?;
    let header: Header =
        serde_json::from_slice(&body[..line_end]).map_err(|error| format!("its header cannot be read: {error}"))?;
    if header.id != id {
        return Err(format!("it is filed under `{id}` but says it is `{}`", header.id.escape_debug()));
    }
    Ok((header, body[line_end + 1..].to_vec()))
}
