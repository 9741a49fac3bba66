//! Cards by the Hub's conventions: held against a schema, and read by the Hub's own library where there is one.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::process::Command;

use aw_alloy::chain::{CHAIN_FORMAT, Chain, ChainSource, Link};
use aw_alloy::digest::{Digest, LinkDigest};
use aw_alloy::text::{Limits, Node, Schema, yaml};
use aw_alloy::tree::Tree;
use serde_json::{Value, json};

use super::Card;

fn link(stage: &str, measurements: Value, carries: &[(&str, &str)]) -> Link {
    let tree = Tree::new(Vec::new()).unwrap().root();
    let carry = |(from, path): &(&str, &str)| json!({"from": from, "path": path});
    let carries: Vec<Value> = carries.iter().map(carry).collect();
    serde_json::from_value(json!({
        "index": 0, "previous": LinkDigest::of_source(tree), "stageIndex": 0, "cycle": 1, "type": stage, "configuration": {},
        "codeVersion": 1, "stageKey": Digest::of(b"key"), "input": tree, "read": {}, "replaces": [], "carries": carries, "writes": [],
        "output": tree, "records": [], "measurements": measurements, "observations": {}, "signature": null,
    }))
    .unwrap()
}

fn prune() -> Link {
    let figures = json!({"prunePct": 37.5, "strategy": "calibration-aware-activation-count", "calibrationCorpus": "code",
        "keepExpertsPerLayer": 80, "originalExpertsPerLayer": 128, "parametersBefore": 30_532_122_624u64,
        "parametersAfter": 19_660_000_000u64, "activeParameters": 3_300_000_000u64, "bytesBefore": 61_064_245_248u64,
        "bytesAfter": 39_320_000_000u64});
    link("expert-prune", figures, &[])
}

fn quant() -> Link {
    let tier = |quant: &str, bytes: u64| json!({"file": format!("gguf/Coder-64x1B-{quant}.gguf"), "bytes": bytes, "sha256": "ab".repeat(32), "fitsVramGb": 16});
    link("quant", json!({"tiers": {"Q8_0": tier("Q8_0", 20_913_946_208), "Q4_K_M": tier("Q4_K_M", 11_955_377_760)}}), &[])
}

fn package() -> Link {
    let gguf = |quant: &str| (format!("gguf/Coder-64x1B-{quant}.gguf"), format!("Coder-64x1B-{quant}.gguf"));
    let moved = [gguf("Q4_K_M"), gguf("Q8_0")];
    let mut carries: Vec<(&str, &str)> = moved.iter().map(|(from, path)| (from.as_str(), path.as_str())).collect();
    carries.push(("model/config.json", "config.json"));
    link("package", json!({}), &carries)
}

fn document() -> Value {
    json!({
        "name": "coder-80", "version": "1.0.0", "author": "someone", "license": "apache-2.0", "tags": ["code"], "domains": ["llm-forge"],
        "source": {"baseModel": "Qwen/Qwen3-Coder-30B-A3B-Instruct", "architecture": "qwen3_moe", "revision": "0".repeat(40)},
        "stages": [{"type": "expert-prune", "notes": "why"}],
        "results": {"benchmarks": [
            {"name": "humaneval", "metric": "pass@1", "higherIsBetter": true, "metrics": {"base": 0.921, "forged": 0.884, "random": 0.1},
             "delta": -0.037, "ci95": [-0.07, -0.004], "n": 164, "resultHash": "sha256:aa"},
            {"name": "perplexity", "subset": "code", "metric": "perplexity", "higherIsBetter": false, "base": 1.5, "forged": 1.6,
             "delta": 0.0645, "deltaUnit": "log-perplexity", "ci95": [0.05, 0.08]},
        ]},
        "integrity": {"trustLevel": "self-attested"},
    })
}

fn render(document: &Value, links: Vec<Link>) -> String {
    let files = Tree::new(Vec::new()).unwrap();
    let source = ChainSource { root: files.root(), placed_under: "model".into(), files };
    let chain = Chain { format: CHAIN_FORMAT.into(), source, links };
    let node = Node::from_serde(document);
    Card { node: &node, chain: &chain, id: "0-1-2".into(), document: document.clone() }.render()
}

/// The front matter, held against the schema.
fn front_matter(card: &str) -> Value {
    let yaml_text = card.strip_prefix("---\n").unwrap().split_once("---\n").unwrap().0;
    let node = yaml::parse(yaml_text, &Limits::DOCUMENT).unwrap_or_else(|error| panic!("{error}\n{yaml_text}"));
    let schema: Value = serde_json::from_str(include_str!("../../tests/card.schema.json")).unwrap();
    let problems = Schema::compile(&schema).unwrap().check(&node, "");
    assert!(problems.is_empty(), "{problems:?}\n{yaml_text}");
    node.to_serde()
}

#[test]
fn the_front_matter_says_what_the_hub_asks_for() {
    let card = render(&document(), vec![prune(), quant(), package()]);
    let matter = front_matter(&card);
    assert_eq!(matter["base_model"], "Qwen/Qwen3-Coder-30B-A3B-Instruct");
    assert_eq!(matter["base_model_relation"], "finetune", "weights were removed: not the same model in fewer bits");
    assert_eq!((&matter["license"], &matter["library_name"]), (&json!("apache-2.0"), &json!("transformers")));
    assert_eq!(matter["quantized_by"], "someone");
    assert_eq!(matter["tags"], json!(["alloyworks", "code", "expert-pruning", "gguf", "llama.cpp", "moe", "qwen3_moe"]));
    let results = &matter["model-index"][0]["results"];
    assert_eq!(results[0]["dataset"]["type"], "openai/openai_humaneval");
    assert_eq!(results[0]["metrics"][0]["value"], 0.884);
    let name = results[0]["metrics"][0]["name"].as_str().unwrap();
    assert_eq!(name, "pass@1 (unmodified base 0.9210, difference -0.0370 [-0.0700, -0.0040])");
    assert_eq!(results[1]["dataset"], json!({"type": "custom", "name": "perplexity, code", "config": "code"}));
}

