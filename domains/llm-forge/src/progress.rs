//! How long work reports and how it is told to stop.

use std::ops::ControlFlow;

/// A hook that is told how much is done of how much, in units the caller of it documents, and answers whether to go on.
///
/// It is called on the thread that started the work, between pieces of work; a `Break` stops the work at that point.
pub type Progress<'a> = &'a dyn Fn(u64, u64) -> ControlFlow<()>;

/// A hook that never stops the work.
pub fn ignore(_done: u64, _total: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
