//! Puts a stage's inputs where it can read them, without copying what need not be copied.

use std::fs::File;
use std::path::Path;

use aw_alloy::digest::Digest;
use aw_alloy::tree::{Tree, TreeEntry};
use aw_domain::Inputs;
use aw_store::{Fault, Link, Writer};

use crate::error::RunError;
use crate::plan::Step;

/// The source of a run: a folder outside the store and the tree it was found to hold.
pub(crate) struct RunSource<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) tree: &'a Tree,
    pub(crate) label: &'a str,
}

/// Places what `step` reads of `tree` below `place`, which is an empty folder on the store's file system.
pub(crate) fn place(writer: &Writer, step: &Step, tree: &Tree, source: &RunSource<'_>, place: &Path) -> Result<Inputs, RunError> {
    let mut inputs = Inputs { source_label: source.label.to_owned(), ..Inputs::default() };
    for (position, folder) in step.reads.folders.iter().enumerate() {
        let part = if folder.is_empty() { tree.clone() } else { tree.folder(folder) };
        let path = if part == *source.tree {
            source.folder.to_owned()
        } else {
            import(writer, &part, source)?;
            let path = place.join(position.to_string());
            writer.materialise(&part, &path, Link::HardLink)?;
            path
        };
        inputs.folders.insert(folder.clone(), path);
        let inside = |entry: &&TreeEntry| {
            folder.is_empty() || entry.path.as_str().strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        inputs.entries.extend(tree.entries().iter().filter(inside).cloned());
    }
    if step.reads.source {
        inputs.source = Some(source.folder.to_owned());
        inputs.source_entries = source.tree.entries().to_vec();
    }
    for file in &step.files {
        inputs.files.insert(file.name.clone(), file.path.clone());
        inputs.digests.insert(file.name.clone(), file.digest);
    }
    Ok(inputs)
}

/// Copies the files of `tree` that only the source has into the store.
pub(crate) fn import(writer: &Writer, tree: &Tree, source: &RunSource<'_>) -> Result<(), RunError> {
    for fault in writer.check(tree)? {
        let Fault::Missing { digest, .. } = &fault else { continue };
        let Some(entry) = source.tree.entries().iter().find(|entry| entry.digest == *digest) else { continue };
        import_file(writer, source, entry)?;
    }
    Ok(())
}

fn import_file(writer: &Writer, source: &RunSource<'_>, entry: &TreeEntry) -> Result<Digest, RunError> {
    let path = source.folder.join(&entry.path);
    let place = |error| RunError::Place { folder: path.clone(), source: error };
    let mut blob = writer.create_blob()?;
    std::io::copy(&mut File::open(&path).map_err(place)?, &mut blob).map_err(place)?;
    let stored = blob.store()?;
    if stored.digest != entry.digest {
        return Err(RunError::SourceFileChanged { path: entry.path.clone(), expected: entry.digest, found: stored.digest });
    }
    Ok(stored.digest)
}
