//! Folders beside the lists of files that others sign: a folder's own list, and a list held against a folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aw_alloy::artifact::{Finding, Severity};
use aw_alloy::digest::to_hex;
use aw_alloy::export::model_signing::{HashKind, Manifest};
use aw_alloy::tree::{PathError, TreePath};
use aw_store::{Hook, Progress, SourceError, SourceOptions, Store};
use rustix::fs::{Mode, OFlags};

/// Bytes read at once: small enough to still be in the cache when they are hashed.
const READ_BYTES: usize = 256 << 10;
/// Most files and folders looked at before a folder is refused.
const ENTRIES_MAX: usize = 2_000_000;

/// Why a folder cannot be signed or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Something cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is more than is looked at.
    #[error("`{}` holds more than {ENTRIES_MAX} files and folders", folder.display())]
    TooMany {
        /// The folder.
        folder: PathBuf,
    },
    /// A link or a special file stands among the files to be signed.
    #[error("`{}` cannot be signed: it is {found}", path.display())]
    Odd {
        /// What.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A name that no signed list holds.
    #[error("`{}` cannot be signed: {source}", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Which rule it breaks.
        source: PathError,
    },
    /// There is nothing to sign.
    #[error("`{}` holds no file to sign", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// Its files cannot be hashed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Asked to stop.
    #[error("stopped when asked to")]
    Cancelled,
}

/// A folder's list of files, ready to be signed.
#[derive(Debug)]
pub struct ListedFolder {
    /// The list.
    pub manifest: Manifest,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes that were read; the others were known not to have changed.
    pub hashed_bytes: u64,
}

/// What holding a list against a folder found.
#[derive(Debug, Default)]
pub struct CheckedFolder {
    /// What is wrong and what could not be checked, by file.
    pub findings: Vec<Finding>,
    /// What the list says nothing about.
    pub notes: Vec<String>,
    /// Files that were hashed.
    pub files: usize,
    /// Bytes that were hashed.
    pub bytes: u64,
}

/// How a list is held against a folder.
#[derive(Debug)]
pub struct CheckOptions<'a> {
    /// Files and folders that are left out besides those the list leaves out: the signature itself.
    pub left_out: &'a [TreePath],
    /// Whether files that are not on the list are findings.
    pub extra_is_bad: bool,
    /// Files hashed at once.
    pub threads: usize,
}

/// Lists every file of `folder` but those left out, with the digests the store remembers where a file was not touched since.
///
/// # Errors
/// [`BundleError`]: a symbolic link or special file, a name no list holds, an empty folder, something unreadable.
pub fn list_folder(
    store: &Store,
    folder: &Path,
    left_out: Vec<TreePath>,
    options: &SourceOptions<'_>,
    hook: &mut Hook<'_>,
) -> Result<ListedFolder, BundleError> {
    let root = folder.canonicalize().map_err(|source| BundleError::Read { path: folder.to_owned(), source })?;
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unlisted = Manifest::of_files(&name, [], left_out);
    for (path, entry) in walk(&root, &|path| unlisted.ignores(path))? {
        let found = match entry.kind {
            Kind::File => None,
            Kind::Link => Some("a symbolic link, and only files can be signed"),
            Kind::Special => Some("neither a file nor a folder"),
            Kind::Unreadable => Some("named in other than UTF-8"),
        };
        if let Some(found) = found {
            return Err(BundleError::Odd { path: root.join(&path), found });
        }
        TreePath::new(path.clone()).map_err(|source| BundleError::Name { path: root.join(&path), source })?;
    }
    let filter = |path: &TreePath| (options.filter)(path) && !unlisted.ignores(path.as_str());
    let hashed = store.hash_folder(&root, &SourceOptions { filter: &filter, ..*options }, hook).map_err(|error| match error {
        SourceError::Cancelled { .. } => BundleError::Cancelled,
        other => BundleError::Source(other),
    })?;
    if hashed.tree.entries().is_empty() {
        return Err(BundleError::Empty { folder: root });
    }
    let files = hashed.tree.entries().iter().map(|entry| (entry.path.clone(), entry.digest));
    Ok(ListedFolder {
        manifest: Manifest::of_files(&name, files, unlisted.ignored),
        bytes: hashed.tree.bytes(),
        hashed_bytes: hashed.hashed_bytes,
    })
}

