//! The verbs of the code generator: `codegen/…`. Each is one call of [`codegen::forge::Forge`] or of a consumer; nothing is decided here.

mod adopt;
mod diff;
mod doctor;
mod generate;
mod ingest;
mod pin;
mod publish;
mod rollback;
#[cfg(feature = "codegen-service")]
mod serve;
pub(crate) mod settings;
mod snapshot;
mod status;
mod support;
mod templates;
mod validate;

use crate::exit::ExitCode;
use crate::registry::Command;

/// What exit codes mean here, where that is more than elsewhere.
///
/// # Source
/// Codegen, section 12.
const MEANINGS: &[(ExitCode, &str)] = &[
    (ExitCode::Refused, "The change is destructive, and not everything that it removes was named; or the source cannot be read."),
    (ExitCode::Stage, "The ontology violates the shapes."),
    (ExitCode::Unknown, "Nothing changed, and `--exit-no-change` asked to be told so."),
];

/// The commands, in the order people meet them.
pub(super) fn commands() -> Vec<Command> {
    vec![
        generate::command(),
        validate::command(),
        templates::command(),
        diff::command(),
        snapshot::command(),
        ingest::command(),
        publish::command(),
        pin::command(),
        adopt::command(),
        rollback::command(),
        status::command(),
        #[cfg(feature = "codegen-service")]
        serve::command(),
        doctor::command(),
    ]
}
