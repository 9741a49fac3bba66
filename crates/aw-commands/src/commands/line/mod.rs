//! The verbs of the line: `line/…`. What parts are and how they move is `aw-line`'s affair; here recipes become parts, and a worker of this
//! program builds them.

pub mod add;
mod builder;
mod cancel;
mod child;
mod cleaning;
mod crew;
mod defer;
pub mod doctor;
pub mod evict;
pub mod init;
pub mod list;
pub mod moved;
pub(crate) mod part;
mod progress;
mod promote;
mod recipe;
mod recover;
pub mod reorder;
mod retry;
pub mod status;
mod support;
pub mod watch;
pub mod work;

use crate::registry::Command;

/// The commands, in the order people meet them.
pub(super) fn commands() -> Vec<Command> {
    vec![
        init::command(),
        add::command(),
        list::command(),
        status::command(),
        work::command(),
        watch::command(),
        retry::command(),
        promote::command(),
        defer::command(),
        reorder::command(),
        cancel::command(),
        recover::command(),
        evict::command(),
        doctor::command(),
    ]
}