/// Holds a list against a folder: every file on it must be there with its content, and nothing else may be.
///
/// Every byte is read; nothing is remembered from another time. `stop` is asked between reads.
///
/// # Errors
/// [`BundleError`] when the folder or a file cannot be read; everything else is a finding.
pub fn check_folder(
    folder: &Path,
    manifest: &Manifest,
    options: &CheckOptions<'_>,
    hook: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<CheckedFolder, BundleError> {
    let left_out = |path: &str| {
        let below =
            |folder: &TreePath| path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        manifest.ignores(path) || options.left_out.iter().any(below)
    };
    let mut present = walk(folder, &left_out)?;
    let mut checked = CheckedFolder { notes: manifest.notes.clone(), ..CheckedFolder::default() };
    let jobs = jobs(folder, manifest, &mut present, &mut checked, &left_out);
    for (path, entry) in present {
        checked.unlisted(path, &entry, manifest, options.extra_is_bad);
    }
    let (findings, bytes) = hash_all(manifest.hash, &jobs, options.threads, hook)?;
    checked.files = jobs.iter().filter(|job| job.range.is_none_or(|(start, _)| start == 0)).count();
    checked.bytes = bytes;
    checked.findings.extend(findings);
    checked.findings.sort_by(|a, b| (&a.file, &a.message).cmp(&(&b.file, &b.message)));
    Ok(checked)
}

fn finding(severity: Severity, file: &str, message: impl Into<String>) -> Finding {
    Finding { severity, place: "folder".into(), file: Some(file.into()), message: message.into() }
}

impl CheckedFolder {
    fn bad(&mut self, file: &str, message: impl Into<String>) {
        self.findings.push(finding(Severity::Bad, file, message));
    }

    /// Something in the folder that the list does not name.
    fn unlisted(&mut self, path: String, entry: &Entry, manifest: &Manifest, extra_is_bad: bool) {
        match entry.kind {
            // Shards of no bytes do not exist: the format says nothing of empty files.
            Kind::File if manifest.shard_bytes.is_some() && entry.bytes == 0 => {
                self.notes.push(format!("`{path}` is empty, and a list of shards says nothing of empty files"));
            }
            _ if !extra_is_bad => {}
            Kind::File => self.bad(&path, "the file is not among those that were signed"),
            Kind::Link => self.bad(&path, "it is a symbolic link, expected nothing there"),
            Kind::Special | Kind::Unreadable => {
                self.bad(&path, "expected a regular file with a UTF-8 name, found something else")
            }
        }
    }
}

/// A file, or a part of one, to hash.
struct Job<'a> {
    place: PathBuf,
    name: &'a str,
    range: Option<(u64, u64)>,
    bytes: u64,
    follow: bool,
    expected: &'a [u8],
}

/// What is to be hashed; what is missing or of another kind is a finding. Takes what it finds out of `present`.
fn jobs<'a>(
    folder: &Path,
    manifest: &'a Manifest,
    present: &mut BTreeMap<String, Entry>,
    checked: &mut CheckedFolder,
    left_out: &dyn Fn(&str) -> bool,
) -> Vec<Job<'a>> {
    let mut jobs = Vec::with_capacity(manifest.resources.len());
    let mut resources = manifest.resources.iter().peekable();
    while let Some(first) = resources.next() {
        let name = first.path.as_str();
        let mut parts = vec![first];
        while let Some(part) = resources.next_if(|part| part.path == first.path) {
            parts.push(part);
        }
        let Some(entry) = present.remove(name) else {
            let message = if left_out(name) { "the file is both signed and left out" } else { "the file is missing" };
            checked.bad(name, message);
            continue;
        };
        let follow = match entry.kind {
            Kind::File => false,
            Kind::Link if manifest.allow_symlinks => true,
            Kind::Link => {
                checked.bad(name, "it is a symbolic link, expected a file");
                continue;
            }
            Kind::Special | Kind::Unreadable => {
                checked.bad(name, "expected a regular file, found something else");
                continue;
            }
        };
        let place = folder.join(&first.path);
        let bytes = if follow { fs::metadata(&place).map_or(0, |meta| meta.len()) } else { entry.bytes };
        let listed = parts.last().and_then(|part| part.range).map(|(_, end)| end);
        if let Some(listed) = listed.filter(|listed| *listed != bytes) {
            checked.bad(name, format!("the file has {bytes} bytes, expected {listed}"));
            continue;
        }
        jobs.extend(parts.into_iter().map(|part| Job {
            place: place.clone(),
            name,
            range: part.range,
            bytes: part.range.map_or(bytes, |(start, end)| end - start),
            follow,
            expected: &part.digest,
        }));
    }
    // The largest first, so that no thread is left with one alone at the end.
    jobs.sort_by_key(|job| std::cmp::Reverse(job.bytes));
    jobs
}

