//! Many syncs at once: each mostly waits, and a file system's journal commits those that wait together as one.

use std::path::Path;

use crate::change::sync_path;
use crate::error::{At, Disk};
use crate::look::open_no_follow;
use crate::step::is_watched;

/// Below this many files, threads cost more than they save.
pub const SYNC_TOGETHER: usize = 8;
/// Threads that write and sync at once.
const SYNC_THREADS: usize = 32;
/// Threads that do nothing but wait for a sync.
const WAITING_THREADS: usize = 128;

/// Does `work` for each item, many at once when there are many. Meant for work that ends in a sync. Results keep the items' order.
///
/// # Errors
/// The first in the items' order; the others are done all the same.
pub fn together<'i, I: Sync, T: Send, E: Send>(items: &'i [I], work: impl Fn(&'i I) -> Result<T, E> + Sync) -> Result<Vec<T>, E> {
    if items.len() < SYNC_TOGETHER { items.iter().map(work).collect() } else { on_threads(items, SYNC_THREADS, work) }
}

/// Syncs files and folders of one file system by their paths, all at once.
///
/// Many are synced with their whole file system, which is one wait of the disk instead of one each. Whatever others have written there
/// meanwhile is waited for too.
///
/// # Errors
/// When one cannot be opened or synced.
pub fn sync_at_once(paths: &[&Path]) -> Disk<()> {
    // A thread that a hook does not watch would not be seen; and without the disk there is nothing to wait for.
    if paths.len() < 2 || is_watched() {
        return paths.iter().try_for_each(|path| sync_path(path));
    }
    #[cfg(target_os = "linux")]
    if paths.len() >= SYNC_TOGETHER && sync_file_system(paths)? {
        return Ok(());
    }
    on_threads(paths, WAITING_THREADS, |path| sync_path(path)).map(drop)
}

/// Syncs the file system of these paths; false when they are of several, or the kernel is too old to tell of failures (before 5.8).
#[cfg(target_os = "linux")]
fn sync_file_system(paths: &[&Path]) -> Disk<bool> {
    use std::os::unix::fs::MetadataExt;

    let [first, others @ ..] = paths else { return Ok(true) };
    if !tells_of_failures() {
        return Ok(false);
    }
    let file = open_no_follow(first)?;
    let device = file.metadata().at("look at", first)?.dev();
    for path in others {
        if path.symlink_metadata().at("look at", path)?.dev() != device {
            return Ok(false);
        }
    }
    rustix::fs::syncfs(&file).map_err(std::io::Error::from).at("sync the file system of", first)?;
    Ok(true)
}

/// Whether `syncfs` tells when data could not be written, as it does since Linux 5.8.
#[cfg(target_os = "linux")]
fn tells_of_failures() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8)
}

fn on_threads<'i, I: Sync, T: Send, E: Send>(
    items: &'i [I],
    threads: usize,
    work: impl Fn(&'i I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let work = &work;
    std::thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(threads));
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(work).collect::<Result<Vec<T>, E>>())).collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in threads {
            all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_of_several_file_systems_are_synced_apart() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..20).map(|n| folder.path().join(n.to_string())).collect();
        paths.iter().for_each(|path| std::fs::write(path, "x").unwrap());
        let mut paths: Vec<&Path> = paths.iter().map(std::path::PathBuf::as_path).collect();
        sync_at_once(&paths).unwrap();
        #[cfg(target_os = "linux")]
        {
            assert_eq!(sync_file_system(&paths).unwrap(), tells_of_failures());
            assert!(!sync_file_system(&[paths[0], Path::new("/proc/self/status")]).unwrap());
        }
        let absent = folder.path().join("absent");
        paths.push(&absent);
        assert_eq!(sync_at_once(&paths).unwrap_err().path, absent);
    }
}
