//! What speaks against publishing contracts: files that no compiler took.
//!
//! # Source
//! Codegen, section 10; the foundry and line, section 5, gate 7.

use std::collections::BTreeSet;

use aw_alloy::artifact::Artifact;
use aw_alloy::chain::{Chain, Link};
use aw_domain::{Objection, Tree};

use crate::emit::Target;
use crate::stages::GENERATED;

/// The targets whose files are shipped and were not compiled as they are now.
pub(crate) fn objections(artifact: &Artifact) -> Vec<Objection> {
    of_chain(artifact.chain())
}

fn of_chain(chain: &Chain) -> Vec<Objection> {
    // A target counts with the root its folder had when the compiler took it.
    let mut compiled = BTreeSet::new();
    let shipped = chain.replay(|link, before| {
        let passed = targets(before).filter(|target| link.stage_type == "smoke-compile" && passed(link, *target));
        compiled.extend(passed.map(|target| (target.name(), files(before, target).root())));
    });
    let shipped = match shipped {
        Ok(shipped) => shipped,
        Err(error) => return vec![Objection::deployment("files", format!("the chain does not say what is shipped: {error}"))],
    };
    let untried = targets(&shipped).filter(|target| !compiled.contains(&(target.name(), files(&shipped, *target).root())));
    untried.map(|target| of_target(chain, target)).collect()
}

/// The files of a target.
fn files(tree: &Tree, target: Target) -> Tree {
    tree.folder(&format!("{GENERATED}/{}", target.name()))
}

/// The targets a tree has files of.
fn targets(tree: &Tree) -> impl Iterator<Item = Target> + '_ {
    Target::ALL.into_iter().filter(|target| !files(tree, *target).entries().is_empty())
}

/// What a link recorded of a target.
fn state(link: &Link, target: Target) -> Option<&str> {
    link.measurements["targets"][target.name()]["state"].as_str()
}

fn passed(link: &Link, target: Target) -> bool {
    state(link, target) == Some("passed")
}

fn of_target(chain: &Chain, target: Target) -> Objection {
    let last = chain.links.iter().rev().find(|link| link.stage_type == "smoke-compile");
    let why = match last.and_then(|link| state(link, target)) {
        Some("skipped") => "there was no compiler to try it with; run the recipe where there is one, without `allowUnverified`",
        Some(_) => "its files are not those that were compiled; put `smoke-compile` after the last stage that writes them",
        None => "nobody compiled it; put a `smoke-compile` after `generate`",
    };
    Objection::deployment("target-compiles", format!("`{}`: {why}", target.name()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aw_alloy::chain::{CHAIN_FORMAT, ChainSource};
    use aw_alloy::digest::{Digest, LinkDigest};
    use aw_domain::{TreeEntry, TreePath};
    use serde_json::{Value, json};

    use super::*;

    const NOTHING: [&str; 0] = [];

    fn entry(path: &str, content: &str) -> TreeEntry {
        let digest = Digest::of(content.as_bytes());
        TreeEntry { path: TreePath::new(path).unwrap(), digest, bytes: content.len() as u64 }
    }

    fn link(stage: &str, measurements: Value, writes: &[(&str, &str)]) -> Link {
        let root = Tree::new(Vec::new()).unwrap().root();
        let writes: Vec<TreeEntry> = writes.iter().map(|(path, content)| entry(path, content)).collect();
        serde_json::from_value(json!({
            "index": 0, "previous": LinkDigest::of_source(root), "stageIndex": 0, "cycle": 1, "type": stage,
            "configuration": {}, "codeVersion": 1, "stageKey": Digest::of(b"key"), "input": root, "read": {},
            "replaces": [], "carries": [], "writes": writes, "output": root, "records": [], "measurements": measurements,
            "observations": {}, "signature": null,
        }))
        .unwrap()
    }

    fn generate(content: &str) -> Link {
        let files =
            [("generated/rust/src/lib.rs", content), ("generated/python/model.py", "p"), ("generated/symbols.json", "{}")];
        link("generate", json!({}), &files)
    }

    fn smoke(rust: Value) -> Link {
        let measured = json!({"targets": {"python": {"state": "passed", "tool": "python"}, "rust": rust}});
        link("smoke-compile", measured, &[("smoke/smoke.json", "{}")])
    }

    fn found(links: Vec<Link>) -> Vec<String> {
        let files = Tree::new(vec![entry("model.ttl", "")]).unwrap();
        let source = ChainSource { root: files.root(), placed_under: "ontology".into(), files };
        let objections = of_chain(&Chain { format: CHAIN_FORMAT.into(), source, links });
        assert!(objections.iter().all(|it| (it.gate, it.rule) == (Objection::DEPLOYMENT, "target-compiles")));
        objections.into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn each_target_must_have_been_compiled_as_it_is() {
        let passed = || json!({"state": "passed", "tool": "cargo check"});
        assert_eq!(found(vec![generate("a"), smoke(passed())]), NOTHING);
        for (rust, why) in [(json!({"state": "skipped"}), "no compiler"), (Value::Null, "nobody compiled it")] {
            let found = found(vec![generate("a"), smoke(rust)]);
            assert!(found.len() == 1 && found[0].starts_with("`rust`") && found[0].contains(why), "{found:?}");
        }
        assert_eq!(found(vec![generate("a")]).len(), 2, "nobody compiled anything");
        let again = found(vec![generate("a"), smoke(passed()), generate("b")]);
        assert!(again.len() == 1 && again[0].contains("not those that were compiled"), "{again:?}");
        assert_eq!(found(vec![generate("a"), smoke(passed()), generate("a")]), NOTHING, "the same bytes");
        assert_eq!(found(vec![]), NOTHING, "nothing generated is nothing to compile");
    }
}
