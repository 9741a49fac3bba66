//! Programs of others that stages start, and where they are.
//!
//! A recipe never names a place on a machine: whoever builds the domain says where to look, once.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where programs are looked for, and what they are given of the environment.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// The folder of llama.cpp's programs, when it was named. It is then the only place they are looked for in.
    pub llama_cpp: Option<PathBuf>,
    /// Folders to look for programs in, in order.
    pub path: Vec<PathBuf>,
    /// Environment variables that programs are started with; they get no others.
    pub environment: Vec<(OsString, OsString)>,
}

impl Tools {
    /// Finds a program in `folders`: the first regular file of that name that may be executed.
    #[must_use]
    pub fn find_in<'a>(program: &str, folders: impl IntoIterator<Item = &'a Path>) -> Option<PathBuf> {
        // A relative entry would depend on where the program was started.
        folders.into_iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(program)).find(|path| is_program(path))
    }

    /// Finds a program in [`Tools::path`].
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        Self::find_in(program, self.path.iter().map(PathBuf::as_path))
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_can_be_executed_wins() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for place in [&first, &second] {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("tool"), "").unwrap();
        }
        let tools = Tools { path: vec!["relative".into(), first.clone(), second.clone()], ..Tools::default() };
        assert_eq!(tools.find("tool"), None);
        std::fs::set_permissions(second.join("tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(tools.find("tool"), Some(second.join("tool")));
        std::fs::remove_file(first.join("tool")).unwrap();
        std::fs::create_dir(first.join("tool")).unwrap();
        assert_eq!(tools.find("tool"), Some(second.join("tool")), "a folder is no program");
    }
}
