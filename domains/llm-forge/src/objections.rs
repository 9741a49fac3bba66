//! What speaks against publishing a model: files that nobody saw work.
//!
//! # Source
//! The foundry and line, section 5, gate 7.

use std::collections::BTreeSet;

use aw_alloy::artifact::Artifact;
use aw_alloy::chain::{Chain, Link};
use aw_alloy::digest::Digest;
use aw_alloy::document::hashes::{is_gguf_file, is_weight_file};
use aw_domain::{Objection, Tree, TreeEntry};
use serde_json::Value;

use crate::stages::{IMPORTANCE, comparison};

/// What the chain does not show to work. Each GGUF file must have been tried when `quant` made it, and each safetensors file must have been
/// computed with as it is now.
pub(crate) fn objections(artifact: &Artifact) -> Vec<Objection> {
    of_chain(artifact.chain())
}

fn of_chain(chain: &Chain) -> Vec<Objection> {
    let mut used = BTreeSet::new();
    let shipped = chain.replay(|link, before| used.extend(computed_with(link, before)));
    let shipped = match shipped {
        Ok(shipped) => shipped,
        Err(error) => return vec![Objection::deployment("files", format!("the chain does not say what is shipped: {error}"))],
    };
    let tiers = shipped.entries().iter().filter(|entry| is_tier(entry)).filter_map(|entry| of_tier(chain, entry));
    let unused = shipped.entries().iter().filter(|entry| is_weight_file(entry.path.as_str()) && !used.contains(&entry.digest));
    tiers.chain(unused.map(of_weights)).collect()
}

/// Whether a file is a model in GGUF: importance matrices lie in files of that kind too.
fn is_tier(entry: &TreeEntry) -> bool {
    let path = entry.path.as_str();
    is_gguf_file(path) && !path.strip_prefix(IMPORTANCE).is_some_and(|rest| rest.starts_with('/'))
}

/// The weights that a link computed with.
fn computed_with(link: &Link, before: &Tree) -> Vec<Digest> {
    let computes = match link.stage_type.as_str() {
        "expert-activation-profile" | comparison::TYPE => true,
        "eval" => link.configuration["runtime"].as_str().is_none_or(|runtime| runtime == "safetensors"),
        _ => false,
    };
    let weights = before.entries().iter().filter(|entry| computes && is_weight_file(entry.path.as_str()));
    weights.map(|entry| entry.digest).collect()
}

/// What speaks against a GGUF file, if anything.
fn of_tier(chain: &Chain, entry: &TreeEntry) -> Option<Objection> {
    let path = &entry.path;
    let (rule, why) = match record(chain, &entry.digest) {
        None => ("tier-tried", "no `quant` of this artifact made it, so nobody saw it load; ship the files that `quant` writes"),
        Some(tier) => match (&tier["smoke"]["runtime"], tier["smoke"]["template"].as_str()) {
            (Value::String(_), Some("answered" | "none")) => return None,
            (Value::String(_), Some("not tried")) => (
                "template-answers",
                "its chat template was not tried: the llama.cpp inside the program that made it applies none; run the recipe again \
                 with llama.cpp's own programs, in `ALLOYWORKS_LLAMA_CPP`",
            ),
            _ => (
                "tier-tried",
                "its record does not say that it loaded, generated and answered through its template; run the recipe again with a \
                 program that tries that",
            ),
        },
    };
    Some(Objection::deployment(rule, format!("`{path}`: {why}")))
}

/// What `quant` recorded of the file with this content.
fn record<'c>(chain: &'c Chain, digest: &Digest) -> Option<&'c Value> {
    let digest = digest.to_string();
    let made = chain.links.iter().rev().filter(|link| link.stage_type == "quant");
    let tiers = made.filter_map(|link| link.measurements["tiers"].as_object());
    tiers.flat_map(serde_json::Map::values).find(|tier| tier["sha256"].as_str() == Some(digest.as_str()))
}

