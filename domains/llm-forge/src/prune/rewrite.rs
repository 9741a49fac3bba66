//! Writes a pruned model: shards, index, config and the files beside them.

use std::io;
use std::path::PathBuf;

use aw_alloy::digest::Digest;

use super::plan::PrunePlan;
use super::sink::OutputFiles;
use super::{companions, header, stream};
use crate::checkpoint::{CheckpointError, INDEX_FILE};
use crate::families::Model;
use crate::progress::Progress;

/// Why a prune could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// A source shard cannot be read, or changed since it was opened.
    #[error(transparent)]
    Source(#[from] CheckpointError),
    /// A file beside the weights cannot be read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Companion {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// An output file cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The file's name.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The progress hook said to stop.
    #[error("the prune was cancelled")]
    Cancelled,
}

/// A file that was read or written whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    /// File name.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub digest: Digest,
}

/// What was read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The source shards.
    pub sources: Vec<FileRecord>,
    /// The output shards, in the plan's order.
    pub shards: Vec<FileRecord>,
    /// The other files written: index, config, and those copied.
    pub files: Vec<FileRecord>,
    /// Files of the source folder that were neither rewritten nor copied.
    pub left: Vec<String>,
}

/// Writes what `plan` says into `sink`: first the shards, then the index, the config and the files beside the weights.
///
/// The sidecar is not among them: [`super::Sidecar::write`] writes it last, when the times are known. `progress` counts
/// source bytes of `plan.bytes_in`.
///
/// # Errors
/// When a file cannot be read or written, or `progress` says to stop. What was finished until then stays in the sink.
///
/// # Determinism
/// Every byte written depends on the source, the selection and the shard size only; `threads` beyond one only overlaps
/// hashing with reading and writing.
pub fn rewrite(
    model: &Model,
    plan: &PrunePlan,
    sink: &mut dyn OutputFiles,
    threads: usize,
    progress: Progress<'_>,
) -> Result<Rewritten, RewriteError> {
    let beside = companions::find(model)?;
    let digests = stream::stream(model, plan, sink, threads, progress)?;
    let mut files = vec![
        write_whole(sink, INDEX_FILE, &header::index(plan))?,
        write_whole(sink, "config.json", plan.config_text.as_bytes())?,
    ];
    for companion in &beside.copied {
        files.push(companion.copy(sink)?);
    }
    let record = |path: &String, bytes, digest: &Digest| FileRecord { path: path.clone(), bytes, digest: *digest };
    let sources = model.checkpoint.shards().iter().zip(&digests.sources);
    let shards = plan.shards.iter().zip(&digests.outputs);
    Ok(Rewritten {
        sources: sources.map(|(shard, digest)| record(&shard.name, shard.bytes, digest)).collect(),
        shards: shards.map(|(shard, digest)| record(&shard.name, shard.bytes, digest)).collect(),
        files,
        left: beside.left,
    })
}

/// Writes a small file in one go.
pub(super) fn write_whole(sink: &mut dyn OutputFiles, path: &str, bytes: &[u8]) -> Result<FileRecord, RewriteError> {
    let failed = |source| RewriteError::Write { path: path.to_owned(), source };
    let mut file = sink.create(path, bytes.len() as u64).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.finish().map_err(failed)?;
    Ok(FileRecord { path: path.to_owned(), bytes: bytes.len() as u64, digest: Digest::of(bytes) })
}
