//! Every rule of a valid document, violated one by one: exactly that is found, under its code, at its path.

use aw_alloy::document::{Document, validate};
use aw_alloy::recipe::{StageSchema, Vocabulary};
use aw_alloy::text::Problem;
use serde_json::{Value, json};

/// A domain of two stage types and one root member, and another domain.
struct Foundry;

impl Vocabulary for Foundry {
    fn domains(&self) -> Vec<String> {
        vec!["forge".into(), "photo".into()]
    }
    fn default_domains(&self) -> Vec<String> {
        vec!["forge".into()]
    }
    fn stage_names(&self, domains: &[String]) -> Vec<String> {
        if domains.contains(&"forge".to_owned()) { vec!["prune".into(), "train".into(), "eval".into()] } else { Vec::new() }
    }
    fn stage_schema(&self, domains: &[String], name: &str) -> StageSchema {
        let schema = match name {
            "prune" => json!({"type": "object", "required": ["strategy", "level"], "additionalProperties": false, "properties": {
                "strategy": {"enum": ["entropy", "magnitude"]}, "level": {"type": "number", "minimum": 0, "maximum": 0.9}}}),
            "train" => json!({"type": "object", "additionalProperties": false,
                "properties": {"steps": {"type": "integer", "minimum": 1}, "learningRate": {"type": "string"}}}),
            "eval" => json!({"type": "object", "required": ["benchmarks"], "properties": {"benchmarks": {"type": "array"}}}),
            "capture" if !domains.contains(&"photo".to_owned()) => return StageSchema::Undeclared("photo".into()),
            "capture" => json!({"type": "object"}),
            _ => return StageSchema::Unknown,
        };
        StageSchema::Found(schema)
    }
    fn root_members(&self, _: &[String]) -> Vec<(String, Value)> {
        let corpus = json!({"type": "object", "required": ["id"], "additionalProperties": false, "properties": {"id": {"type": "string"}, "sha256": {"type": "string"}}});
        vec![("corpora".into(), json!({"type": "array", "items": corpus}))]
    }
    fn type_byte(&self, domain: &str) -> Option<u8> {
        Some(if domain == "forge" { 0x01 } else { 0xff })
    }
}

const HASH: &str = "sha256:7f3b3c31279035cd5226f13cd602875baf8a1dd74b45345ee5ca2f5988169df5";
const BARE: &str = "0cb7e0fff9997752bb7d150d549627f590ec06ff1adee5744fa6fa596a99bdc3";

/// A document with every universal member, and members of nobody's (`mine`) at every level.
fn whole() -> Value {
    serde_json::from_str(include_str!("../../../../spec/vectors/document/whole.alloy.json")).unwrap()
}

/// A recipe in a document's shape.
fn recipe() -> Value {
    json!({"name": "cup", "version": "1.0.0", "source": {"baseModel": "org/base", "architecture": "olmoe"},
        "stages": [{"type": "prune", "strategy": "entropy", "level": 0.3}], "results": null, "receipt": null,
        "evaluationBenchmarks": [{"name": "humaneval"}]})
}

fn ensemble() -> Value {
    json!({"name": "many", "version": "1.0.0", "type": "many-worlds-ensemble",
        "source": {"target": {"baseModel": "a", "role": "target", "frozen": true}, "specialists": [{"baseModel": "b"}]},
        "stages": [{"type": "eval", "benchmark": "humaneval", "numProblems": 50, "baseline": 30, "ensemble": 33, "delta": 3}],
        "integrity": {"trustLevel": "self-attested"}, "roster": [], "routingLog": "x", "forgeTime": 3.5,
        "results": {"benchmark": "humaneval", "baseline": 30, "ensemble": 33, "total": 50, "delta": 3}})
}

fn problems(document: &Value) -> Vec<Problem> {
    let text = serde_json::to_string_pretty(document).unwrap();
    validate(&Document::read(text.as_bytes()).unwrap(), &Foundry)
}

/// The value at a path such as `stages[0].level`, for changing it.
fn at<'a>(document: &'a mut Value, path: &str) -> (&'a mut Value, String) {
    let mut steps: Vec<String> = path.split(['.', '[']).map(|step| step.trim_end_matches(']').to_owned()).collect();
    let last = steps.pop().unwrap();
    let owner = steps.iter().fold(document, |node, step| match step.parse::<usize>() {
        Ok(index) if node.is_array() => &mut node[index],
        _ => &mut node[step.as_str()],
    });
    (owner, last)
}

