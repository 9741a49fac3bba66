//! The documents of a registry: manifests of image-spec 1.1, lists of tags.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;
use aw_remote::oci::MANIFEST_TYPE;
use serde::{Deserialize, Serialize};

use crate::delivery::{Artifact, Entry, FILES_MAX, Index};

/// What kind of artifact it is.
const ARTIFACT_TYPE: &str = "application/vnd.alloyworks.contracts.v1";
/// Media type of a file.
const FILE_TYPE: &str = "application/vnd.alloyworks.contracts.file.v1";
/// Media type of the configuration an artifact does not have.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// The configuration an artifact does not have.
pub(super) const EMPTY: &[u8] = b"{}";
/// The annotation that names a layer's file.
const TITLE: &str = "org.opencontainers.image.title";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    media_type: String,
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

fn descriptor(media_type: &str, bytes: &[u8], title: Option<&str>) -> Descriptor {
    let annotations = title.map(|title| (TITLE.to_owned(), title.to_owned())).into_iter().collect();
    Descriptor { media_type: media_type.to_owned(), digest: Digest::of(bytes), size: bytes.len() as u64, annotations }
}

/// The manifest of an artifact. The same artifact gives the same bytes.
pub(super) fn write(artifact: &Artifact) -> Vec<u8> {
    let layers = artifact.files().iter().map(|(path, bytes)| descriptor(FILE_TYPE, bytes, Some(path.as_str())));
    let document = Document {
        schema_version: 2,
        media_type: MANIFEST_TYPE.to_owned(),
        artifact_type: Some(ARTIFACT_TYPE.to_owned()),
        config: descriptor(EMPTY_TYPE, EMPTY, None),
        layers: layers.collect(),
        annotations: BTreeMap::from([(TITLE.to_owned(), artifact.name().to_string())]),
    };
    serde_json::to_vec(&document).expect("texts and numbers have a JSON form")
}

/// The files that a manifest lists.
pub(super) fn read(bytes: &[u8]) -> Result<Index, String> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if document.schema_version != 2
        || document.media_type != MANIFEST_TYPE
        || document.artifact_type.as_deref() != Some(ARTIFACT_TYPE)
    {
        return Err(format!("it is no manifest of artifact type `{ARTIFACT_TYPE}`"));
    }
    if document.layers.len() > FILES_MAX {
        return Err(format!("it lists {} files, more than {FILES_MAX}", document.layers.len()));
    }
    let mut index = Index::default();
    for layer in document.layers {
        let title = layer.annotations.get(TITLE).ok_or_else(|| format!("layer {} names no file", layer.digest))?;
        let path = TreePath::new(title.as_str()).map_err(|error| error.to_string())?;
        let entry = Entry { sha256: layer.digest, bytes: layer.size };
        if index.files.insert(path, entry).is_some() {
            return Err(format!("file `{}` stands twice", title.escape_debug()));
        }
    }
    Ok(index)
}
