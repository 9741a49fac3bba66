//! The shipping door: `door/…`. Everything is decided and done by [`aw_ship`]; here it is told what this node has.

mod approve;
mod publish;
mod settings;

use crate::registry::Command;

/// The commands, in the order people meet them.
pub(super) fn commands() -> Vec<Command> {
    vec![approve::command(), publish::command()]
}
