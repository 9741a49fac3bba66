//! The files beside the weights: what a pruned model needs of them, and what is left behind.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use aw_alloy::digest::Hasher;

use super::sink::OutputFiles;
use super::{FileRecord, RewriteError};
use crate::families::Model;

const GENERATION_CONFIG: &str = "generation_config.json";

/// Copied wherever they are present, beside the edited `config.json`.
const COPIED: [&str; 9] = [
    GENERATION_CONFIG,
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "chat_template.jinja",
];

/// Copied likewise: how a model that sees or hears takes its input apart.
const PROCESSORS: [&str; 4] =
    ["preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json", "chat_template.json"];

const COPY_BYTES: usize = 256 << 10;

/// What stands beside the weights.
#[derive(Debug)]
pub(super) struct Companions {
    /// Files to copy, by name.
    pub copied: Vec<Companion>,
    /// Everything else in the folder, by name.
    pub left: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Companion {
    name: String,
    path: PathBuf,
    bytes: u64,
}

/// Sorts the model folder's other files into those to copy and those left behind.
///
/// Custom code (`*.py`) goes along only when the config refers to it by `auto_map`.
pub(super) fn find(model: &Model) -> Result<Companions, RewriteError> {
    let needs_code = model.config.get("auto_map").is_some_and(|map| !map.is_null());
    let folder = &model.folder;
    let failed = |source| RewriteError::Companion { path: folder.clone(), source };
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    let mut companions = Companions { copied: Vec::new(), left: Vec::new() };
    for name in names {
        if goes_along(&name, needs_code) {
            companions.copied.push(companion(model, name)?);
        } else if !is_rewritten(model, &name) {
            companions.left.push(name);
        }
    }
    Ok(companions)
}

/// Says whether the pruned model has its own version of a file.
fn is_rewritten(model: &Model, name: &str) -> bool {
    name == "config.json"
        || name == crate::checkpoint::INDEX_FILE
        || model.checkpoint.shards().iter().any(|shard| shard.name == name)
}

fn companion(model: &Model, name: String) -> Result<Companion, RewriteError> {
    let path = model.folder.join(&name);
    // Followed: download caches are made of links.
    let metadata = fs::metadata(&path).map_err(|source| RewriteError::Companion { path: path.clone(), source })?;
    if !metadata.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        return Err(RewriteError::Companion { path, source });
    }
    Ok(Companion { name, path, bytes: metadata.len() })
}

impl Companion {
    /// Copies the file, hashing it on the way.
    pub fn copy(&self, sink: &mut dyn OutputFiles) -> Result<FileRecord, RewriteError> {
        let read = |source| RewriteError::Companion { path: self.path.clone(), source };
        let written = |source| RewriteError::Write { path: self.name.clone(), source };
        let mut from = File::open(&self.path).map_err(read)?;
        let mut to = sink.create(&self.name, self.bytes).map_err(written)?;
        let (mut hasher, mut buffer, mut bytes) = (Hasher::new(), vec![0; COPY_BYTES], 0);
        loop {
            let length = from.read(&mut buffer).map_err(read)?;
            if length == 0 {
                break;
            }
            hasher.update(&buffer[..length]);
            to.write_all(&buffer[..length]).map_err(written)?;
            bytes += length as u64;
        }
        to.finish().map_err(written)?;
        Ok(FileRecord { path: self.name.clone(), bytes, digest: hasher.finish() })
    }
}

/// Names of the files beside the weights that go along with a model: tokenizer, generation settings, custom code it needs.
///
/// # Errors
/// When the folder cannot be listed.
pub fn companion_files(model: &Model) -> Result<Vec<String>, RewriteError> {
    Ok(find(model)?.copied.into_iter().map(|companion| companion.name).collect())
}

/// Whether a file of a model folder goes along with the weights; `needs_code` says whether its config refers to custom code.
pub(crate) fn goes_along(name: &str, needs_code: bool) -> bool {
    COPIED.iter().chain(&PROCESSORS).any(|known| *known == name) || (needs_code && name.ends_with(".py") && !name.contains('/'))
}

/// Whether a file of a model folder belongs to its tokenizer.
pub fn is_tokenizer_file(name: &str) -> bool {
    name != GENERATION_CONFIG && COPIED.contains(&name)
}
