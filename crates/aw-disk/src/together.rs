//! Many syncs at once: each mostly waits, and a file system's journal commits those that wait together as one.

use std::path::Path;

use crate::change::sync_path;
use crate::error::Disk;
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

/// Syncs files and folders by their paths, all at once.
///
/// # Errors
/// When one cannot be opened or synced.
pub fn sync_at_once(paths: &[&Path]) -> Disk<()> {
    // A thread that a hook does not watch would not be seen; and without the disk there is nothing to wait for.
    if paths.len() < 2 || is_watched() {
        return paths.iter().try_for_each(|path| sync_path(path));
    }
    on_threads(paths, WAITING_THREADS, |path| sync_path(path)).map(drop)
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
