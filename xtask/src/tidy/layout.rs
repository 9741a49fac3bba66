//! Names, documentation, lengths and test files.

use super::{Member, Repository};

/// Longest source or prose file, in lines.
const LINES_MAX: usize = 900;
/// What counts as written by hand. Generated and recorded files are exempt.
const WRITTEN: [&str; 9] = [".rs", ".py", ".md", ".sh", ".js", ".ts", ".html", ".css", ".toml"];

/// The folder's name is the package's.
pub fn one_name(repository: &Repository) -> Vec<String> {
    let wrong = |m: Member<'_>| {
        let package = m.manifest.lines().find_map(|l| l.strip_prefix("name = \"")?.strip_suffix('"'));
        (package != Some(m.name)).then(|| format!("{}/Cargo.toml: expected package name `{}`, got {package:?}", m.folder, m.name))
    };
    repository.members().filter_map(wrong).collect()
}

/// The root module starts with `//!`.
pub fn crate_docs(repository: &Repository) -> Vec<String> {
    let wrong = |m: Member<'_>| {
        let roots = ["lib", "main"].map(|r| format!("{}/src/{r}.rs", m.folder));
        let Some(path) = roots.iter().find(|p| repository.text(p).is_some()) else {
            return Some(format!("{}: expected `src/lib.rs` or `src/main.rs`, found neither", m.folder));
        };
        let documented = repository.text(path).is_some_and(|t| t.starts_with("//!"));
        (!documented).then(|| format!("{path}: expected the file to open with `//!` saying what the crate does"))
    };
    repository.members().filter_map(wrong).collect()
}

/// No written file passes [`LINES_MAX`]. The reference is made by the program, not written.
pub fn file_lengths(repository: &Repository) -> Vec<String> {
    let written = repository
        .texts()
        .filter(|(path, _)| WRITTEN.iter().any(|end| path.ends_with(end)) && !path.starts_with("docs/reference/"));
    let long = written.filter(|(_, text)| text.lines().count() > LINES_MAX);
    long.map(|(path, text)| format!("{path}: {} lines, at most {LINES_MAX}; split it by reason to change", text.lines().count()))
        .collect()
}

/// Each `tests/` folder is one binary, `it/main.rs`, that names every file beside it.
pub fn test_files(repository: &Repository) -> Vec<String> {
    repository.members().flat_map(|m| test_files_of(repository, m.folder)).collect()
}

fn test_files_of(repository: &Repository, folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/tests/");
    let files: Vec<&str> =
        repository.texts().filter_map(|(p, _)| p.strip_prefix(prefix.as_str())).filter(|p| p.ends_with(".rs")).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let Some(main) = repository.text(&format!("{prefix}it/main.rs")) else {
        return vec![format!("{prefix}: expected `it/main.rs`, found {}", files.join(", "))];
    };
    let wrong = |file: &&str| match file.strip_prefix("it/") {
        None => Some(format!("{prefix}{file}: expected it under `{prefix}it/`; a second binary links everything twice")),
        Some("main.rs") => None,
        Some(module) => {
            let name = module.trim_end_matches(".rs").trim_end_matches("/mod");
            let forgotten = !name.contains('/') && !main.lines().any(|l| l.trim() == format!("mod {name};"));
            forgotten.then(|| format!("{prefix}{file}: not run; expected `mod {name};` in `it/main.rs`"))
        }
    };
    files.iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_differs_from_its_folder_is_found() {
        let named = |name: &str| Repository::of(&[("crates/aw-x/Cargo.toml", &format!("[package]\nname = \"{name}\"\n"))]);
        assert!(one_name(&named("aw-x")).is_empty());
        assert_eq!(one_name(&named("aw-y")), ["crates/aw-x/Cargo.toml: expected package name `aw-x`, got Some(\"aw-y\")"]);
    }

    #[test]
    fn a_crate_without_documentation_is_found() {
        let crate_of = |text: &str| Repository::of(&[("crates/aw-x/Cargo.toml", ""), ("crates/aw-x/src/lib.rs", text)]);
        assert!(crate_docs(&crate_of("//! Does x.\n")).is_empty());
        assert_eq!(crate_docs(&crate_of("mod x;\n")).len(), 1);
        assert_eq!(crate_docs(&Repository::of(&[("domains/d/Cargo.toml", "")])).len(), 1);
    }

    #[test]
    fn a_long_file_is_found_unless_it_is_recorded() {
        let of = |path: &str, lines: usize| Repository::of(&[(path, &"x\n".repeat(lines))]);
        assert!(file_lengths(&of("a.rs", LINES_MAX)).is_empty());
        assert_eq!(file_lengths(&of("a.rs", LINES_MAX + 1)).len(), 1);
        assert!(file_lengths(&of("Cargo.lock", LINES_MAX + 1)).is_empty());
    }

    #[test]
    fn stray_and_forgotten_test_files_are_found() {
        let with = |file: &str, main: &str| {
            test_files(&Repository::of(&[("crates/a/Cargo.toml", ""), ("crates/a/tests/it/main.rs", main), (file, "")]))
        };
        assert!(with("crates/a/tests/it/x.rs", "mod x;\n").is_empty());
        assert!(with("crates/a/tests/it/x/mod.rs", "mod x;\n").is_empty());
        assert!(with("crates/a/tests/it/x.rs", "mod y;\n")[0].contains("not run"));
        assert!(with("crates/a/tests/x.rs", "mod x;\n")[0].contains("second binary"));
        let lone = Repository::of(&[("crates/a/Cargo.toml", ""), ("crates/a/tests/x.rs", "")]);
        assert!(test_files(&lone)[0].contains("expected `it/main.rs`"));
    }
}