fn hash_all(
    hash: HashKind,
    jobs: &[Job<'_>],
    threads: usize,
    hook: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<(Vec<Finding>, u64), BundleError> {
    let total_bytes = jobs.iter().fold(0u64, |sum, job| sum.saturating_add(job.bytes));
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let state = Mutex::new((Vec::new(), Progress { done_bytes: 0, total_bytes }, None));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                let mut buffer = vec![0; READ_BYTES];
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = hash_one(hash, job, &mut buffer, &|bytes| {
                        let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        state.1.done_bytes += bytes;
                        if !hook(state.1) {
                            stop.store(true, Ordering::Relaxed);
                        }
                        !stop.load(Ordering::Relaxed)
                    });
                    let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match outcome {
                        Ok(Some(digest)) if digest == job.expected => {}
                        Ok(Some(digest)) => state.0.push(differs(job, &digest)),
                        Ok(None) => return,
                        Err(source) => state.2 = Some(BundleError::Read { path: job.place.clone(), source }),
                    }
                }
            });
        }
    });
    match state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        (_, _, Some(error)) => Err(error),
        _ if stop.into_inner() => Err(BundleError::Cancelled),
        (findings, progress, None) => Ok((findings, progress.done_bytes)),
    }
}

fn differs(job: &Job<'_>, found: &[u8]) -> Finding {
    let part = job.range.map(|(start, end)| format!(" from byte {start} to {end}")).unwrap_or_default();
    let message = format!("the file's content{part} differs: expected {}, found {}", to_hex(job.expected), to_hex(found));
    finding(Severity::Bad, job.name, message)
}

/// Hashes a file or its part; `None` when asked to stop.
fn hash_one(hash: HashKind, job: &Job<'_>, buffer: &mut [u8], read_so_far: &dyn Fn(u64) -> bool) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let flags = if job.follow { flags } else { flags | OFlags::NOFOLLOW };
    let mut file = File::from(rustix::fs::open(&job.place, flags, Mode::empty())?);
    let mut left = u64::MAX;
    if let Some((start, end)) = job.range {
        file.seek(SeekFrom::Start(start))?;
        left = end - start;
    }
    let mut hasher = hash.hasher();
    let mut unreported = 0;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = match file.read(&mut buffer[..most]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        left -= read as u64;
        unreported += read as u64;
        if unreported >= 16 << 20 && !read_so_far(std::mem::take(&mut unreported)) {
            return Ok(None);
        }
    }
    Ok(read_so_far(unreported).then(|| hasher.finish()))
}

/// Something found in a folder.
struct Entry {
    kind: Kind,
    bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Link,
    Special,
    Unreadable,
}

/// Everything below a folder that is not a folder, by path. Links are named and not followed.
fn walk(root: &Path, left_out: &dyn Fn(&str) -> bool) -> Result<BTreeMap<String, Entry>, BundleError> {
    let mut found = BTreeMap::new();
    let mut seen = 0usize;
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((folder, below)) = waiting.pop() {
        let read = |source| BundleError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            seen += 1;
            if seen > ENTRIES_MAX {
                return Err(BundleError::TooMany { folder: root.to_owned() });
            }
            let name = entry.file_name();
            let path = format!("{below}{}", name.to_string_lossy());
            if left_out(&path) {
                continue;
            }
            let kind = entry.file_type().map_err(read)?;
            if kind.is_dir() && name.to_str().is_some() {
                waiting.push((entry.path(), format!("{path}/")));
                continue;
            }
            let kind = match name.to_str() {
                None => Kind::Unreadable,
                Some(_) if kind.is_file() => Kind::File,
                Some(_) if kind.is_symlink() => Kind::Link,
                Some(_) => Kind::Special,
            };
            let bytes = if kind == Kind::File { entry.metadata().map_err(read)?.len() } else { 0 };
            found.insert(path, Entry { kind, bytes });
        }
    }
    Ok(found)
}
