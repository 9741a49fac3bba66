//! Repository rules, each an ordinary function from a [`Repository`] to the places that break it. The tests below run every rule over the
//! tracked files; each rule's own tests show that it can fail.

mod arrows;
mod layout;
mod places;

use std::path::Path;
use std::process::Command;

/// What git tracks, as text.
pub struct Repository {
    files: Vec<File>,
}

/// One tracked file.
struct File {
    /// Path from the root, with `/`.
    path: String,
    /// Its text; `None` where it is not UTF-8.
    text: Option<String>,
}

impl Repository {
    /// Reads the tracked files under `root`. A file that is tracked but no longer on disk is left out: its deletion is not committed yet.
    fn read(root: &Path) -> Self {
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().expect("git runs");
        assert!(listed.status.success(), "`git ls-files` failed: {}", String::from_utf8_lossy(&listed.stderr));
        let listed = String::from_utf8(listed.stdout).expect("tracked paths are UTF-8");
        let read = |path: &str| {
            let bytes = std::fs::read(root.join(path)).ok()?;
            Some(File { path: path.to_owned(), text: String::from_utf8(bytes).ok() })
        };
        Self { files: listed.split('\0').filter(|p| !p.is_empty()).filter_map(read).collect() }
    }

    /// A repository of exactly these files.
    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        Self {
            files: files.iter().map(|(path, text)| File { path: (*path).to_owned(), text: Some((*text).to_owned()) }).collect(),
        }
    }

    /// Path and text of every text file.
    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|f| Some((f.path.as_str(), f.text.as_deref()?)))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.texts().find(|(p, _)| *p == path).map(|(_, text)| text)
    }

    /// Folder and manifest text of every member under `crates/` and `domains/`.
    fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.texts().filter_map(|(path, manifest)| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let (group, name) = folder.split_once('/')?;
            (matches!(group, "crates" | "domains") && !name.contains('/')).then_some(Member { folder, group, name, manifest })
        })
    }
}

/// A crate under `crates/` or `domains/`.
struct Member<'a> {
    folder: &'a str,
    group: &'a str,
    name: &'a str,
    manifest: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: fn(&Repository) -> Vec<String>) {
        let broken = rule(&Repository::read(&crate::root()));
        assert!(broken.is_empty(), "{} place(s) break this rule:\n{}", broken.len(), broken.join("\n"));
    }

    #[test]
    fn folders_and_packages_have_one_name() {
        holds(layout::one_name);
    }

    #[test]
    fn every_crate_opens_with_its_documentation() {
        holds(layout::crate_docs);
    }

    #[test]
    fn no_file_is_longer_than_anyone_reads() {
        holds(layout::file_lengths);
    }

    #[test]
    fn every_crate_has_one_integration_test_binary_and_no_forgotten_test_file() {
        holds(layout::test_files);
    }

    #[test]
    fn arrows_between_crates_point_one_way() {
        holds(arrows::one_way);
    }

    #[test]
    fn the_core_knows_no_domain() {
        holds(arrows::core_knows_no_domain);
    }

    #[test]
    fn no_machine_path_is_written_down() {
        holds(places::machine_paths);
    }

    #[test]
    fn packages_come_from_the_public_registries_by_their_default_names() {
        holds(places::registries);
    }

    #[test]
    fn pinned_files_have_the_bytes_they_are_pinned_to() {
        let broken = places::pins(&crate::root());
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
