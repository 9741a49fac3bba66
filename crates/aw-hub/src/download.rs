//! One file: from where it stopped to its last byte, held against its hash before it is given its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::cache::{Cache, disk, has_length, make_parent};
use crate::content::ContentHasher;
use aw_remote::net::io_reason;

use crate::error::HubError;
use crate::http::{Client, Stop};
use crate::listing::{RemoteFile, Snapshot};
use crate::url::escape;

/// Read at once.
const READ_BYTES: usize = 256 << 10;
/// What a request must bring to count as getting on; less, several times in a row, is a stall.
const WORTH_BYTES: u64 = 64 << 10;

pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) cache: &'a Cache,
    pub(crate) snapshot: &'a Snapshot,
    /// Told how many bytes more are there (or fewer, when some had to be thrown away).
    pub(crate) tell: &'a (dyn Fn(i64) + Sync),
    pub(crate) stop: Stop<'a>,
}

/// A blob being made.
struct Part {
    path: PathBuf,
    file: File,
    hasher: ContentHasher,
    at: u64,
}

impl Download<'_> {
    /// Brings a file into the cache and links it into its snapshot. A blob of the right length that is there already is taken as it is.
    pub(crate) fn run(&self, file: &RemoteFile) -> Result<(), HubError> {
        let blob = self.cache.blob(&self.snapshot.repository, file);
        if !has_length(&blob, file.bytes) {
            let lock = self.cache.lock(&self.snapshot.repository, file, self.stop)?;
            // Another process may have made it meanwhile.
            if !has_length(&blob, file.bytes) {
                self.blob(file, &blob)?;
            } else {
                (self.tell)(signed(file.bytes));
            }
            drop(lock);
        } else {
            (self.tell)(signed(file.bytes));
        }
        self.cache.link(self.snapshot, file)
    }

    fn blob(&self, file: &RemoteFile, blob: &Path) -> Result<(), HubError> {
        make_parent(blob)?;
        let path = blob.with_file_name(format!("{}.incomplete", file.content.hex()));
        for fresh in [false, true] {
            let mut part = Part::open(&path, file, fresh)?;
            (self.tell)(signed(part.at));
            self.fill(file, &mut part)?;
            let found = part.hasher.finish();
            if found == file.content {
                part.file.sync_all().map_err(disk("sync", &path))?;
                fs::rename(&path, blob).map_err(disk("put in place", blob))?;
                let folder = blob.parent().unwrap_or(blob);
                return File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk("sync", folder));
            }
            // What was gone on with may have been another file's; from the start it is told once more.
            fs::remove_file(&path).map_err(disk("remove", &path))?;
            (self.tell)(-signed(file.bytes));
            if fresh {
                let (expected, found) = (file.content.to_string(), found.to_string());
                return Err(HubError::Content { file: file.path.to_string(), expected, found });
            }
        }
        unreachable!("the second round returns")
    }

    /// Requests until the last byte is there.
    fn fill(&self, file: &RemoteFile, part: &mut Part) -> Result<(), HubError> {
        let mut attempt = 1;
        while part.at < file.bytes {
            let before = part.at;
            let outcome = self.request(file, part);
            if (self.stop)() {
                return Err(HubError::Cancelled);
            }
            let error = match outcome {
                Ok(()) if part.at == file.bytes => return Ok(()),
                Ok(()) => self.stalled(file, part, "the answer ends before the file does".into()),
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            if part.at.saturating_sub(before) >= WORTH_BYTES {
                attempt = 1;
                continue;
            }
            if attempt >= self.client.attempts() {
                return Err(error);
            }
            self.client.pause(attempt, &error, self.stop).ok_or(error)??;
            attempt += 1;
        }
        Ok(())
    }

    /// One request from where the part ends.
    fn request(&self, file: &RemoteFile, part: &mut Part) -> Result<(), HubError> {
        let path: Vec<String> = file.path.as_str().split('/').map(escape).collect();
        let (repository, commit) = (&self.snapshot.repository, &self.snapshot.commit);
        let url = self.client.address(&format!("/{repository}/resolve/{commit}/{}", path.join("/")));
        let what = format!("`{}` in commit `{commit}` of `{repository}`", file.path);
        let range = (part.at > 0).then_some((part.at, None));
        let answer = self.client.get_once(&url, range, &what)?;
        if let Some(found) = answer.first_header("x-repo-commit").filter(|found| *found != commit.as_str()) {
            let reason = format!("it is of commit `{}`, asked for was `{commit}`", crate::names::shown(found));
            return Err(answer.unusable(reason));
        }
        let etag = answer.first_header("x-linked-etag").or_else(|| answer.first_header("etag"));
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        // A proxy in between may have its own way of naming; only what looks like a hash is held against the listing.
        if let Some(found) =
            etag.as_deref().and_then(crate::Content::parse).filter(|found| same_kind(found, file) && *found != file.content)
        {
            return Err(HubError::Content {
                file: file.path.to_string(),
                expected: file.content.to_string(),
                found: found.to_string(),
            });
        }
        let (start, total) = answer.part()?;
        if let Some(total) = total.filter(|total| *total != file.bytes) {
            return Err(answer.unusable(format!("the file has {total} bytes, the Hub lists {}", file.bytes)));
        }
        if start != part.at {
            if start != 0 {
                return Err(answer.unusable(format!("it starts at byte {start}, asked for was {}", part.at)));
            }
            // The server sends all of it.
            (self.tell)(-signed(part.at));
            part.restart(file)?;
        }
        self.take(file, part, &mut answer.into_reader())
    }

    fn take(&self, file: &RemoteFile, part: &mut Part, body: &mut dyn Read) -> Result<(), HubError> {
        let mut buffer = vec![0; READ_BYTES];
        while part.at < file.bytes && !(self.stop)() {
            let most = usize::try_from(file.bytes - part.at).unwrap_or(READ_BYTES).min(READ_BYTES);
            let read = match body.read(&mut buffer[..most]) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.stalled(file, part, io_reason(&error))),
            };
            part.file.write_all(&buffer[..read]).map_err(disk("write", &part.path))?;
            part.hasher.update(&buffer[..read]);
            part.at += read as u64;
            (self.tell)(signed(read as u64));
        }
        Ok(())
    }

    fn stalled(&self, file: &RemoteFile, part: &Part, reason: String) -> HubError {
        HubError::Stalled { file: file.path.to_string(), at: part.at, bytes: file.bytes, reason }
    }
}

