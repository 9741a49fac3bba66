//! What must not be written down (machine paths, other registries), and what is pinned.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::Repository;

/// Folders that exist on somebody's machine. Spelled in halves, so that this file passes its own rule.
const MACHINE_FOLDERS: [&str; 5] =
    [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/"), concat!("C:\\", "Users")];
/// Configuration that would move package downloads elsewhere.
const REGISTRY_SETTINGS: [&str; 4] =
    [concat!("replace", "-with"), concat!("index", "-url"), concat!("[reg", "istries"), concat!("[source", ".")];
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";
/// `sha256sum` lists of files that are generated once and then kept.
const PIN_LISTS: [&str; 1] = ["recipes/tiny-moe/MODEL.sha256"];

/// No tracked file holds an absolute path of a machine.
pub fn machine_paths(repository: &Repository) -> Vec<String> {
    lines_with(repository, |_, line| {
        MACHINE_FOLDERS.iter().find(|f| starts_a_path(line, f)).map(|f| format!("machine path `{f}`"))
    })
}

/// True when `folder` stands in `line` where a path begins, not inside a longer one or a URL.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~/}>".contains(c)))
}

/// Lock files name the public registries, and no tracked file redirects them.
pub fn registries(repository: &Repository) -> Vec<String> {
    lines_with(repository, |path, line| {
        if let Some(setting) = REGISTRY_SETTINGS.iter().find(|s| line.contains(*s)) {
            return Some(format!("registry setting `{setting}`"));
        }
        let (key, expected) = match path.rsplit('/').next() {
            Some("Cargo.lock") => ("source = \"", CRATES_IO),
            Some("package-lock.json") => ("\"resolved\": \"", NPM),
            _ => return None,
        };
        let source = line.trim().strip_prefix(key)?;
        (!source.starts_with(expected))
            .then(|| format!("expected a package from `{expected}`, got `{}`", source.trim_end_matches(['"', ','])))
    })
}

fn lines_with(repository: &Repository, wrong: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.texts() {
        for (at, line) in text.lines().enumerate() {
            found.extend(wrong(path, line).map(|what| format!("{path}:{}: {what}", at + 1)));
        }
    }
    found
}

/// Every file of the pin lists under `root` exists and has its hash.
pub fn pins(root: &Path) -> Vec<String> {
    PIN_LISTS.iter().flat_map(|list| wrong_pins(root, list)).collect()
}

fn wrong_pins(root: &Path, list: &str) -> Vec<String> {
    let folder = root.join(list).parent().map(Path::to_path_buf).unwrap_or_default();
    let Ok(text) = std::fs::read_to_string(root.join(list)) else {
        return vec![format!("{list}: expected a readable list of `sha256  path` lines")];
    };
    let wrong = |line: &str| {
        let Some((hash, file)) = line.split_once("  ") else {
            return Some(format!("{list}: expected `sha256  path`, got `{line}`"));
        };
        let found = std::fs::read(folder.join(file)).map(|bytes| hex(&Sha256::digest(bytes)));
        match found {
            Ok(found) if found == hash => None,
            Ok(found) => Some(format!("{list}: `{file}` is pinned to {hash}, its bytes hash to {found}")),
            Err(e) => Some(format!("{list}: cannot read `{file}`: {e}")),
        }
    };
    text.lines().filter_map(wrong).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_is_found_with_its_line() {
        let of = |line: &str| machine_paths(&Repository::of(&[("a.md", &format!("first\n{line}\n"))]));
        assert_eq!(of(concat!("see /ro", "ot/notes")), [format!("a.md:2: machine path `{}`", MACHINE_FOLDERS[0])]);
        assert_eq!(of(concat!("`/ho", "me/someone`")).len(), 1);
        assert!(of(concat!("https://example.org/ho", "me/x")).is_empty());
        assert!(of(concat!("crates/ho", "me/x and <home>/ro", "ot/x")).is_empty());
    }

    #[test]
    fn another_registry_is_found() {
        let of = |path: &str, line: &str| registries(&Repository::of(&[(path, line)]));
        assert!(of("Cargo.lock", &format!("source = \"{CRATES_IO}\"")).is_empty());
        assert_eq!(of("Cargo.lock", "source = \"registry+https://mirror.example/index\"").len(), 1);
        assert_eq!(of("sdk/package-lock.json", "  \"resolved\": \"https://mirror.example/x.tgz\",").len(), 1);
        assert_eq!(of(".cargo/config.toml", concat!("replace", "-with = \"mirror\"")).len(), 1);
    }

    #[test]
    fn a_changed_or_missing_pinned_file_is_found() {
        let root = std::env::temp_dir().join(format!("alloyworks-pins-{}", std::process::id()));
        std::fs::create_dir_all(root.join("m")).unwrap();
        std::fs::write(root.join("m/a"), "abc").unwrap();
        let pin = |line: &str| {
            std::fs::write(root.join("m/LIST"), line).unwrap();
            wrong_pins(&root, "m/LIST")
        };
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(pin(&format!("{abc}  a\n")).is_empty());
        assert!(pin(&format!("{}  a\n", "0".repeat(64)))[0].contains("its bytes hash to"));
        assert!(pin(&format!("{abc}  b\n"))[0].contains("cannot read `b`"));
        assert!(pin("nonsense\n")[0].contains("expected `sha256  path`"));
        assert!(wrong_pins(&root, "m/NONE")[0].contains("readable list"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