fn of_weights(entry: &TreeEntry) -> Objection {
    let why = "nothing of this artifact computed with these weights after they were written, so nobody saw them work; an `eval` on \
               `safetensors` after the last stage that changes them is right";
    Objection::deployment("weights-used", format!("`{}`: {why}", entry.path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aw_alloy::chain::{CHAIN_FORMAT, ChainSource};
    use aw_alloy::digest::LinkDigest;
    use aw_domain::TreePath;
    use serde_json::json;

    use super::*;

    const NOTHING: [&str; 0] = [];

    fn entry(path: &str, content: &str) -> TreeEntry {
        let digest = Digest::of(content.as_bytes());
        TreeEntry { path: TreePath::new(path).unwrap(), digest, bytes: content.len() as u64 }
    }

    fn link(stage: &str, configuration: Value, measurements: Value, writes: &[(&str, &str)]) -> Link {
        let root = Tree::new(Vec::new()).unwrap().root();
        let writes: Vec<TreeEntry> = writes.iter().map(|(path, content)| entry(path, content)).collect();
        serde_json::from_value(json!({
            "index": 0, "previous": LinkDigest::of_source(root), "stageIndex": 0, "cycle": 1, "type": stage,
            "configuration": configuration, "codeVersion": 1, "stageKey": Digest::of(b"key"), "input": root, "read": {},
            "replaces": [], "carries": [], "writes": writes, "output": root, "records": [], "measurements": measurements,
            "observations": {}, "signature": null,
        }))
        .unwrap()
    }

    /// Rule and file of what speaks against a model folder with these links.
    fn found(links: Vec<Link>) -> Vec<String> {
        let files = Tree::new(vec![entry("config.json", "{}"), entry("model.safetensors", "first")]).unwrap();
        let source = ChainSource { root: files.root(), placed_under: "model".into(), files };
        let objections = of_chain(&Chain { format: CHAIN_FORMAT.into(), source, links });
        assert!(objections.iter().all(|objection| objection.gate == Objection::DEPLOYMENT));
        let told = objections.iter().map(|it| format!("{} {}", it.rule, it.message.split(':').next().unwrap()));
        told.collect()
    }

    const EVAL: &str = "eval";

    fn eval(runtime: &str) -> Link {
        link(EVAL, json!({"runtime": runtime}), json!({}), &[])
    }

    #[test]
    fn weights_must_have_been_computed_with_as_they_are() {
        let weights = ["weights-used `model/model.safetensors`"];
        let prune = || link("expert-prune", json!({}), json!({}), &[("model/model.safetensors", "second")]);
        let profile = || link("expert-activation-profile", json!({}), json!({}), &[]);
        assert_eq!(found(vec![prune()]), weights);
        // What measured the weights before they were changed says nothing of them now.
        assert_eq!(found(vec![profile(), eval("safetensors"), prune()]), weights);
        assert_eq!(found(vec![prune(), eval("gguf")]), weights, "llama.cpp computes with other files");
        for computes in [link(EVAL, json!({}), json!({}), &[]), eval("safetensors"), profile()] {
            assert_eq!(found(vec![prune(), computes]), NOTHING);
        }
        let mut package = link("package", json!({}), json!({}), &[]);
        package.replaces = vec!["model".into()];
        package.carries =
            serde_json::from_value(json!([{"from": "model/model.safetensors", "path": "model.safetensors"}])).unwrap();
        assert_eq!(found(vec![prune(), package.clone()]), ["weights-used `model.safetensors`"]);
        assert_eq!(found(vec![prune(), eval("safetensors"), package]), NOTHING, "the same bytes in another place");
    }

    #[test]
    fn tiers_must_have_been_tried_with_exactly_these_bytes() {
        let smoke = |template: &str| json!({"runtime": "llama.cpp", "probeTokens": 9, "template": template});
        let quant = |content: &str, smoke: Value| {
            let tier = json!({"file": "gguf/m.gguf", "sha256": Digest::of(content.as_bytes()), "smoke": smoke});
            link("quant", json!({}), json!({"tiers": {"Q8_0": tier}}), &[("gguf/m.gguf", "tier")])
        };
        let of = |quant: Link| found(vec![eval("safetensors"), quant]);
        assert_eq!(of(quant("tier", smoke("answered"))), NOTHING);
        assert_eq!(of(quant("tier", smoke("none"))), NOTHING);
        assert_eq!(of(quant("tier", smoke("not tried"))), ["template-answers `gguf/m.gguf`"]);
        for nothing in [Value::Null, json!({}), json!({"runtime": "llama.cpp"}), smoke("perhaps"), json!({"template": "none"})] {
            assert_eq!(of(quant("tier", nothing)), ["tier-tried `gguf/m.gguf`"]);
        }
        assert_eq!(of(quant("another", smoke("answered"))), ["tier-tried `gguf/m.gguf`"]);
        let foreign = |path: &str| link("package", json!({}), json!({}), &[(path, "x")]);
        assert_eq!(found(vec![eval("safetensors"), foreign("b.gguf")]), ["tier-tried `b.gguf`"]);
        // Matrices of importance are no models.
        assert_eq!(found(vec![eval("safetensors"), foreign("importance/code/imatrix.gguf")]), NOTHING);
    }
}
