//! The documents published so far, byte for byte: read, written back, their hashes recomputed, what is wrong and what is odd in them.
//! The hashes in the table are those of the page that came with the files. The findings in it were compared with the files once, and
//! are pinned.

use std::collections::BTreeMap;

use aw_alloy::digest::Digest;
use aw_alloy::document::hashes::{AlloyHashKind, HashText, classify, model_hash_of, receipt_hash, which_alloy_hash};
use aw_alloy::document::{Document, delta, headline_score, peculiarities, validate};
use aw_alloy::recipe::{StageSchema, Vocabulary};
use aw_alloy::text::{Node, Problem, json as text};
use aw_testkit::{files, shared};
use serde_json::{Value, json};

/// Knows every stage type of the published documents and nothing of their members.
struct Published;

impl Vocabulary for Published {
    fn domains(&self) -> Vec<String> {
        vec!["models".into()]
    }
    fn default_domains(&self) -> Vec<String> {
        self.domains()
    }
    fn stage_names(&self, _: &[String]) -> Vec<String> {
        let names = "source-config context-extend modality prune train lora compact expert-activation-profile expert-prune quant eval publish deliver deploy";
        names.split(' ').map(str::to_owned).collect()
    }
    fn stage_schema(&self, domains: &[String], name: &str) -> StageSchema {
        let known = self.stage_names(domains).iter().any(|known| known == name);
        if known { StageSchema::Found(json!({"type": "object"})) } else { StageSchema::Unknown }
    }
    fn root_members(&self, _: &[String]) -> Vec<(String, Value)> {
        Vec::new()
    }
    fn type_byte(&self, _: &str) -> Option<u8> {
        Some(1)
    }
}