fn set(document: &mut Value, path: &str, value: Value) {
    let (owner, last) = at(document, path);
    match last.parse::<usize>() {
        Ok(index) if owner.is_array() => owner[index] = value,
        _ => owner[last.as_str()] = value,
    }
}

fn remove(document: &mut Value, path: &str) {
    let (owner, last) = at(document, path);
    assert!(owner.as_object_mut().unwrap().remove(&last).is_some(), "{path}");
}

/// Holds what is found against what should be: code and path, every one with line and column. Says what differs.
fn difference(document: &Value, what: &str, expected: &[(&str, &str)]) -> Option<String> {
    let problems = problems(document);
    let listed: Vec<(&str, &str)> = problems.iter().map(|problem| (problem.code, problem.path.as_str())).collect();
    let placed = problems.iter().all(|problem| problem.at.is_some() && !problem.message.is_empty());
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    (listed != expected || !placed).then(|| format!("{what}: found {listed:?}, expected {expected:?}\n  {}", texts.join("\n  ")))
}

fn found(document: &Value, what: &str, expected: &[(&str, &str)]) {
    assert_eq!(difference(document, what, expected), None);
}

#[test]
fn whole_documents_of_every_shape_are_valid() {
    for (what, document) in [("whole", whole()), ("recipe", recipe()), ("ensemble", ensemble())] {
        found(&document, what, &[]);
    }
    let mut derived = recipe();
    remove(&mut derived, "stages");
    set(&mut derived, "target", json!({"pruneRatio": 0.3}));
    found(&derived, "stages are derived from the target", &[]);
    let mut repository = recipe();
    set(&mut repository, "type", json!("repo-attestation"));
    set(&mut repository, "source", json!({"repository": "org/repo"}));
    set(&mut repository, "integrity", json!({}));
    found(&repository, "a repository's source is no model", &[]);
}

