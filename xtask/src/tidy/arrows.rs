//! Which crate may depend on which.

use std::collections::BTreeSet;

use super::{Member, Repository};

/// The core, lowest layer first. A crate may name only crates of lower layers, and those of [`SIDEWAYS`].
const LAYERS: [&[&str]; 5] = [
    &["aw-alloy", "aw-disk", "aw-gguf", "aw-rdf", "aw-sandbox", "aw-shacl"],
    &["aw-domain", "aw-hub", "aw-remote", "aw-store"],
    &["aw-foundry", "aw-grid", "aw-line", "aw-ship"],
    &["aw-commands"],
    &["aw-cli", "aw-server"],
];
/// Arrows within a layer: the Hub's protocol is HTTP as the others are; the line runs the foundry; shipping reads what a line finished,
/// and has it verified.
const SIDEWAYS: [(&str, &str); 4] =
    [("aw-hub", "aw-remote"), ("aw-line", "aw-foundry"), ("aw-ship", "aw-foundry"), ("aw-ship", "aw-line")];
/// Names the built-in domains; the only core crate that may.
const COMPOSITION_ROOT: &str = "aw-commands";
/// Used by tests alone, so it may be named in `[dev-dependencies]` anywhere.
const TESTKIT: &str = "aw-testkit";
/// What a domain may name: the contract for domain authors, what that re-exports, durable changes of a disk, file formats, SHACL, the
/// place models are published, the registries and stores it reads sources from and publishes contracts to, and the place programs nobody
/// has read are run in.
const FOR_DOMAINS: [&str; 9] =
    ["aw-alloy", "aw-disk", "aw-domain", "aw-gguf", "aw-hub", "aw-rdf", "aw-remote", "aw-sandbox", "aw-shacl"];

/// One entry of a manifest's dependency tables.
#[derive(Debug, PartialEq)]
struct Dependency<'a> {
    name: &'a str,
    for_tests: bool,
}

/// Arrows point as ARCHITECTURE.md draws them.
pub fn one_way(repository: &Repository) -> Vec<String> {
    let domains = domain_names(repository);
    repository.members().flat_map(|m| wrong_arrows(&m, &domains)).collect()
}

fn wrong_arrows(member: &Member<'_>, domains: &BTreeSet<&str>) -> Vec<String> {
    if member.group == "crates" && layer(member.name).is_none() && member.name != TESTKIT {
        return vec![format!(
            "{}: not in the table of layers; add it to `xtask/src/tidy/arrows.rs` with its reason",
            member.folder
        )];
    }
    let ours = |d: &Dependency<'_>| d.name.starts_with("aw-") || domains.contains(d.name);
    let wrong = dependencies(member.manifest).into_iter().filter(ours).filter(|d| !allowed(member, d, domains));
    wrong.map(|d| format!("{}/Cargo.toml: `{}` may not depend on `{}`", member.folder, member.name, d.name)).collect()
}

fn allowed(member: &Member<'_>, dependency: &Dependency<'_>, domains: &BTreeSet<&str>) -> bool {
    if dependency.name == TESTKIT {
        return dependency.for_tests;
    }
    if domains.contains(dependency.name) {
        return member.name == COMPOSITION_ROOT;
    }
    if member.group == "domains" {
        return FOR_DOMAINS.contains(&dependency.name);
    }
    if member.name == TESTKIT || SIDEWAYS.contains(&(member.name, dependency.name)) {
        return true;
    }
    layer(dependency.name) < layer(member.name) && layer(dependency.name).is_some()
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn domain_names(repository: &Repository) -> BTreeSet<&str> {
    repository.members().filter(|m| m.group == "domains").map(|m| m.name).collect()
}

/// The names in every dependency table. Manifests here keep one dependency per line, which is all this reads.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut table = None;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let kind = header.rsplit('.').next().unwrap_or(header);
            table = kind.ends_with("dependencies").then_some(kind == "dev-dependencies");
        } else if let Some(for_tests) = table
            && let Some(name) = line.split(['.', '=', ' ']).next().filter(|n| !n.is_empty() && !n.starts_with('#'))
        {
            found.push(Dependency { name, for_tests });
        }
    }
    found
}

