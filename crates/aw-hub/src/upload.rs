//! Uploading to a repository: large files to the store that its large-file service names, then all of it in one commit.
//!
//! # Source
//! The HTTP that the Hub's own Python client (`huggingface_hub` 2.4: `_commit_api.py`, `lfs.py`) sends: `POST /api/repos/create`,
//! `POST /api/models/{repository}/preupload/{revision}`, git-lfs batch with the transfers `basic` and `multipart`,
//! `POST /api/models/{repository}/commit/{revision}` with one JSON object a line.

use std::collections::BTreeMap;
use std::io::{self, Read};

use aw_alloy::digest::Digest;
use aw_alloy::tree::TreePath;
use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::HubError;
use crate::http::{Body, Client};
use crate::names::{Commit, RepositoryId, shown};
use crate::url::Url;

/// Bytes of a file that the Hub looks at to say how it is to be uploaded.
const SAMPLE_BYTES: u64 = 512;
/// Files asked about at once.
const ASKED_AT_ONCE: usize = 256;
/// Most bytes of small files of one commit, which travel in it.
const COMMIT_BYTES_MAX: u64 = 256 << 20;
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Most parts of a file.
const PARTS_MAX: u64 = 10_000;
/// Media type of the large-file service.
const LFS_TYPE: &str = "application/vnd.git-lfs+json";

/// A file that is uploaded, of known content.
pub trait Outgoing {
    /// Its path in the repository.
    fn path(&self) -> &TreePath;
    /// Its length in bytes.
    fn bytes(&self) -> u64;
    /// SHA-256 of its bytes.
    fn sha256(&self) -> Digest;
    /// Its bytes from `start` on.
    ///
    /// # Errors
    /// When it cannot be read, or is not what it was.
    fn open(&self, start: u64) -> io::Result<Box<dyn Read + '_>>;
}

/// A commit that is to be made.
pub struct NewCommit<'a> {
    /// To which repository; its branch `main` is meant.
    pub repository: &'a RepositoryId,
    /// The commit it follows; when another has been made meanwhile, the Hub refuses.
    pub parent: &'a Commit,
    /// One line of what it does.
    pub summary: &'a str,
    /// Files that are put there.
    pub files: &'a [&'a dyn Outgoing],
    /// Files that are removed.
    pub removed: &'a [TreePath],
}

/// What is told while files go: the file and its bytes sent so far; says whether to go on.
pub type Told<'a> = &'a dyn Fn(&TreePath, u64) -> bool;

/// What committing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The commit.
    pub commit: Commit,
    /// Bytes that were sent.
    pub sent: u64,
}