/// Path, new value, expected code, expected path when it is another.
type Violation = (&'static str, Value, &'static str, Option<&'static str>);

fn violations() -> Vec<Violation> {
    let mut list: Vec<Violation> = Vec::new();
    let mut one = |path: &'static str, value: Value, code: &'static str| list.push((path, value, code, None));
    // Section 2: the root.
    one("name", json!(""), "wrong-length");
    for version in ["1.0", "v1.0.0", "1.0.0-beta", "01.0.0", "1.0.0.0", ""] {
        one("version", json!(version), "pattern-mismatch");
    }
    one("version", json!(1), "wrong-type");
    one("description", json!(null), "wrong-type");
    one("userSummary", json!(["x"]), "wrong-type");
    one("author", json!(3), "wrong-type");
    one("tags", json!("t"), "wrong-type");
    one("tags[0]", json!(1), "wrong-type");
    one("license", json!(""), "wrong-length");
    one("domains", json!([]), "wrong-length");
    one("domains", json!("forge"), "wrong-type");
    one("typeByte", json!("0x02"), "type-byte");
    one("typeByte", json!("1"), "pattern-mismatch");
    one("typeByte", json!(1), "wrong-type");
    one("cycles", json!(0), "out-of-range");
    one("cycles", json!(1.5), "wrong-type");
    one("cycles", json!(-1), "out-of-range");
    one("stages", json!({}), "wrong-type");
    one("limitations", json!("none"), "wrong-type");
    one("forgedModelIds[0]", json!(1), "wrong-type");
    // Section 3: source and target.
    one("source.baseModel", json!(""), "wrong-length");
    one("source.baseModel", json!(7), "wrong-type");
    one("source.architecture", json!(""), "wrong-length");
    one("source.isMoE", json!("yes"), "wrong-type");
    one("source.totalExperts", json!(-1), "out-of-range");
    one("source.totalExperts", json!(1.5), "wrong-type");
    one("source.totalParamsB", json!(-0.5), "out-of-range");
    one("source.numLayers", json!("16"), "wrong-type");
    one("target", json!([]), "wrong-type");
    one("target.contextLength", json!(0), "out-of-range");
    one("target.pruneRatio", json!(0.91), "out-of-range");
    one("target.pruneRatio", json!(-0.1), "out-of-range");
    one("target.experts", json!(0), "out-of-range");
    one("target.modalities", json!("vision"), "wrong-type");
    one("target.publish", json!("true"), "wrong-type");
    one("target.domain", json!(""), "wrong-length");
    // Section 4: stages.
    one("stages[0]", json!("prune"), "wrong-type");
    one("stages[0].type", json!("prnue"), "unknown-stage");
    one("stages[0].type", json!("Prune"), "unknown-stage");
    one("stages[0].type", json!("capture"), "undeclared-domain");
    one("stages[0].type", json!(3), "wrong-type");
    one("stages[0].notes", json!(3), "wrong-type");
    one("stages[0].level", json!(0.95), "out-of-range");
    one("stages[0].level", json!(-0.01), "out-of-range");
    one("stages[0].level", json!("0.3"), "wrong-type");
    one("stages[0].strategy", json!("guess"), "unknown-value");
    one("stages[1].steps", json!(0), "out-of-range");
    one("stages[1].learningRate", json!(0.0002), "wrong-type");
    // Section 6: hardware, outputs, search, domain members.
    one("hardware", json!("gpu"), "wrong-type");
    one("hardware.minVramGb", json!(-1), "out-of-range");
    one("hardware.supportsCPU", json!(1), "wrong-type");
    one("hardware.testedOn", json!("RTX 4090"), "wrong-type");
    one("outputs.produces[0].type", json!(""), "wrong-length");
    one("search.method", json!("luck"), "unknown-value");
    one("search.quickEvalChunks", json!(0), "out-of-range");
    one("search.quickEvalChunks", json!(51), "out-of-range");
    one("search.maxCandidates", json!(21), "out-of-range");
    one("search.confidenceThreshold", json!(0.49), "out-of-range");
    one("search.confidenceThreshold", json!(1), "out-of-range");
    one("search.loraStepsIfNeeded", json!(99), "out-of-range");
    one("search.loraStepsIfNeeded", json!(5001), "out-of-range");
    one("search.coverageThreshold", json!(0.991), "out-of-range");
    one("corpora[0].id", json!(3), "wrong-type");
    one("corpora[0].sha256", json!("abc"), "malformed-hash");
    // Section 7: results and integrity.
    one("results", json!([]), "wrong-type");
    one("results.completedAt", json!("yesterday"), "malformed-time");
    one("results.completedAt", json!("2026-02-30T00:00:00Z"), "malformed-time");
    one("results.completedAt", json!("2026-03-27T08:22:03"), "malformed-time");
    one("results.durationMinutes", json!(-1), "out-of-range");
    one("results.finalPerplexity", json!("2.9"), "wrong-type");
    one("results.benchmarks[0].name", json!(""), "wrong-length");
    one("results.benchmarks[0].score", json!(100.1), "out-of-range");
    one("results.benchmarks[0].score", json!("36"), "wrong-type");
    one("results.benchmarks[0].baseScore", json!(-1), "out-of-range");
    one("results.benchmarks[0].delta", json!("-4.9"), "wrong-type");
    one("results.benchmarks[0].calibrated", json!("yes"), "wrong-type");
    for path in ["../x", "/etc/passwd", "a/../../x", "a\\b", "C:/x", "", "a//b", "eval/./x", "https://example.org/x"] {
        one("results.benchmarks[0].samplesPath", json!(path), "unsafe-path");
    }
    one("results.benchmarks[0].baseSamplesPath", json!("../x"), "unsafe-path");
    one("results.benchmarks[0].resultHash", json!("sha256:a1b2c3d4e5f6..."), "malformed-hash");
    one("results.benchmarks[0].resultHash", json!(&HASH[..70]), "malformed-hash");
    one("results.benchmarks[0].resultHash", json!(HASH.to_uppercase()), "malformed-hash");
    one("results.benchmarks[0].resultHash", json!(BARE), "malformed-hash");
    one("results.benchmarks[0].resultHash", json!(format!("sha512:{BARE}")), "malformed-hash");
    one("results.benchmarks[0].baseResultHash", json!(format!("{HASH}00")), "malformed-hash");
    one("results.benchmarks[0].metrics", json!([]), "wrong-type");
    one("results.benchmarks[0].metrics.passing", json!(null), "wrong-type");
    one("results.benchmarks[0].metrics.passing", json!([59]), "wrong-type");
    one("results.benchmarks[0].scoreCorrection.correctedAt", json!("April"), "malformed-time");
    one("results.hardwareVerified[0].device", json!(""), "wrong-length");
    one("results.hardwareVerified[0].verified", json!("true"), "wrong-type");
    one("results.hardwareVerified[0].vramGb", json!(-32), "out-of-range");
    one("results.samples[0].prompt", json!(null), "wrong-type");
    one("results.integrity.trustLevel", json!("trusted"), "unknown-value");
    one("results.integrity.code.binaryHash", json!("4646"), "malformed-hash");
    one("results.integrity.code.runner", json!(""), "wrong-length");
    one("results.integrity.modelHash", json!(format!("sha256:{BARE}")), "model-hash-differs");
    one("results.integrity.modelHash", json!("sha256:7f"), "malformed-hash");
    one("results.integrity.fileHashes[0].sha256", json!(format!("sha256:{BARE}")), "malformed-hash");
    one("results.integrity.fileHashes[0].size", json!(-1), "out-of-range");
    one("results.integrity.datasets[0].hash", json!("def456"), "malformed-hash");
    one("results.integrity.nonce", json!("AAAA"), "malformed-nonce");
    one("results.integrity.nonce", json!("AAAAAAAAAAAAAAAAAAAAA!"), "malformed-nonce");
    one("results.integrity.signature.algorithm", json!(""), "wrong-length");
    one("results.integrity.signature.value", json!(null), "wrong-type");
    one("results.integrity.anchor.anchorType", json!("stone"), "unknown-value");
    one("results.integrity.anchor.anchoredAt", json!("2026"), "malformed-time");
    one("results.integrity.certifications[0].adapterHash", json!("sha256:adapter123"), "malformed-hash");
    one("results.integrity.certifications[0].attestedAt", json!("now"), "malformed-time");
    one("results.integrity.certifications[0].result", json!(3), "wrong-type");
    one("results.integrity.attestedAt", json!("2026-03-28 14:32"), "malformed-time");
    // Section 8: the receipt.
    one("receipt.publications[0].url", json!("example.org"), "pattern-mismatch");
    one("receipt.publications[0].publishedAt", json!("soon"), "malformed-time");
    one("receipt.verifyUrl", json!("#7f3b3c31"), "pattern-mismatch");
    one("receipt.alloyHash", json!("7f3b3c31"), "malformed-hash");
    one("receipt.cardHash", json!("sha256:XYZ"), "malformed-hash");
    one("receipt.issuedAt", json!("2026-03-28T25:00:00Z"), "malformed-time");
    // Sections 9 and 10: criteria, tiers, benchmarks, corpora.
    one("acceptanceCriteria.benchmarks.humaneval.min", json!(45), "out-of-range");
    one("acceptanceCriteria.benchmarks.humaneval.min", json!(-0.01), "out-of-range");
    one("acceptanceCriteria.benchmarks.humaneval.anchorDelta", json!("-3"), "wrong-type");
    one("acceptanceCriteria.hardware.maxVramGb", json!(-8), "out-of-range");
    one("acceptanceCriteria.integrity.modelHashRequired", json!("yes"), "wrong-type");
    one("quantTiers[0].format", json!(""), "wrong-length");
    one("quantTiers[0].variants", json!("Q4_K_M"), "wrong-type");
    one("evaluationBenchmarks[0].name", json!(""), "wrong-length");
    one("evaluationBenchmarks[0].nShot", json!(-1), "out-of-range");
    one("evaluationBenchmarks[0].calibrationAnchor.publishedScore", json!(101), "out-of-range");
    one("evaluationBenchmarks[0].calibrationAnchor.tolerance", json!(true), "wrong-type");
    one("calibrationCorpus.contentHash", json!(BARE), "malformed-hash");
    one("calibrationCorpus.sizeBytes", json!(-3), "out-of-range");
    one("recipeVersion", json!("one"), "pattern-mismatch");
    one("forgedAt", json!("2026-03-28"), "malformed-time");
    one("forgedAtMs", json!(-5), "out-of-range");
    let mut other =
        |path: &'static str, value: Value, code: &'static str, found: &'static str| list.push((path, value, code, Some(found)));
    other("domains", json!(["forge", "pottery"]), "unknown-domain", "domains[1]");
    other("domains", json!(["forge", "Photo"]), "unknown-domain", "domains[1]");
    other("results.integrity.fileHashes", json!([]), "wrong-length", "results.integrity.fileHashes");
    other(
        "results.integrity.fileHashes",
        json!([{"filename": "olmoe-1b-7b-compacted-5b.Q5_K_M.gguf", "sha256": BARE}, {"filename": "a.txt", "sha256": BARE}, {"filename": "a.txt", "sha256": BARE}]),
        "repeated-item",
        "results.integrity.fileHashes[2].filename",
    );
    other(
        "results.integrity.fileHashes",
        json!([{"filename": "olmoe-1b-7b-compacted-5b.Q5_K_M.gguf", "sha256": BARE}, {"filename": "../a.txt", "sha256": BARE}]),
        "unsafe-path",
        "results.integrity.fileHashes[1].filename",
    );
    list
}

#[test]
fn each_violation_is_found_alone_under_its_code_at_its_path() {
    let violations = violations();
    assert!(violations.len() >= 120, "{}", violations.len());
    let differ = |(path, value, code, at): Violation| {
        let mut document = whole();
        let what = format!("{path} = {value}");
        set(&mut document, path, value);
        difference(&document, &what, &[(code, at.unwrap_or(path))])
    };
    let different: Vec<String> = violations.into_iter().filter_map(differ).collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn each_missing_member_is_found_alone_at_its_path() {
    for path in [
        "version",
        "stages",
        "source.baseModel",
        "source.architecture",
        "stages[0].type",
        "stages[0].level",
        "outputs.produces[0].type",
        "results.benchmarks[0].name",
        "results.hardwareVerified[0].device",
        "results.samples[0].label",
        "results.samples[0].prompt",
        "results.samples[0].completion",
        "results.integrity.code.runner",
        "results.integrity.code.version",
        "results.integrity.code.binaryHash",
        "results.integrity.fileHashes[0].filename",
        "results.integrity.fileHashes[0].sha256",
        "results.integrity.datasets[0].name",
        "results.integrity.datasets[0].hash",
        "results.integrity.alloyHash",
        "results.integrity.signature.algorithm",
        "results.integrity.signature.publicKey",
        "results.integrity.signature.value",
        "results.integrity.anchor.anchorType",
        "results.integrity.anchor.anchoredHash",
        "results.integrity.anchor.location",
        "results.integrity.certifications[0].adapter",
        "results.integrity.certifications[0].version",
        "results.integrity.certifications[0].domain",
        "results.integrity.certifications[0].attestedAt",
        "receipt.publications[0].target",
        "receipt.publications[0].url",
        "receipt.publications[0].publishedAt",
        "receipt.issuedAt",
        "acceptanceCriteria.benchmarks.humaneval.min",
        "quantTiers[0].format",
        "evaluationBenchmarks[0].name",
        "calibrationCorpus.name",
        "corpora[0].id",
    ] {
        let mut document = whole();
        remove(&mut document, path);
        found(&document, path, &[("missing-field", path)]);
    }
    let mut document = ensemble();
    remove(&mut document, "source.specialists");
    found(&document, "specialists", &[("missing-field", "source.specialists")]);
    let mut document = ensemble();
    remove(&mut document, "source.target");
    found(&document, "target", &[("missing-field", "source.target")]);
}

#[test]
fn a_document_without_results_is_a_recipe_and_holds_nothing_a_run_learns() {
    for (path, value) in [
        ("receipt", json!({})),
        ("integrity", json!({})),
        ("alloyHash", json!(HASH)),
        ("forgedModelIds", json!([])),
        ("hardwareVerified", json!([])),
        ("verifyUrl", json!("https://example.org")),
        ("recipeId", json!("r")),
        ("forgedAt", json!("2026-03-28T14:32:00Z")),
        ("durationMinutes", json!(3)),
        ("stages[0].cardHash", json!(HASH)),
        ("evaluationBenchmarks[0].resultHash", json!(HASH)),
    ] {
        let mut document = recipe();
        set(&mut document, path, value);
        found(&document, path, &[("recipe-holds-results", path)]);
        set(&mut document, path, json!(null));
        found(&document, &format!("{path} is null"), &[]);
        set(&mut document, path, whole().pointer(&format!("/{path}")).cloned().unwrap_or(json!(null)));
        set(&mut document, "results", json!({}));
        if !path.contains('[') {
            found(&document, &format!("{path} of an artifact"), &[]);
        }
    }
}

#[test]
fn every_violation_of_one_document_is_found_at_once_in_the_order_of_the_text() {
    let mut document = whole();
    for (path, value) in [("version", json!("x")), ("stages[0].level", json!(2)), ("results.benchmarks[0].score", json!(200))] {
        set(&mut document, path, value);
    }
    set(&mut document, "receipt.issuedAt", json!("?"));
    set(&mut document, "typeByte", json!("0xFF"));
    let problems = problems(&document);
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(problems.is_sorted_by_key(|problem| problem.at));
    assert!(problems.iter().all(|problem| problem.at.unwrap().line > 1));
}

#[test]
fn a_document_that_is_wrong_all_over_gets_a_bounded_list() {
    let mut document = whole();
    let wrong = json!({"name": "", "score": 1000, "resultHash": "x", "samplesPath": "/"});
    document["results"]["benchmarks"] = Value::Array(vec![wrong; 2000]);
    let problems = problems(&document);
    assert_eq!(problems.len(), 1001);
    assert_eq!(problems.last().unwrap().code, "more-problems");
}