/// File, first 16 digits of its hash, whether a machine wrote it, what is wrong in it, and how often what is odd in it.
type Row = (&'static str, &'static str, bool, &'static [(&'static str, &'static str)], &'static [(&'static str, usize)]);

const INVENTED: &[(&str, &str)] = &[
    ("malformed-hash", "results.benchmarks[0].resultHash"),
    ("malformed-hash", "results.integrity.modelHash"),
    ("malformed-hash", "results.integrity.datasets[1].hash"),
    ("malformed-hash", "results.integrity.certifications[0].adapterHash"),
    ("malformed-hash", "results.integrity.certifications[1].adapterHash"),
];
const QUEUED: &[(&str, usize)] = &[("deliver-without-org", 1), ("name-alias", 1)];
const LONG_4B: &[(&str, usize)] =
    &[("claimed-verified", 1), ("empty-receipt", 1), ("name-alias", 1), ("null-member", 5), ("time-spelling", 2)];
const OLMOE: &[(&str, usize)] = &[
    ("active-params-differ", 1),
    ("corpus-without-hash", 2),
    ("counts-tensors", 2),
    ("metric-version", 1),
    ("older-schema", 5),
    ("verified-absent", 1),
];
const CODER_30B: &[(&str, usize)] = &[
    ("corpus-without-hash", 1),
    ("counts-tensors", 2),
    ("metric-version", 1),
    ("older-schema", 5),
    ("prose-differs", 2),
    ("stale-anchor", 1),
    ("tolerance-in-words", 1),
    ("verified-absent", 1),
];

const ROWS: &[Row] = &[
    ("examples/queue/01-qwen3.5-9b-code-128k", "", false, &[], QUEUED),
    ("examples/queue/02-qwen3.5-9b-code-128k-pruned", "", false, &[], QUEUED),
    ("examples/queue/03-qwen3.5-0.8b-code-128k", "", false, &[], QUEUED),
    ("examples/queue/04-qwen3.5-2b-code-128k", "", false, &[], QUEUED),
    ("examples/queue/05-qwen3-vl-4b-code-ui", "", false, &[], &[("deliver-without-org", 1), ("stray-member", 1)]),
    ("examples/qwen3.5-27b-code-128k-forged", "", false, &[], &[("name-alias", 1)]),
    ("examples/qwen3.5-27b-code-full", "", false, &[], &[]),
    ("examples/qwen3.5-4b-code-128k-forged", "199bee5cf4e33b5d", true, &[], LONG_4B),
    ("examples/qwen3.5-4b-code-128k-pruned", "", false, &[], QUEUED),
    ("examples/qwen3.5-4b-code-balanced", "", false, &[], &[]),
    ("examples/qwen3.5-4b-code-balanced-executed", "", false, INVENTED, &[("claimed-verified", 4), ("stale-alloy-hash", 1)]),
    ("examples/qwen3.5-4b-multimodal-code", "", false, &[], &[]),
    ("olmoe-1b-7b-compacted-5b", "6d679da673f5fd3e", true, &[], OLMOE),
    (
        "qwen2.5-0.5b-general-forged",
        "a3750da128ba76f0",
        true,
        &[],
        &[("name-alias", 1), ("older-schema", 1), ("placeholder-hash", 2), ("version-not-exact", 1)],
    ),
    ("qwen3-coder-30b-a3b-compacted-19b-256k", "821f156287020528", true, &[], CODER_30B),
    (
        "qwen3.5-27b-code-forged",
        "80a26f0ec24dfc1e",
        true,
        &[],
        &[
            ("implausible-verified", 2),
            ("name-alias", 1),
            ("older-schema", 1),
            ("placeholder-hash", 2),
            ("time-spelling", 2),
            ("version-not-exact", 1),
        ],
    ),
    ("qwen3.5-4b-code-128k-forged", "a4da7dea5bb8d3d9", true, &[], LONG_4B),
    (
        "qwen3.5-4b-code-forged",
        "435ff486e11ed54d",
        true,
        &[],
        &[("claimed-verified", 1), ("no-score", 1), ("stale-alloy-hash", 1), ("stale-verify-url", 1), ("time-spelling", 4)],
    ),
    (
        "revisions/olmoe-1b-7b-compacted-5b.r1-bba0a92ff0c8bebb",
        "bba0a92ff0c8bebb",
        true,
        &[],
        &[
            ("active-params-differ", 1),
            ("corpus-without-hash", 2),
            ("counts-tensors", 2),
            ("metric-version", 1),
            ("older-schema", 6),
            ("verified-absent", 1),
        ],
    ),
    ("revisions/olmoe-1b-7b-compacted-5b.r2", "3e1e207328e8f8be", true, &[], OLMOE),
    (
        "revisions/qwen3-coder-30b-a3b-compacted-19b-256k.r1-aa61c4bdf463847c",
        "aa61c4bdf463847c",
        true,
        &[],
        &[
            ("corpus-without-hash", 1),
            ("counts-tensors", 2),
            ("metric-version", 1),
            ("older-schema", 6),
            ("prose-differs", 2),
            ("tolerance-in-words", 1),
            ("verified-absent", 1),
        ],
    ),
    (
        "revisions/qwen3-coder-30b-a3b-compacted-19b-256k.r2-011970c80c2f3429",
        "011970c80c2f3429",
        true,
        &[],
        &[
            ("corpus-without-hash", 1),
            ("counts-tensors", 2),
            ("metric-version", 1),
            ("older-schema", 6),
            ("prose-differs", 2),
            ("stale-anchor", 1),
            ("tolerance-in-words", 1),
            ("verified-absent", 1),
        ],
    ),
    ("revisions/qwen3-coder-30b-a3b-compacted-19b-256k.r3", "cb1e00f7e09a151e", true, &[], CODER_30B),
    ("revisions/qwen3.5-4b-code-128k-forged.r1", "199bee5cf4e33b5d", true, &[], LONG_4B),
    (
        "revisions/qwen3.5-4b-code-forged.r1",
        "f88ce36c70be7212",
        true,
        &[],
        &[("claimed-verified", 1), ("no-score", 1), ("time-spelling", 4)],
    ),
    ("revisions/v2-7b-coder-compensated.r1", "c92083286a04544b", true, &[], &COMPENSATED_R1),
    ("v2-7b-coder-compensated", "4fe422e9b01fa8f0", true, &[], &COMPENSATED),
];
const COMPENSATED: [(&str, usize); 5] = [
    ("compensation-as-lora", 1),
    ("corpus-without-hash", 2),
    ("older-schema", 5),
    ("train-member-on-lora", 4),
    ("verified-absent", 1),
];
const COMPENSATED_R1: [(&str, usize); 5] = [
    ("compensation-as-lora", 1),
    ("corpus-without-hash", 2),
    ("older-schema", 6),
    ("train-member-on-lora", 4),
    ("verified-absent", 1),
];

/// The published documents by name, without the suffix; none on machines that do not have them.
fn documents() -> BTreeMap<String, Document> {
    let Some(folder) = shared("alloys") else { return BTreeMap::new() };
    let named =
        |(name, bytes): (String, Vec<u8>)| Some((name.strip_suffix(".alloy.json")?.to_owned(), Document::read(&bytes).unwrap()));
    files(&folder).into_iter().filter_map(named).collect()
}

fn counted(remarks: &[Problem]) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for remark in remarks {
        *counts.entry(remark.code).or_default() += 1;
    }
    counts.into_iter().collect()
}

#[test]
fn every_published_document_is_in_the_table() {
    let documents = documents();
    if documents.is_empty() {
        return;
    }
    let listed: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    assert_eq!(documents.keys().map(String::as_str).collect::<Vec<_>>(), listed);
}

#[test]
fn documents_come_out_as_they_went_in_and_machine_written_ones_are_the_publishing_serialisation() {
    let Some(folder) = shared("alloys") else { return };
    let documents = documents();
    for (name, hash, by_machine, ..) in ROWS {
        let bytes = std::fs::read(folder.join(format!("{name}.alloy.json"))).unwrap();
        let document = &documents[*name];
        assert_eq!(document.to_bytes(), bytes, "{name}");
        assert!(document.file_hash().hex().starts_with(hash), "{name}: {}", document.file_hash());
        let mut published = text::publish(document.node());
        if bytes.ends_with(b"\n") {
            published.push('\n');
        }
        assert_eq!(published.as_bytes() == bytes, *by_machine, "{name}");
    }
}

#[test]
fn what_is_wrong_and_what_is_odd_is_what_the_table_says() {
    let documents = documents();
    let mut different = Vec::new();
    for (name, _, _, wrong, odd) in ROWS {
        let Some(document) = documents.get(*name) else { return };
        let (problems, remarks) = (validate(document, &Published), peculiarities(document));
        let found: Vec<(&str, &str)> = problems.iter().map(|problem| (problem.code, problem.path.as_str())).collect();
        if found != *wrong || counted(&remarks) != *odd {
            different.push(format!("{name}: {found:?} {:?}", counted(&remarks)));
        }
        assert!(problems.iter().chain(&remarks).all(|it| it.at.is_some()), "{name}: {remarks:#?}");
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn oddities_are_reported_where_they_are() {
    let documents = documents();
    for (name, code, path) in [
        ("qwen3.5-4b-code-128k-forged", "empty-receipt", "receipt"),
        ("qwen3.5-4b-code-128k-forged", "null-member", "target"),
        ("examples/queue/05-qwen3-vl-4b-code-ui", "stray-member", "stages[0]._note"),
        ("examples/queue/05-qwen3-vl-4b-code-ui", "deliver-without-org", "stages[2]"),
        ("qwen2.5-0.5b-general-forged", "placeholder-hash", "results.integrity.code.binaryHash"),
        ("qwen2.5-0.5b-general-forged", "placeholder-hash", "results.integrity.datasets[0].hash"),
        ("qwen2.5-0.5b-general-forged", "older-schema", "source.isMoE"),
        ("qwen2.5-0.5b-general-forged", "version-not-exact", "results.integrity.code.version"),
        ("qwen3.5-4b-code-forged", "stale-alloy-hash", "receipt.alloyHash"),
        ("qwen3.5-4b-code-forged", "stale-verify-url", "receipt.verifyUrl"),
        ("qwen3.5-4b-code-forged", "no-score", "results.benchmarks[1]"),
        ("olmoe-1b-7b-compacted-5b", "metric-version", "stages[0].metricVersion"),
        ("olmoe-1b-7b-compacted-5b", "counts-tensors", "stages[1].expertsDropped"),
        ("olmoe-1b-7b-compacted-5b", "corpus-without-hash", "stages[0].calibrationCorpus"),
        ("olmoe-1b-7b-compacted-5b", "corpus-without-hash", "priorMetricBaselines[0].metric.calibrationCorpus"),
        ("olmoe-1b-7b-compacted-5b", "active-params-differ", "results.activeParamsB"),
        ("qwen3-coder-30b-a3b-compacted-19b-256k", "prose-differs", "description"),
        (
            "qwen3-coder-30b-a3b-compacted-19b-256k",
            "stale-anchor",
            "priorMetricBaselines[0].evaluation.anchorReproduction.humaneval_plus",
        ),
        ("qwen3-coder-30b-a3b-compacted-19b-256k", "tolerance-in-words", "stages[3].calibrationAnchor.tolerance"),
        ("v2-7b-coder-compensated", "compensation-as-lora", "stages[2].name"),
        ("v2-7b-coder-compensated", "train-member-on-lora", "stages[1].steps"),
        ("v2-7b-coder-compensated", "verified-absent", "results.hardwareVerified[0]"),
        ("qwen3.5-27b-code-forged", "implausible-verified", "results.hardwareVerified[1].verified"),
        ("qwen3.5-27b-code-forged", "time-spelling", "results.completedAt"),
        ("examples/qwen3.5-27b-code-128k-forged", "name-alias", "stages[6].benchmarks[1].name"),
    ] {
        let Some(document) = documents.get(name) else { return };
        let remarks = peculiarities(document);
        assert!(remarks.iter().any(|remark| remark.code == code && remark.path == path), "{name} {code} {path}: {remarks:#?}");
    }
}

#[test]
fn published_hashes_recompute() {
    let documents = documents();
    if documents.is_empty() {
        return;
    }
    // The modelHash of every document that lists its files.
    let mut recomputed = 0;
    for (name, document) in &documents {
        let integrity = document.integrity();
        let Some(files) = integrity.and_then(|integrity| integrity.get("fileHashes")) else { continue };
        let stated = integrity.and_then(|integrity| integrity.get("modelHash")).and_then(Node::as_str).unwrap();
        assert_eq!(model_hash_of(files).unwrap().to_string(), stated, "{name}");
        recomputed += 1;
    }
    assert_eq!(recomputed, 9, "seven documents, and two revisions that list files");
    // The one receipt.alloyHash that was right when it was written, and the amended document that kept it.
    let (first, amended) = (&documents["revisions/qwen3.5-4b-code-forged.r1"], &documents["qwen3.5-4b-code-forged"]);
    let stated = first.node().get("receipt").and_then(|receipt| receipt.get("alloyHash")).and_then(Node::as_str).unwrap();
    assert_eq!(receipt_hash(first).to_string(), stated);
    assert!(stated.starts_with("sha256:857b4ca1") && stated.ends_with("abef67"));
    assert_eq!(which_alloy_hash(first, stated), Some(AlloyHashKind::Receipt));
    assert_eq!(which_alloy_hash(first, "857b4ca12cb7108d"), Some(AlloyHashKind::Receipt));
    assert_eq!(which_alloy_hash(first, "f88ce36c70be7212"), Some(AlloyHashKind::File));
    assert_eq!(which_alloy_hash(amended, stated), None);
    // The older modelHash of a repository with one file is the file's own hash.
    let older = first.integrity().and_then(|integrity| integrity.get("modelHash")).and_then(Node::as_str).unwrap();
    let file =
        amended.integrity().and_then(|integrity| integrity.get("fileHashes")).unwrap().as_array().unwrap()[0].get("sha256");
    let digest = |text: &str| match classify(text) {
        HashText::Valid { digest, .. } => digest,
        other => panic!("{text} is {other:?}"),
    };
    assert_eq!(digest(older), digest(file.and_then(Node::as_str).unwrap()));
}

#[test]
fn scores_are_looked_up_by_the_formats_order() {
    let documents = documents();
    for (name, benchmark, score, difference) in [
        ("olmoe-1b-7b-compacted-5b", "humaneval+", Some("31.7"), Some("-4.9")),
        ("qwen3-coder-30b-a3b-compacted-19b-256k", "humaneval_plus", Some("85.4"), Some("-3")),
        ("qwen3.5-4b-code-128k-forged", "humaneval_plus", Some("28.0"), None),
        ("qwen3.5-4b-code-128k-forged", "perplexity", Some("18.7"), None),
        ("qwen3.5-4b-code-forged", "humaneval", Some("\"pending\""), None),
        ("qwen2.5-0.5b-general-forged", "perplexity", Some("2.92"), None),
        ("examples/qwen3.5-4b-code-balanced-executed", "mmlu", Some("68.5"), None),
    ] {
        let Some(document) = documents.get(name) else { return };
        let result = document.benchmark(benchmark).unwrap();
        assert_eq!(headline_score(result).map(text::compact).as_deref(), score, "{name} {benchmark}");
        assert_eq!(delta(result).map(|it| it.to_string()).as_deref(), difference, "{name} {benchmark}");
    }
}

#[test]
fn the_hash_of_a_document_is_the_hash_of_its_bytes() {
    let bytes = br#"{"name": "x", "source": {}}"#;
    assert_eq!(Document::read(bytes).unwrap().file_hash(), Digest::of(bytes));
}