#[test]
fn a_quantised_base_is_called_so_and_a_folder_links_to_nobody() {
    let quantised = front_matter(&render(&document(), vec![quant()]));
    assert_eq!((&quantised["base_model_relation"], &quantised["library_name"]), (&json!("quantized"), &json!("gguf")));
    let mut local = document();
    local["source"] = json!({"baseModel": "models/mine", "architecture": "olmoe"});
    local["results"] = json!({});
    let matter = front_matter(&render(&local, vec![prune()]));
    for absent in ["base_model", "base_model_relation", "quantized_by", "model-index"] {
        assert!(matter.get(absent).is_none(), "{absent}: {matter}");
    }
}

#[test]
fn another_licence_is_named() {
    let mut document = document();
    document["license"] = json!("Our Own Terms 2.0");
    let matter = front_matter(&render(&document, vec![prune()]));
    assert_eq!((&matter["license"], &matter["license_name"]), (&json!("other"), &json!("Our Own Terms 2.0")));
}

#[test]
fn the_body_compares_and_says_how_to_run_the_files_there_are() {
    let card = render(&document(), vec![prune(), quant(), package()]);
    for line in [
        "| humaneval | 0.9210 | 0.8840 | 0.1000 | -0.0370 [-0.0700, -0.0040] | 164 | per-example results hashed |",
        "| perplexity, code | 1.5000 | 1.6000 | +0.0645 [+0.0500, +0.0800] in log-perplexity | self-reported |",
        "| Coder-64x1B-Q4_K_M.gguf | Q4_K_M | 11 955 377 760 | 16 GB | `abababab",
        "llama-server -m Coder-64x1B-Q4_K_M.gguf",
        "lms import Coder-64x1B-Q4_K_M.gguf",
        "printf 'FROM %s\\n' ./Coder-64x1B-Q4_K_M.gguf > Modelfile",
        "ollama run coder-80",
        "## Limitations",
    ] {
        assert!(card.contains(line), "{line}\n{card}");
    }
    assert!(!render(&document(), vec![prune()]).contains("llama-server"), "no files, no commands");
}

const HOSTILE: &[&str] = &[
    "a: b",
    "- x",
    "---",
    "...",
    "\"",
    "'",
    "\\",
    "#",
    "&a",
    "*a",
    "!!python/object:x",
    "%TAG",
    "@",
    "`",
    "| x",
    "> y",
    "? z",
    "{a: b}",
    "[1]",
    "yes",
    "null",
    "1e3",
    "0x10",
    "12:30",
    "\u{7f}",
    "\u{85}",
    "\u{2028}x",
    "\u{feff}y",
    "\u{0}",
    "a\nb: c\n---\n",
    "\t",
    "\u{1f600}",
    "<script>alert(1)</script>",
    "$(rm -rf /)",
    "🦀\u{ffff}",
];

#[test]
fn nothing_a_recipe_says_breaks_out_of_its_value() {
    for text in HOSTILE {
        let mut document = document();
        for place in ["/license", "/author"] {
            *document.pointer_mut(place).unwrap() = json!(text);
        }
        document["tags"] = json!([text]);
        document["results"]["benchmarks"][0]["metric"] = json!(text);
        document["results"]["benchmarks"][0]["subset"] = json!(text);
        let matter = front_matter(&render(&document, vec![prune(), quant()]));
        assert!(matter["tags"].as_array().unwrap().contains(&json!(text)), "{text:?}: {matter}");
        assert_eq!(matter["quantized_by"], *text);
        assert_eq!(matter["model-index"][0]["results"][0]["metrics"][0]["type"], *text);
    }
}

/// The Hub's own library reads the cards: ours, and those with hostile texts.
#[test]
fn the_hubs_library_reads_the_card() {
    let Some(python) = aw_testkit::python_with("huggingface_hub") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for (index, text) in ["code"].iter().chain(HOSTILE).enumerate() {
        let mut document = document();
        document["tags"] = json!([text]);
        document["author"] = json!(text);
        std::fs::write(folder.path().join(format!("{index}.md")), render(&document, vec![prune(), quant(), package()])).unwrap();
        expected.push(text);
    }
    std::fs::write(folder.path().join("expected.json"), serde_json::to_string(&expected).unwrap()).unwrap();
    let script = "
import json, sys
from pathlib import Path
from huggingface_hub import ModelCard
for index, text in enumerate(json.loads(Path('expected.json').read_text(encoding='utf-8'))):
    card = ModelCard(Path(f'{index}.md').read_text(encoding='utf-8'))
    data = card.data
    assert text in data.tags, (text, data.tags)
    assert data.to_dict()['quantized_by'] == text, text
    assert data.base_model == 'Qwen/Qwen3-Coder-30B-A3B-Instruct' and data.license == 'apache-2.0' and data.library_name == 'transformers'
    results = data.eval_results
    assert data.model_name == 'coder-80' and len(results) == 2, results
    assert (results[0].task_type, results[0].dataset_type) == ('text-generation', 'openai/openai_humaneval')
    assert (results[0].metric_type, results[0].metric_value, results[0].verified) == ('pass@1', 0.884, False)
    assert (results[1].metric_value, results[1].dataset_config) == (1.6, 'code')
";
    let output = Command::new(&python).args(["-c", script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
