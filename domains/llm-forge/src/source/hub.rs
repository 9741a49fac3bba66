//! Models from the Hugging Face Hub: found by their listing and headers, downloaded by a run.
//!
//! A recipe names one by `source.baseModel` (`organisation/name`) and `source.revision` (a commit). Planning fetches what stands beside the
//! weights (config, index, tokenizer) and the headers of the weights; a run fetches the weights themselves.

use std::path::Path;

use aw_domain::{Digest, Failure, FetchRequest, Problem, Progress, Remote, Source, SourceRequest, TreePath, Unit};
use aw_hub::{Commit, Content, Hub, HubError, RemoteFile, Settings, SettingsError, Snapshot};

use super::{Looked, look, problem};
use crate::checkpoint::{INDEX_FILE, SINGLE_FILE, shard_names};
use crate::prune::goes_along;
use crate::stages::MODEL;

/// What the Hub is reached with, or why it cannot be.
pub(crate) type Access = Result<Settings, SettingsError>;

/// Longest file beside the weights, in bytes.
const BESIDE_BYTES_MAX: u64 = 128 << 20;

/// Finds a source on the Hub.
pub(super) fn find(request: &SourceRequest<'_>, revision: &str, access: &Access) -> Result<Source, Vec<Problem>> {
    let refused = |path: &'static str| move |error: HubError| vec![of_hub(path, &error)];
    let stated = &request.recipe.root().source;
    let repository = stated.base_model.parse().map_err(|error: aw_hub::NameError| {
        let hint = "with `revision` the model is one on the Hub; without, `baseModel` is a folder";
        vec![Problem::new("hub-name", "source.baseModel", error.to_string()).hint(hint)]
    })?;
    let hub = open(access, request.offline).map_err(refused("source"))?;
    let Ok(commit) = revision.parse::<Commit>() else {
        let commit = hub.resolve(&repository, revision, &|| false).map_err(refused("source.revision"))?;
        let message = format!("`{revision}` is not a commit, and what it stands for may change; now it is commit {commit}");
        let problem = Problem::new("revision-not-pinned", "source.revision", message).hint(format!("write `revision: {commit}`"));
        return Err(vec![problem]);
    };
    let snapshot = hub.snapshot(&repository, &commit, &|| false).map_err(refused("source"))?;
    let files = Files::of(&hub, &snapshot)?;
    let missing_bytes = hub.missing(&snapshot, &files.weights).iter().map(|file| file.bytes).sum();
    let folder = hub.folder(&snapshot);
    let plan_folder = match missing_bytes {
        0 => None,
        _ => Some(hub.headers(&snapshot, &files.weights, &files.beside, &|| false).map_err(refused("source"))?),
    };
    let Looked { files: names, pinned_root, facts } = look(request, plan_folder.as_deref().unwrap_or(&folder))?;
    need_space(hub.cache(), missing_bytes)?;
    let all = || files.weights.iter().chain(&files.beside);
    let expected = all().filter_map(|file| known(file)).collect();
    let host = host(access);
    let remote = Remote {
        label: format!("{repository} at {commit} on {host}"),
        bytes: all().map(|file| file.bytes).sum(),
        missing_bytes,
        plan_folder,
        expected,
    };
    Ok(Source { folder, files: names, placed_under: MODEL, pinned_root, facts, remote: Some(remote) })
}

/// Downloads what is missing of a source.
pub(crate) fn fetch(request: &FetchRequest<'_>, access: &Access) -> Result<(), Failure> {
    let failed = |error: HubError| match error {
        HubError::Cancelled => Failure::cancelled(),
        error => {
            let failure = Failure::from_error("hub", &error);
            match error.hint() {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        }
    };
    let stated = &request.recipe.root().source;
    let planned = |error: aw_hub::NameError| Failure::from_error("bug", &error);
    let repository = stated.base_model.parse().map_err(planned)?;
    let commit = stated.revision.as_deref().unwrap_or_default().parse().map_err(planned)?;
    let hub = open(access, request.offline).map_err(failed)?;
    let snapshot = hub.snapshot(&repository, &commit, request.cancelled).map_err(failed)?;
    let files: Vec<&RemoteFile> = request.source.files.iter().filter_map(|path| snapshot.file(path.as_str())).collect();
    let hook = |progress: aw_hub::Progress| {
        (request.progress)(Progress {
            doing: format!("downloading {repository}"),
            done: progress.done_bytes,
            total: Some(progress.total_bytes),
            unit: Unit::Bytes,
        });
        !(request.cancelled)()
    };
    hub.fetch(&snapshot, &files, &hook).map_err(failed)?;
    // Hashing the source holds the rest against the listing.
    let small = files.iter().filter(|file| known(file).is_none());
    small.into_iter().try_for_each(|file| hub.check(&snapshot, file)).map_err(failed)
}

/// The files of a model on the Hub.
struct Files<'a> {
    weights: Vec<&'a RemoteFile>,
    beside: Vec<&'a RemoteFile>,
}

