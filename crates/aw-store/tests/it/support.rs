//! A store in a folder of its own, and small trees.

use std::fs;
use std::path::Path;

use aw_alloy::digest::{Digest, StageKey};
use aw_alloy::tree::{Tree, TreeEntry};
use aw_store::{Needs, Store, Writer, no_hook};
use tempfile::TempDir;

pub struct Bench {
    pub home: TempDir,
    pub store: Store,
}

impl Bench {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        Self { home, store }
    }

    /// Puts a tree of these files, from a scratch folder.
    pub fn put(&self, files: &[(&str, &[u8])]) -> Tree {
        put(&self.store.writer().unwrap(), files)
    }
}

pub fn put(writer: &Writer, files: &[(&str, &[u8])]) -> Tree {
    let folder = writer.scratch_folder().unwrap();
    fill(&folder, files);
    writer.adopt_folder(&folder, 2, &mut no_hook).unwrap()
}

pub fn fill(folder: &Path, files: &[(&str, &[u8])]) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

pub fn tree_of(files: &[(&str, &[u8])]) -> Tree {
    let entry = |(path, content): &(&str, &[u8])| TreeEntry {
        path: path.parse().unwrap(),
        digest: Digest::of(content),
        bytes: content.len() as u64,
    };
    Tree::new(files.iter().map(entry).collect()).unwrap()
}

pub fn needs(trees: &[&Tree]) -> Needs {
    Needs { trees: trees.iter().map(|tree| tree.root()).collect(), ..Needs::default() }
}

/// A stage's key made of a few bytes.
pub fn key(bytes: &[u8]) -> StageKey {
    StageKey::from_digest(Digest::of(bytes))
}

/// The files of a folder with their contents, by their own reading of it.
pub fn read_folder(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            found.push((name, fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// What `read_folder` should find.
pub fn listed(files: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    let mut listed: Vec<_> = files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec())).collect();
    listed.sort();
    listed
}

/// Says that a test looked at nothing here, and why.
#[allow(clippy::print_stderr)]
pub fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
