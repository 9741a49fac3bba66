//! Hashing files at disk speed: large sequential reads, a few files at a time, bounded memory.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use aw_alloy::digest::{Digest, Hasher};

use crate::disk::{At as _, Disk, DiskError};
use crate::source::Stamp;

/// Bytes read at once. Small enough to still be in the processor's cache when they are hashed.
const READ_BYTES: usize = 256 * 1024;
/// Bytes between two reports of progress from one file.
const REPORT_BYTES: u64 = 16 * 1024 * 1024;
/// Messages that may wait for the reporting thread.
const QUEUE: usize = 64;

/// How far a hashing has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes hashed so far.
    pub done_bytes: u64,
    /// Bytes to hash in all.
    pub total_bytes: u64,
}

/// Told how far a hashing has come; breaking stops it at the next read.
pub type Hook<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// A file to hash.
pub(crate) struct Job {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// Whether a link in the last place of the path is followed.
    pub(crate) follow: bool,
}

/// What hashing a file gave: the stamps are of the very file that was read, before and after reading.
pub(crate) struct Hashed {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) before: Stamp,
    pub(crate) after: Stamp,
}

enum Message {
    Bytes(u64),
    Done(usize, Disk<Hashed>),
}

/// Hashes `jobs` on `threads` threads, the largest first. `done` gets each job's index and result, on the caller's thread,
/// and stops the rest by returning false. Returns false when stopped by `done` or the hook.
pub(crate) fn run(jobs: &[Job], threads: usize, hook: &mut Hook<'_>, done: &mut dyn FnMut(usize, Disk<Hashed>) -> bool) -> bool {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(jobs[index].bytes));
    let mut progress = Progress { done_bytes: 0, total_bytes: jobs.iter().fold(0, |sum, job| sum.saturating_add(job.bytes)) };
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    if hook(progress).is_break() {
        return false;
    }
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        for _ in 0..threads.clamp(1, 16).min(jobs.len()) {
            let (sender, order, next, stop) = (sender.clone(), &order, &next, &stop);
            scope.spawn(move || work(jobs, order, next, stop, &sender));
        }
        drop(sender);
        for message in receiver {
            let go_on = match message {
                Message::Bytes(bytes) => {
                    progress.done_bytes += bytes;
                    hook(progress).is_continue()
                }
                Message::Done(index, result) => done(index, result),
            };
            if !go_on {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    !stop.into_inner()
}

fn work(jobs: &[Job], order: &[usize], next: &AtomicUsize, stop: &AtomicBool, sender: &mpsc::SyncSender<Message>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
        let mut unreported = 0;
        let result = hash_file(&jobs[index], &mut buffer, &mut |bytes| {
            unreported += bytes;
            if unreported >= REPORT_BYTES {
                // The receiver lives until every worker has ended.
                let _ = sender.send(Message::Bytes(std::mem::take(&mut unreported)));
            }
            !stop.load(Ordering::Relaxed)
        });
        let _ = sender.send(Message::Bytes(unreported));
        match result {
            Some(result) => drop(sender.send(Message::Done(index, result))),
            None => return,
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// `None` when `go_on` said no.
fn hash_file(job: &Job, buffer: &mut [u8], go_on: &mut dyn FnMut(u64) -> bool) -> Option<Disk<Hashed>> {
    let file = match open(&job.path, job.follow) {
        Ok(file) => file,
        Err(error) => return Some(Err(error)),
    };
    let hashed = hash_open(&file, buffer, go_on).at("read", &job.path);
    hashed.transpose()
}

fn open(path: &Path, follow: bool) -> Disk<File> {
    let file = if follow { File::open(path).at("open", path)? } else { crate::disk::open_no_follow(path)? };
    #[cfg(target_os = "linux")]
    {
        // Only advice: a refusal changes nothing but speed.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
    }
    Ok(file)
}

fn hash_open(mut file: &File, buffer: &mut [u8], go_on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<Hashed>> {
    let before = Stamp::of(&file.metadata()?);
    let (mut hasher, mut bytes) = (Hasher::new(), 0u64);
    loop {
        let read = match file.read(buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        bytes += read as u64;
        if !go_on(read as u64) {
            return Ok(None);
        }
    }
    Ok(Some(Hashed { digest: hasher.finish(), bytes, before, after: Stamp::of(&file.metadata()?) }))
}

/// Hashes one file here and now.
pub(crate) fn one(path: &Path) -> Disk<Hashed> {
    let job = Job { path: path.to_owned(), bytes: 0, follow: false };
    match hash_file(&job, &mut vec![0; READ_BYTES], &mut |_| true) {
        Some(result) => result,
        None => Err(DiskError { action: "read", path: path.to_owned(), source: io::ErrorKind::Interrupted.into() }),
    }
}