/// Makes a repository of a model; false when it is there.
pub(crate) fn create(client: &Client, repository: &RepositoryId, private: bool) -> Result<bool, HubError> {
    let url = client.address("/api/repos/create");
    let (organization, name) = repository.as_str().split_once('/').unwrap_or(("", repository.as_str()));
    let body = json!({ "name": name, "organization": organization, "type": "model", "private": private });
    match client.post_json(&url, &body, "application/json", &format!("repository `{repository}`")) {
        Ok(answer) => answer.whole(ANSWER_BYTES_MAX).map(|_| true),
        Err(HubError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
struct Modes {
    files: Vec<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mode {
    path: String,
    upload_mode: String,
    #[serde(default)]
    should_ignore: bool,
}

/// Which of the files are large ones, in their order.
fn large(client: &Client, new: &NewCommit<'_>) -> Result<Vec<bool>, HubError> {
    let url = client.address(&format!("/api/models/{}/preupload/main", new.repository));
    let mut all = Vec::with_capacity(new.files.len());
    for some in new.files.chunks(ASKED_AT_ONCE) {
        let mut asked = Vec::with_capacity(some.len());
        for file in some {
            let mut sample = Vec::new();
            let read = file.open(0).and_then(|opened| opened.take(SAMPLE_BYTES).read_to_end(&mut sample));
            read.map_err(|error| unreadable(*file, &error))?;
            asked.push(json!({ "path": file.path().as_str(), "sample": Base64::encode_string(&sample), "size": file.bytes() }));
        }
        let what = format!("uploads to `{}`", new.repository);
        let answer = client.post_json(&url, &json!({ "files": asked }), "application/json", &what)?;
        let modes: Modes = answer.json(ANSWER_BYTES_MAX)?;
        let modes: BTreeMap<&str, &Mode> = modes.files.iter().map(|mode| (mode.path.as_str(), mode)).collect();
        for file in some {
            let unusable = |reason: String| HubError::Answer { url: url.shown(), reason };
            let mode = modes.get(file.path().as_str());
            let mode = mode.ok_or_else(|| unusable(format!("it does not say how `{}` is uploaded", file.path())))?;
            if mode.should_ignore {
                return Err(unusable(format!("`{}` would be ignored, as the repository's `.gitignore` says", file.path())));
            }
            all.push(match mode.upload_mode.as_str() {
                "lfs" => true,
                "regular" => false,
                other => return Err(unusable(format!("upload mode `{}` of `{}` is not known", shown(other), file.path()))),
            });
        }
    }
    Ok(all)
}

/// Uploads large files and makes the commit.
pub(crate) fn commit(client: &Client, new: &NewCommit<'_>, told: Told<'_>) -> Result<Committed, HubError> {
    let large = large(client, new)?;
    let mut sent = 0;
    let (mut big, mut small) = (Vec::new(), Vec::new());
    for (file, is_large) in new.files.iter().zip(large) {
        if is_large { big.push(*file) } else { small.push(*file) }
    }
    for some in big.chunks(ASKED_AT_ONCE) {
        sent += upload(client, new.repository, some, told)?;
    }
    let mut lines = json!({ "key": "header", "value": {
        "summary": new.summary, "description": "", "parentCommit": new.parent.as_str() } })
    .to_string();
    let mut line = |value: Value| {
        lines.push('\n');
        lines.push_str(&value.to_string());
    };
    let together = small.iter().fold(0_u64, |sum, file| sum.saturating_add(file.bytes()));
    if together > COMMIT_BYTES_MAX {
        let reason = format!("the Hub wants {together} bytes of small files in one commit, more than {COMMIT_BYTES_MAX}");
        return Err(HubError::Answer { url: client.address(&format!("/{}", new.repository)).shown(), reason });
    }
    for file in &small {
        let mut bytes = Vec::new();
        let read = file.open(0).and_then(|opened| opened.take(file.bytes().saturating_add(1)).read_to_end(&mut bytes));
        read.map_err(|error| unreadable(*file, &error))?;
        if Digest::of(&bytes) != file.sha256() {
            return Err(unreadable(*file, &io::Error::other("it changed meanwhile")));
        }
        let content = Base64::encode_string(&bytes);
        line(json!({ "key": "file", "value": { "content": content, "path": file.path().as_str(), "encoding": "base64" } }));
        sent += file.bytes();
    }
    for file in &big {
        let oid = file.sha256().hex();
        line(json!({ "key": "lfsFile", "value": {
            "path": file.path().as_str(), "algo": "sha256", "oid": oid, "size": file.bytes() } }));
    }
    for path in new.removed {
        line(json!({ "key": "deletedFile", "value": { "path": path.as_str() } }));
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Made {
        commit_oid: String,
    }
    let url = client.address(&format!("/api/models/{}/commit/main", new.repository));
    let what = format!("a commit to `{}`", new.repository);
    let headers = [("Content-Type", "application/x-ndjson".to_owned())];
    // Not tried again by itself: whether it was made is for the caller to look at.
    let answer = client.send("POST", &url, &headers, Body::Bytes(lines.as_bytes()), &what)?;
    let made: Made = answer.json(ANSWER_BYTES_MAX)?;
    let unusable = |error: crate::NameError| HubError::Answer { url: url.shown(), reason: error.to_string() };
    Ok(Committed { commit: made.commit_oid.parse().map_err(unusable)?, sent })
}

#[derive(Deserialize)]
struct Batch {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    oid: String,
    actions: Option<Actions>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Actions {
    upload: Option<Action>,
    verify: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
    #[serde(default)]
    header: BTreeMap<String, Value>,
}

/// Uploads large files that the store does not have; gives the bytes that were sent.
fn upload(client: &Client, repository: &RepositoryId, files: &[&dyn Outgoing], told: Told<'_>) -> Result<u64, HubError> {
    let url = client.address(&format!("/{repository}.git/info/lfs/objects/batch"));
    let objects: Vec<Value> = files.iter().map(|file| json!({ "oid": file.sha256().hex(), "size": file.bytes() })).collect();
    let ask = json!({
        "operation": "upload", "transfers": ["basic", "multipart"], "objects": objects, "hash_algo": "sha256",
        "ref": { "name": "main" },
    });
    let batch: Batch = client.post_json(&url, &ask, LFS_TYPE, &format!("uploads to `{repository}`"))?.json(ANSWER_BYTES_MAX)?;
    let unusable = |reason: String| HubError::Answer { url: url.shown(), reason };
    let mut sent = 0;
    let mut done = std::collections::BTreeSet::new();
    for file in files {
        let oid = file.sha256().hex();
        let object = batch.objects.iter().find(|object| object.oid == oid);
        let object = object.ok_or_else(|| unusable(format!("it does not say where `{}` goes", file.path())))?;
        if let Some(error) = &object.error {
            return Err(unusable(format!("`{}` is refused with {}: {}", file.path(), error.code, shown(&error.message))));
        }
        // Two files of one content are one object.
        let Some(Actions { upload: Some(action), verify }) = object.actions.as_ref().filter(|_| done.insert(oid.clone())) else {
            continue;
        };
        if !told(file.path(), 0) {
            return Err(HubError::Cancelled);
        }
        match action.header.get("chunk_size") {
            None => put(client, *file, action)?,
            Some(size) => put_parts(client, *file, action, size, told)?,
        }
        sent += file.bytes();
        if let Some(verify) = verify {
            let place = Url::parse(&verify.href).ok_or_else(|| unusable("its address to verify at is none".to_owned()))?;
            let body = json!({ "oid": oid, "size": file.bytes() });
            client.post_json(&place, &body, LFS_TYPE, &format!("`{}`", file.path()))?;
        }
    }
    Ok(sent)
}

/// Where an action leads. Headers it asks for are sent there; the token is not, unless it is the Hub's own address.
fn place(action: &Action, file: &dyn Outgoing) -> Result<Url, HubError> {
    let odd = |reason: &str| HubError::Answer { url: file.path().to_string(), reason: reason.to_owned() };
    Url::parse(&action.href).ok_or_else(|| odd("the address it is to be uploaded to is none"))
}

fn put(client: &Client, file: &dyn Outgoing, action: &Action) -> Result<(), HubError> {
    let url = place(action, file)?;
    client.patiently(&|| false, || part(client, file, &url, 0, file.bytes()).map(drop))
}

/// Uploads a file in the parts the Hub wants, each to its own address, and says which arrived.
fn put_parts(client: &Client, file: &dyn Outgoing, action: &Action, size: &Value, told: Told<'_>) -> Result<(), HubError> {
    let odd = |reason: String| HubError::Answer { url: file.path().to_string(), reason };
    let size = size.as_u64().or_else(|| size.as_str()?.parse().ok()).filter(|size| *size > 0);
    let size = size.ok_or_else(|| odd("its size of parts is none".to_owned()))?;
    let count = file.bytes().div_ceil(size);
    if count > PARTS_MAX {
        return Err(odd(format!("it wants {count} parts, more than {PARTS_MAX}")));
    }
    let mut numbered: BTreeMap<u64, &str> = BTreeMap::new();
    for (name, address) in &action.header {
        if let (Ok(number), Some(address)) = (name.parse(), address.as_str()) {
            numbered.insert(number, address);
        }
    }
    let expected: Vec<u64> = (1..=count).collect();
    if !numbered.keys().eq(expected.iter()) {
        return Err(odd(format!("it gives {} addresses for {count} parts", numbered.len())));
    }
    let mut parts = Vec::new();
    for (number, address) in numbered {
        let start = (number - 1) * size;
        let length = size.min(file.bytes() - start);
        if !told(file.path(), start) {
            return Err(HubError::Cancelled);
        }
        let url = Url::parse(address).ok_or_else(|| odd(format!("the address of part {number} is none")))?;
        let tag = client.patiently(&|| false, || part(client, file, &url, start, length))?;
        let tag = tag.ok_or_else(|| odd(format!("part {number} is taken without an ETag")))?;
        parts.push(json!({ "partNumber": number, "etag": tag }));
    }
    let url = place(action, file)?;
    client.post_json(&url, &json!({ "oid": file.sha256().hex(), "parts": parts }), LFS_TYPE, &format!("`{}`", file.path()))?;
    Ok(())
}

/// Sends bytes of a file and gives the ETag of what arrived.
fn part(client: &Client, file: &dyn Outgoing, url: &Url, start: u64, length: u64) -> Result<Option<String>, HubError> {
    let mut reader = file.open(start).map_err(|error| unreadable(file, &error))?;
    let body = Body::Stream { reader: &mut *reader, length };
    let answer = client.send("PUT", url, &[], body, &format!("`{}`", file.path()))?;
    Ok(answer.header("etag").map(str::to_owned))
}

fn unreadable(file: &dyn Outgoing, error: &io::Error) -> HubError {
    HubError::Source { file: file.path().to_string(), reason: error.to_string() }
}