/// No source of a core crate names a domain crate's items.
pub fn core_knows_no_domain(repository: &Repository) -> Vec<String> {
    let domains = domain_names(repository);
    let core = repository.texts().filter(|(path, _)| {
        path.ends_with(".rs") && path.strip_prefix("crates/").is_some_and(|p| !p.starts_with(&format!("{COMPOSITION_ROOT}/")))
    });
    core.flat_map(|(path, text)| domains.iter().flat_map(move |domain| named_at(path, text, domain))).collect()
}

fn named_at(path: &str, text: &str, domain: &str) -> Vec<String> {
    let import = domain.replace('-', "_");
    // `qrcodegen` is another crate's: a name begins and ends where no letter stands.
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let (called, used) = (format!("{import}::"), format!("use {import}"));
    let names = |line: &str| {
        let calls = line.match_indices(&called).any(|(at, _)| !line[..at].ends_with(letter));
        calls || line.trim_start().strip_prefix(&used).is_some_and(|rest| !rest.starts_with(letter))
    };
    let found = text.lines().enumerate().filter(|(_, line)| names(line));
    found.map(|(at, _)| format!("{path}:{}: the core names the domain crate `{domain}`", at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: &str, table: &str, to: &str) -> Vec<String> {
        let manifest = format!("[package]\n\n[{table}]\nserde.workspace = true\n{to}.workspace = true\n");
        one_way(&Repository::of(&[(&format!("{from}/Cargo.toml"), &manifest), ("domains/llm-forge/Cargo.toml", "")]))
    }

    #[test]
    fn arrows_down_are_allowed_and_up_or_sideways_are_found() {
        for (from, to) in [("crates/aw-cli", "aw-commands"), ("crates/aw-foundry", "aw-alloy"), ("crates/aw-line", "aw-foundry")]
        {
            assert_eq!(arrow(from, "dependencies", to), Vec::<String>::new());
        }
        for (from, to) in [
            ("crates/aw-alloy", "aw-domain"),
            ("crates/aw-store", "aw-domain"),
            ("crates/aw-foundry", "aw-line"),
            ("crates/aw-foundry", "aw-unheard-of"),
            ("domains/llm-forge", "aw-store"),
        ] {
            assert_eq!(arrow(from, "dependencies", to).len(), 1, "{from} -> {to}");
            assert_eq!(arrow(from, "target.'cfg(unix)'.dependencies", to).len(), 1, "{from} -> {to} in a target table");
        }
    }

    #[test]
    fn only_the_composition_root_names_a_domain() {
        assert!(arrow("crates/aw-commands", "dependencies", "llm-forge").is_empty());
        assert_eq!(arrow("crates/aw-cli", "dependencies", "llm-forge").len(), 1);
        assert_eq!(arrow("crates/aw-foundry", "dev-dependencies", "llm-forge").len(), 1);
        assert_eq!(arrow("crates/aw-testkit", "dependencies", "llm-forge").len(), 1);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        assert!(arrow("crates/aw-store", "dev-dependencies", "aw-testkit").is_empty());
        assert_eq!(arrow("crates/aw-store", "dependencies", "aw-testkit").len(), 1);
    }

    #[test]
    fn a_crate_outside_the_table_is_found() {
        assert!(arrow("crates/aw-new", "dependencies", "aw-alloy")[0].contains("not in the table"));
    }

    #[test]
    fn a_use_of_a_domain_in_core_source_is_found_with_its_line() {
        let core =
            |path: &str, text: &str| core_knows_no_domain(&Repository::of(&[("domains/llm-forge/Cargo.toml", ""), (path, text)]));
        assert_eq!(
            core("crates/aw-foundry/src/lib.rs", "//! x\nuse llm_forge::families;\n"),
            ["crates/aw-foundry/src/lib.rs:2: the core names the domain crate `llm-forge`"]
        );
        assert!(core("crates/aw-commands/src/lib.rs", "use llm_forge::families;\n").is_empty());
        assert!(
            core("crates/aw-foundry/src/lib.rs", "use myllm_forge::x;\nlet y = myllm_forge::x();\n").is_empty(),
            "another crate"
        );
        assert!(
            core("crates/aw-alloy/src/lib.rs", "let domain = \"llm-forge\";\n").is_empty(),
            "a recipe may name a domain by its id"
        );
    }
}
