//! The files a bundle is about.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::dsse::{Envelope, IN_TOTO};
use super::super::statement::{Resource as Subject, STATEMENT_TYPE};
use super::super::{node, one, parse, typed};
use super::{HashKind, PREDICATE_TYPE};
use crate::digest::{Digest, Hasher, from_hex, to_hex};
use crate::text::{Node, Problem, json};
use crate::tree::TreePath;

const FILES: &str = "files";
const SHARDS: &str = "shards";

/// The digests of a folder's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The folder's name; nothing depends on it.
    pub name: String,
    /// The hash function of every digest.
    pub hash: HashKind,
    /// Bytes of a shard, when files are hashed in shards.
    pub shard_bytes: Option<u64>,
    /// Whether the signer followed symbolic links.
    pub allow_symlinks: bool,
    /// Files and folders that were left out.
    pub ignored: Vec<TreePath>,
    /// Every file or shard, in the order that the digest over all of them has.
    pub resources: Vec<Resource>,
    /// What was passed over in reading and why that changes nothing.
    pub notes: Vec<String>,
}

/// A file, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The file.
    pub path: TreePath,
    /// First byte and the one after the last, when it is a part.
    pub range: Option<(u64, u64)>,
    /// The digest.
    pub digest: Vec<u8>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: WrittenPredicate,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenPredicate {
    serialization: WrittenSerialization,
    resources: Vec<WrittenResource>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenSerialization {
    method: String,
    hash_type: String,
    allow_symlinks: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignore_paths: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct WrittenResource {
    name: String,
    algorithm: String,
    digest: String,
}

impl Manifest {
    /// A manifest of whole files by their SHA-256.
    pub fn of_files(name: &str, files: impl IntoIterator<Item = (TreePath, Digest)>, ignored: Vec<TreePath>) -> Self {
        let resource = |(path, digest): (TreePath, Digest)| Resource { path, range: None, digest: digest.as_bytes().to_vec() };
        let mut resources: Vec<Resource> = files.into_iter().map(resource).collect();
        // By the names between the slashes, as the official program sorts.
        resources.sort_by(|a, b| a.path.as_str().split('/').cmp(b.path.as_str().split('/')));
        Self {
            name: name.into(),
            hash: HashKind::Sha256,
            shard_bytes: None,
            allow_symlinks: false,
            ignored,
            resources,
            notes: Vec::new(),
        }
    }

    /// The digest over the digests: what the statement is about.
    pub fn root(&self) -> Digest {
        let mut hasher = Hasher::new();
        self.resources.iter().for_each(|resource| hasher.update(&resource.digest));
        hasher.finish()
    }

    /// Whether a path is left out.
    pub fn ignores(&self, path: &str) -> bool {
        let below =
            |folder: &TreePath| path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.ignored.iter().any(below)
    }

    /// The statement in an envelope that is still to be signed.
    pub(super) fn statement_envelope(&self) -> Envelope {
        let resource = |resource: &Resource| WrittenResource {
            name: match resource.range {
                Some((start, end)) => format!("{}:{start}:{end}", resource.path),
                None => resource.path.to_string(),
            },
            algorithm: self.algorithm(),
            digest: to_hex(&resource.digest),
        };
        let written = Written {
            statement_type: STATEMENT_TYPE.into(),
            subject: vec![Subject::file(self.name.clone(), self.root())],
            predicate_type: PREDICATE_TYPE.into(),
            predicate: WrittenPredicate {
                serialization: WrittenSerialization {
                    method: if self.shard_bytes.is_some() { SHARDS } else { FILES }.into(),
                    hash_type: self.hash.name().into(),
                    allow_symlinks: self.allow_symlinks,
                    shard_size: self.shard_bytes,
                    ignore_paths: self.ignored.iter().map(ToString::to_string).collect(),
                },
                resources: self.resources.iter().map(resource).collect(),
            },
        };
        Envelope::new(IN_TOTO, json::compact(&node(&written)).into_bytes())
    }

    /// The name of the hash function as the official program gives it to a file or a shard.
    fn algorithm(&self) -> String {
        match self.shard_bytes {
            Some(bytes) => format!("{}-sharded-{bytes}", self.hash.name()),
            None => self.hash.name().into(),
        }
    }

    /// Reads the manifest in a bundle's envelope. The signature is not looked at.
    pub(super) fn of(envelope: &Envelope) -> Result<Self, Vec<Problem>> {
        let expected = |code, path: &str, what: &str, found: &str, accepted: &str| {
            let message = format!("{what} is `{found}`, which is not read here");
            Err(vec![Problem::new(code, path, message).hint(format!("accepted is `{accepted}`"))])
        };
        if envelope.payload_type != IN_TOTO {
            return expected("payload-type", "dsseEnvelope.payloadType", "the payload", &envelope.payload_type, IN_TOTO);
        }
        let node = parse(&envelope.payload)?;
        let text = |name: &str| node.get(name).and_then(Node::as_str);
        if let Some(found) = text("_type").filter(|found| *found != STATEMENT_TYPE) {
            return expected("statement-type", "_type", "the statement", found, STATEMENT_TYPE);
        }
        if let Some(found) = text("predicateType").filter(|found| *found != PREDICATE_TYPE) {
            return expected("predicate-type", "predicateType", "the claim", found, PREDICATE_TYPE);
        }
        let written: Written = typed(&node, "")?;
        written.read()
    }
}

impl Written {
    fn read(self) -> Result<Manifest, Vec<Problem>> {
        let serialization = self.predicate.serialization;
        let at = |member: &str| format!("predicate.serialization.{member}");
        let Some(hash) = HashKind::read(&serialization.hash_type) else {
            let message = format!("`{}` is no hash function of this format", serialization.hash_type);
            let names = HashKind::ALL.map(HashKind::name);
            return Err(vec![Problem::new("algorithm", at("hash_type"), message).suggest(&serialization.hash_type, names)]);
        };
        let shard_bytes = match (serialization.method.as_str(), serialization.shard_size) {
            (FILES, None) => None,
            (SHARDS, Some(bytes)) if bytes > 0 => Some(bytes),
            (FILES, Some(_)) => return Err(one("shards", at("shard_size"), "whole files have no shard size")),
            (SHARDS, _) => return Err(one("shards", at("shard_size"), "shards need a size above 0")),
            (other, _) => {
                let message = format!("`{other}` is no method of this format");
                return Err(vec![Problem::new("method", at("method"), message).suggest(other, [FILES, SHARDS])]);
            }
        };
        let (ignored, notes) = ignored(&serialization.ignore_paths, &at("ignore_paths"))?;
        let mut manifest = Manifest {
            name: String::new(),
            hash,
            shard_bytes,
            allow_symlinks: serialization.allow_symlinks,
            ignored,
            resources: Vec::with_capacity(self.predicate.resources.len()),
            notes,
        };
        for (index, written) in self.predicate.resources.into_iter().enumerate() {
            let resource = written.read(&manifest, &format!("predicate.resources[{index}]"))?;
            manifest.resources.push(resource);
        }
        match shard_bytes {
            Some(bytes) => contiguous(&manifest.resources, bytes)?,
            None => distinct(&manifest.resources)?,
        }
        let [subject] = self.subject.as_slice() else {
            return Err(one(
                "subject",
                "subject",
                format!("a bundle is about one thing; this one has {} subjects", self.subject.len()),
            ));
        };
        manifest.name = subject.name.clone().unwrap_or_default();
        let Some(root) = subject.sha256() else {
            return Err(one("digest", "subject[0].digest", "the subject has no SHA-256 of 64 lower-case hex digits"));
        };
        if root != manifest.root() {
            let message = format!("the digest over the files is {}, stated is {}", manifest.root().hex(), root.hex());
            return Err(one("digest", "subject[0].digest.sha256", message));
        }
        Ok(manifest)
    }
}

/// What is left out. A path that leads out of the folder leaves nothing out: whatever lies there was never part of it.
fn ignored(written: &[String], at: &str) -> Result<(Vec<TreePath>, Vec<String>), Vec<Problem>> {
    let (mut paths, mut notes) = (Vec::new(), Vec::new());
    for (index, text) in written.iter().enumerate() {
        let bare = text.trim_start_matches("./").trim_end_matches('/');
        if matches!(bare, "" | ".") {
            return Err(one("path", format!("{at}[{index}]"), "it leaves out the whole folder: nothing would be signed"));
        }
        match TreePath::new(bare) {
            Ok(path) => paths.push(path),
            Err(error) => notes.push(format!("`{at}[{index}]` leaves nothing out: {error}")),
        }
    }
    Ok((paths, notes))
}

impl WrittenResource {
    fn read(self, manifest: &Manifest, at: &str) -> Result<Resource, Vec<Problem>> {
        let name_at = format!("{at}.name");
        let (path, range) = match manifest.shard_bytes {
            None => (self.name.as_str(), None),
            Some(_) => {
                let number = |text: &str| {
                    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                    text.parse::<u64>().ok().filter(|_| plain)
                };
                let mut parts = self.name.rsplitn(3, ':');
                let end = parts.next().and_then(number);
                let start = parts.next().and_then(number);
                match (parts.next(), start, end) {
                    (Some(path), Some(start), Some(end)) if start < end => (path, Some((start, end))),
                    _ => {
                        let message = format!("`{}` is no part of a file: expected `path:start:end`", shown(&self.name));
                        return Err(one("shards", name_at, message));
                    }
                }
            }
        };
        let path = TreePath::new(path).map_err(|error| one("path", name_at, error.to_string()))?;
        if self.algorithm != manifest.hash.name() && self.algorithm != manifest.algorithm() {
            let message = format!("`{}` is another hash function than `hash_type` names", shown(&self.algorithm));
            return Err(vec![Problem::new("algorithm", format!("{at}.algorithm"), message).hint(manifest.algorithm())]);
        }
        let digest = from_hex(&self.digest).filter(|digest| digest.len() == manifest.hash.bytes());
        let digest = digest.ok_or_else(|| {
            let digits = manifest.hash.bytes() * 2;
            one(
                "digest",
                format!("{at}.digest"),
                format!("a digest of `{}` is {digits} lower-case hex digits", manifest.hash.name()),
            )
        })?;
        Ok(Resource { path, range, digest })
    }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A file named twice could be read in two ways.
fn distinct(resources: &[Resource]) -> Result<(), Vec<Problem>> {
    let mut seen = BTreeSet::new();
    for (index, resource) in resources.iter().enumerate() {
        if !seen.insert(&resource.path) {
            let message = format!("`{}` is named a second time", resource.path);
            return Err(one("duplicate", format!("predicate.resources[{index}].name"), message));
        }
    }
    Ok(())
}

/// The shards of a file must follow each other without a gap, each of the full size but the last.
fn contiguous(resources: &[Resource], shard_bytes: u64) -> Result<(), Vec<Problem>> {
    let mut finished = BTreeSet::new();
    let mut open: Option<(&TreePath, u64)> = None;
    for (index, resource) in resources.iter().enumerate() {
        let refuse = |code, message: String| Err(one(code, format!("predicate.resources[{index}].name"), message));
        let (start, end) = resource.range.unwrap_or_default();
        let expected = match open {
            Some((path, end)) if *path == resource.path => end,
            _ => 0,
        };
        if expected == 0 && !finished.insert(&resource.path) {
            return refuse("duplicate", format!("shards of `{}` stand in two places", resource.path));
        }
        // A start that is no multiple follows a short shard, which must have been the last.
        if start != expected || !start.is_multiple_of(shard_bytes) || end - start > shard_bytes {
            return refuse(
                "shards",
                format!("the shard begins at {start}, expected one of at most {shard_bytes} bytes at {expected}"),
            );
        }
        open = Some((&resource.path, end));
    }
    Ok(())
}