impl<'a> Files<'a> {
    /// Fetches what stands beside the weights and says which files hold them.
    fn of(hub: &Hub, snapshot: &'a Snapshot) -> Result<Self, Vec<Problem>> {
        let refused = |error: HubError| vec![of_hub("source", &error)];
        let (repository, commit) = (&snapshot.repository, &snapshot.commit);
        let lacks = |what: &str, hint: &str| {
            vec![
                Problem::new("source-refused", "source.baseModel", format!("`{repository}` at {commit} has no {what}"))
                    .hint(hint),
            ]
        };
        let config = snapshot.file("config.json").ok_or_else(|| lacks("`config.json`", "name the model's own repository"))?;
        bring(hub, snapshot, &[config])?;
        let text = read(hub, snapshot, config)?;
        // A config that is no JSON is refused where it is read for good.
        let value = serde_json::from_slice::<serde_json::Value>(&text).unwrap_or_default();
        let needs_code = value.get("auto_map").is_some_and(|map| !map.is_null());
        let index = snapshot.file(INDEX_FILE);
        let mut beside: Vec<&RemoteFile> =
            snapshot.files.iter().filter(|file| goes_along(file.path.as_str(), needs_code)).chain([config]).collect();
        beside.extend(index);
        bring(hub, snapshot, &beside)?;
        beside.iter().try_for_each(|file| hub.check(snapshot, file)).map_err(refused)?;
        let names = match index {
            Some(index) => {
                let text = read(hub, snapshot, index)?;
                let names = shard_names(&text, Path::new(INDEX_FILE));
                names.map_err(|error| vec![problem("source-refused", "source.baseModel", &error)])?
            }
            None => vec![SINGLE_FILE.to_owned()],
        };
        let hint = "give a repository that publishes safetensors; pickled weights are never read";
        let weight = |name: &String| snapshot.file(name).ok_or_else(|| lacks(&format!("`{name}`"), hint));
        Ok(Self { weights: names.iter().map(weight).collect::<Result<_, _>>()?, beside })
    }
}

/// Fetches files that stand beside the weights.
fn bring(hub: &Hub, snapshot: &Snapshot, files: &[&RemoteFile]) -> Result<(), Vec<Problem>> {
    if let Some(file) = files.iter().find(|file| file.bytes > BESIDE_BYTES_MAX) {
        let message = format!("`{}` has {} bytes, at most {BESIDE_BYTES_MAX} are read while planning", file.path, file.bytes);
        return Err(vec![Problem::new("source-refused", "source.baseModel", message)]);
    }
    hub.fetch(snapshot, files, &|_| true).map_err(|error| vec![of_hub("source", &error)])
}

fn read(hub: &Hub, snapshot: &Snapshot, file: &RemoteFile) -> Result<Vec<u8>, Vec<Problem>> {
    let path = hub.folder(snapshot).join(&file.path);
    let failed = |error: std::io::Error| {
        let message = format!("`{}` cannot be read: {error}", path.display());
        vec![Problem::new("source-refused", "source.baseModel", message)]
    };
    std::fs::read(&path).map_err(failed)
}

fn open(access: &Access, offline: bool) -> Result<Hub, HubError> {
    let mut settings = access.clone()?;
    settings.offline |= offline;
    Hub::new(settings)
}

/// What a file must hold, when the listing says it in SHA-256.
fn known(file: &RemoteFile) -> Option<(TreePath, Digest)> {
    match file.content {
        Content::Sha256(digest) => Some((file.path.clone(), digest)),
        Content::GitBlob(_) => None,
    }
}

/// The server as people name it.
fn host(access: &Access) -> String {
    let endpoint = access.as_ref().map(|settings| settings.endpoint.as_str()).unwrap_or_default();
    endpoint.split("://").last().unwrap_or_default().trim_end_matches('/').to_owned()
}

fn of_hub(path: &str, error: &HubError) -> Problem {
    let code = if matches!(error, HubError::Offline { .. }) { "offline" } else { "hub" };
    let problem = Problem::new(code, path, error.to_string());
    match error.hint() {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// The cache must have room for what a run would download.
fn need_space(cache: &Path, bytes: u64) -> Result<(), Vec<Problem>> {
    let Ok(found) = rustix::fs::statvfs(cache) else { return Ok(()) };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if bytes <= free {
        return Ok(());
    }
    let message = format!("{bytes} bytes must be downloaded, {free} are free where the Hub's cache is (`{}`)", cache.display());
    let hint = "free some space, or point `HF_HUB_CACHE` at a larger disk";
    Err(vec![Problem::new("disk-too-small", "source", message).hint(hint)])
}
