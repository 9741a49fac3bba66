//! When the library is to stop: it asks while it loads and while it computes.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::llama_cpp::error::LlamaCppError;

/// What a caller wants no more, and until when the library may take.
pub(super) struct Watch<'a> {
    cancelled: &'a (dyn Fn() -> bool + Sync),
    began: Instant,
    /// Milliseconds after which it is too late, and the limit that was given.
    until: AtomicU64,
    limit: AtomicU64,
}

impl<'a> Watch<'a> {
    /// Without a limit yet.
    pub(super) fn new(cancelled: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { cancelled, began: Instant::now(), until: AtomicU64::new(u64::MAX), limit: AtomicU64::new(u64::MAX) }
    }

    /// Gives what follows so long from now on.
    pub(super) fn within(&self, limit: Duration) {
        let until = self.began.elapsed().saturating_add(limit);
        self.until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.limit.store(limit.as_secs(), Ordering::Relaxed);
    }

    /// Why to stop, if so.
    pub(super) fn stopped(&self, doing: &'static str) -> Option<LlamaCppError> {
        if (self.cancelled)() {
            return Some(LlamaCppError::Cancelled);
        }
        let seconds = self.limit.load(Ordering::Relaxed);
        self.late().then_some(LlamaCppError::Timeout { program: "linked library", doing, seconds })
    }

    fn late(&self) -> bool {
        self.began.elapsed().as_millis() > u128::from(self.until.load(Ordering::Relaxed))
    }
}

/// Asked by the library: whether to stop.
///
/// # Safety
/// `watch` points to a [`Watch`] that lives.
pub(super) unsafe extern "C" fn stopped(watch: *mut c_void) -> bool {
    // SAFETY: the caller's.
    let watch = unsafe { &*watch.cast_const().cast::<Watch<'_>>() };
    (watch.cancelled)() || watch.late()
}
