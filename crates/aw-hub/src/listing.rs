//! What a commit holds: asked of the Hub once, then kept in the cache in the form the Hub's own clients keep it.
//!
//! # Source
//! `GET /api/models/{repository}/tree/{revision}?recursive=true` with pages linked by `Link: <…>; rel="next"`;
//! `trees/<commit>.json` of the cache, `format_version` 1.

use std::collections::BTreeMap;

use aw_alloy::tree::TreePath;
use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::error::HubError;
use crate::http::{Answer, Client, Stop};
use crate::names::{Commit, RepositoryId, shown};
use crate::url::{Url, escape};

/// Longest page of a listing, in bytes; a page of the Hub has at most a thousand entries.
const PAGE_BYTES_MAX: u64 = 8 << 20;
/// Most pages.
const PAGES_MAX: usize = 200;
/// Most files of a commit.
const FILES_MAX: usize = 100_000;
/// Longest answer to what a revision is, in bytes: it names every file of the repository.
const REVISION_BYTES_MAX: u64 = 32 << 20;
/// Longest kept listing, in bytes.
pub(crate) const KEPT_BYTES_MAX: u64 = 64 << 20;
/// Largest file, in bytes, so that no sum of sizes overflows.
const FILE_BYTES_MAX: u64 = 1 << 46;
/// The form of a kept listing.
const FORMAT_VERSION: u64 = 1;

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it is in the repository.
    pub path: TreePath,
    /// Its length in bytes.
    pub bytes: u64,
    /// What its bytes are.
    pub content: Content,
}

/// What a commit of a repository holds.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The repository.
    pub repository: RepositoryId,
    /// The commit.
    pub commit: Commit,
    /// Its files, sorted by path.
    pub files: Vec<RemoteFile>,
}

impl Snapshot {
    /// The file of a path.
    pub fn file(&self, path: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.path.as_str() == path)
    }
}

/// An entry as the Hub lists it.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    oid: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
    #[serde(rename = "xetHash")]
    xet_hash: Option<String>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

/// A listing as the cache keeps it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    format_version: u64,
    files: BTreeMap<String, KeptFile>,
}

#[derive(Serialize, Deserialize)]
struct KeptFile {
    size: u64,
    blob_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xet_hash: Option<String>,
}

impl Kept {
    /// Reads a kept listing; `None` when it is of another form.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|kept| kept.format_version == FORMAT_VERSION)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("text and numbers")
    }

    /// The files, checked.
    pub(crate) fn files(&self) -> Result<Vec<RemoteFile>, String> {
        if self.files.len() > FILES_MAX {
            return Err(format!("it lists more than {FILES_MAX} files"));
        }
        self.files.iter().map(|(path, file)| file.checked(path)).collect()
    }
}

impl KeptFile {
    fn checked(&self, path: &str) -> Result<RemoteFile, String> {
        let place = TreePath::new(path).map_err(|error| error.to_string())?;
        let hex = self.lfs_sha256.as_ref().unwrap_or(&self.blob_id);
        let odd = || format!("`{}` has hash `{}`, expected 40 or 64 hexadecimal digits", shown(path), shown(hex));
        let content = Content::parse(hex).ok_or_else(odd)?;
        if self.lfs_sha256.is_some() != matches!(content, Content::Sha256(_)) {
            return Err(odd());
        }
        let bytes = self.lfs_size.unwrap_or(self.size);
        if bytes > FILE_BYTES_MAX {
            return Err(format!("`{}` has {bytes} bytes, more than any file", shown(path)));
        }
        Ok(RemoteFile { path: place, bytes, content })
    }
}

/// Asks what commit a revision is.
pub(crate) fn resolve(client: &Client, repository: &RepositoryId, revision: &str, stop: Stop<'_>) -> Result<Commit, HubError> {
    #[derive(Deserialize)]
    struct Info {
        sha: String,
    }
    let url = client.address(&format!("/api/models/{repository}/revision/{}", escape(revision)));
    let what = format!("revision `{}` of `{repository}`", shown(revision));
    let bytes = client.patiently(stop, || client.get_once(&url, None, &what)?.whole(REVISION_BYTES_MAX))?;
    let unusable = |reason: String| HubError::Answer { url: url.shown(), reason };
    let info: Info = serde_json::from_slice(&bytes).map_err(|error| unusable(json_reason(&error)))?;
    info.sha.parse().map_err(|error: crate::NameError| unusable(error.to_string()))
}

/// Asks what a commit holds.
pub(crate) fn ask(client: &Client, repository: &RepositoryId, commit: &Commit, stop: Stop<'_>) -> Result<Kept, HubError> {
    let what = format!("commit `{commit}` of `{repository}`");
    let mut next = Some(client.address(&format!("/api/models/{repository}/tree/{commit}?recursive=true&expand=false")));
    let mut files = BTreeMap::new();
    for _ in 0..PAGES_MAX {
        let Some(url) = next.take() else { break };
        let (bytes, follows) = client.patiently(stop, || {
            let answer = client.get_once(&url, None, &what)?;
            let follows = following(&answer)?;
            Ok((answer.whole(PAGE_BYTES_MAX)?, follows))
        })?;
        let unusable = |reason: String| HubError::Answer { url: url.shown(), reason };
        let page: Vec<Listed> = serde_json::from_slice(&bytes).map_err(|error| unusable(json_reason(&error)))?;
        for entry in page.into_iter().filter(|entry| entry.kind == "file") {
            let (lfs_sha256, lfs_size) = entry.lfs.map(|lfs| (lfs.oid, lfs.size)).unzip();
            let file = KeptFile { size: entry.size, blob_id: entry.oid, lfs_sha256, lfs_size, xet_hash: entry.xet_hash };
            file.checked(&entry.path).map_err(&unusable)?;
            if files.insert(entry.path.clone(), file).is_some() {
                return Err(unusable(format!("`{}` is listed twice", shown(&entry.path))));
            }
        }
        if files.len() > FILES_MAX {
            return Err(unusable(format!("it lists more than {FILES_MAX} files")));
        }
        if let Some(follows) = &follows {
            // The token goes along: another origin is not asked.
            if !client.is_own(follows) {
                return Err(unusable(format!("its next page is at another host, `{}`", shown(&follows.origin.host))));
            }
        }
        next = follows;
    }
    if next.is_some() {
        let url = client.address(&format!("/api/models/{repository}/tree/{commit}")).shown();
        return Err(HubError::Answer { url, reason: format!("it has more than {PAGES_MAX} pages") });
    }
    Ok(Kept { format_version: FORMAT_VERSION, files })
}

/// The next page, from `Link: <…>; rel="next"`.
fn following(answer: &Answer) -> Result<Option<Url>, HubError> {
    let Some(links) = answer.header("link") else { return Ok(None) };
    for link in links.split(',') {
        let mut parts = link.split(';').map(str::trim);
        let address = parts.next().and_then(|address| address.strip_prefix('<')?.strip_suffix('>'));
        if parts.any(|part| part == "rel=\"next\"" || part == "rel=next") {
            let url = address.and_then(|address| answer.url.join(address));
            return url.map(Some).ok_or_else(|| answer.unusable("its `Link` to the next page is no address"));
        }
    }
    Ok(None)
}

/// What is wrong with JSON, without repeating it.
fn json_reason(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "unexpected members",
        _ => "no whole JSON",
    };
    format!("{kind} at line {}, column {}", error.line(), error.column())
}