impl Part {
    /// Opens what there is of a file, hashing it; `fresh` throws it away.
    fn open(path: &Path, file: &RemoteFile, fresh: bool) -> Result<Self, HubError> {
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let opened = OpenOptions::new().create(true).truncate(fresh).read(true).write(true).custom_flags(flags).open(path);
        let mut part = Self {
            path: path.to_owned(),
            file: opened.map_err(disk("open", path))?,
            hasher: file.content.hasher(file.bytes),
            at: 0,
        };
        let found = part.file.metadata().map_err(disk("look at", path))?.len();
        if found > file.bytes {
            part.restart(file)?;
            return Ok(part);
        }
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = part.file.read(&mut buffer).map_err(disk("read", path))?;
            if read == 0 {
                return Ok(part);
            }
            part.hasher.update(&buffer[..read]);
            part.at += read as u64;
        }
    }

    /// Begins again.
    fn restart(&mut self, file: &RemoteFile) -> Result<(), HubError> {
        self.file.set_len(0).map_err(disk("empty", &self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(disk("rewind", &self.path))?;
        self.hasher = file.content.hasher(file.bytes);
        self.at = 0;
        Ok(())
    }
}

fn same_kind(found: &crate::Content, file: &RemoteFile) -> bool {
    std::mem::discriminant(found) == std::mem::discriminant(&file.content)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
