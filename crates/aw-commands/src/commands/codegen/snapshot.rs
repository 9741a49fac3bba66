//! `codegen/snapshot`: the canonical form of an ontology.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::forge;
use super::support::{report, source};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/snapshot",
        summary: "Writes the canonical form of an ontology, and its digest",
        details: "RDFC-1.0 gives equal graphs equal bytes, whatever their format, their order and the names of their blank nodes. Without a \
                  source, the version that was taken in last, or the one that is named.",
        reach: Reach::Local,
        examples: &[
            Example { what: "of a file", line: "codegen snapshot ontology.ttl --out ontology.nt" },
            Example { what: "the digest of what was taken in", line: "codegen snapshot --ontology-version 1.2.0 --json" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Environment],
    };
    Command::new(about, run).meaning(super::MEANINGS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The ontology; what was taken in when not given.
    #[schemars(extend("x-position" = 1))]
    source: Option<String>,
    /// Which version that was taken in; the last when not given.
    #[schemars(extend("x-value-name" = "VERSION"))]
    ontology_version: Option<String>,
    /// The file that gets the canonical N-Triples.
    #[schemars(extend("x-value-name" = "FILE"))]
    out: Option<PathBuf>,
}

/// An ontology's canonical form.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct SnapshotResult {
    /// The version, of what was taken in.
    pub version: Option<String>,
    /// SHA-256 of the canonical N-Triples, in hexadecimal digits.
    pub graph_digest: String,
    /// How many triples it has.
    pub triples: usize,
    /// The canonical N-Triples, when no file gets them.
    pub n_triples: Option<String>,
}

impl Outcome for SnapshotResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<SnapshotResult, Report> {
    let forge = forge(environment, None, false)?;
    let found = match &parameters.source {
        Some(_) if parameters.ontology_version.is_some() => {
            let message = "a source and a version that was taken in are two different things; give one of them";
            return Err(Report::new(ExitCode::Usage, "snapshot", message));
        }
        Some(text) => forge.snapshot_of(&source(text)?),
        None => forge.snapshot(parameters.ontology_version.as_deref()),
    };
    let snapshot = found.map_err(report)?;
    let triples = snapshot.n_triples.iter().filter(|byte| **byte == b'\n').count();
    let n_triples = match &parameters.out {
        Some(path) => {
            std::fs::write(path, &snapshot.n_triples).map_err(|error| {
                Report::new(ExitCode::Environment, "snapshot", format!("`{}` cannot be written: {error}", path.display()))
            })?;
            None
        }
        None => Some(String::from_utf8(snapshot.n_triples).map_err(Report::bug)?),
    };
    let version = Some(snapshot.version).filter(|version| !version.is_empty());
    Ok(SnapshotResult { version, graph_digest: snapshot.graph_digest.hex(), triples, n_triples })
}
