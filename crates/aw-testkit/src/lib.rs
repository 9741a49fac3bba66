//! What tests of several crates need: snapshots of folders, and the shared documents when they are there.
//!
//! For tests only; nothing that ships depends on it.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests say what they skip and panic when something is off"
)]

pub mod hub;
pub mod hub_uploads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads every file below a folder, by path.
///
/// # Panics
/// When something cannot be read.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Writes files below a folder, by path; the inverse of [`files`].
///
/// # Panics
/// When something cannot be written.
pub fn write_files(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// A folder of documents published by others, which lies beside the repository on some machines. Says so when it is skipped.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("ALLOYWORKS_SHARED").map_or(beside, PathBuf::from);
    let folder = root.join(name);
    if !folder.is_dir() {
        eprintln!("skipped: no folder `{}` (set ALLOYWORKS_SHARED to where the shared documents are)", folder.display());
        return None;
    }
    Some(folder)
}

/// The folder of llama.cpp's programs: `ALLOYWORKS_LLAMA_CPP`, else `target/llama.cpp/bin` of the workspace, else the first folder of
/// `PATH` that has `llama-server`. Says so when it is skipped.
pub fn llama_cpp() -> Option<PathBuf> {
    let named = std::env::var_os("ALLOYWORKS_LLAMA_CPP").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/llama.cpp/bin");
    let path = std::env::var_os("PATH").map(|folders| std::env::split_paths(&folders).collect::<Vec<_>>()).unwrap_or_default();
    let places = match named {
        Some(folder) => vec![folder],
        None => std::iter::once(built).chain(path).collect(),
    };
    let found = places.into_iter().find(|folder| folder.join("llama-server").is_file());
    if found.is_none() {
        eprintln!("skipped: no llama.cpp programs (set ALLOYWORKS_LLAMA_CPP to their folder)");
    }
    found
}

/// The folder of lm-evaluation-harness's program: `ALLOYWORKS_LM_EVAL`, else the first folder of `PATH` that has it, else where
/// [`python_with`] finds its module. Says so when it is skipped.
pub fn lm_eval() -> Option<PathBuf> {
    let named = std::env::var_os("ALLOYWORKS_LM_EVAL").map(PathBuf::from);
    let path = std::env::var_os("PATH").map(|folders| std::env::split_paths(&folders).collect::<Vec<_>>()).unwrap_or_default();
    let has = |folder: &PathBuf| folder.join("lm_eval").is_file();
    let beside = || python_with("lm_eval").and_then(|python| python.parent().map(Path::to_owned)).filter(has);
    let found = named.filter(has).or_else(|| path.into_iter().find(has)).or_else(beside);
    if found.is_none() {
        eprintln!("skipped: no lm-evaluation-harness (set ALLOYWORKS_LM_EVAL to the folder of `lm_eval`)");
    }
    found
}

/// A server that deliveries are tried with: the program that a variable names, else that of `target/stores/bin`, where the test command
/// installs them, else the first on `PATH`. Says so when it is skipped.
pub fn server(variable: &str, name: &str) -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/stores/bin").join(name);
    let path = std::env::var_os("PATH").map(|folders| std::env::split_paths(&folders).collect::<Vec<_>>()).unwrap_or_default();
    let places = match std::env::var_os(variable) {
        Some(program) => vec![PathBuf::from(program)],
        None => std::iter::once(installed).chain(path.into_iter().map(|folder| folder.join(name))).collect(),
    };
    let found = places.into_iter().find(|program| program.is_file());
    if found.is_none() {
        eprintln!("skipped: no program `{name}` (`.ci/stores` installs it, or set {variable})");
    }
    found
}

/// A Python that has a module: `ALLOYWORKS_PYTHON`, else the environment that the test command makes (`target/test-python`), else
/// `python3`. Says so when it is skipped.
pub fn python_with(module: &str) -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-python/bin/python");
    let named = std::env::var_os("ALLOYWORKS_PYTHON").map(PathBuf::from);
    let found = named.into_iter().chain([made, "python3".into()]).find(|python| {
        let asked = std::process::Command::new(python).args(["-c", &format!("import {module}")]).output();
        asked.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        eprintln!("skipped: no Python with `{module}` (set ALLOYWORKS_PYTHON to one that has it)");
    }
    found
}
