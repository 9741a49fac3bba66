//! Stages as published writers wrote them.

use super::super::Document;
use super::super::hashes::{HashText, classify};
use super::{Remarks, items, text};
use crate::text::Node;

/// Members by which a stage names a corpus in free text.
const CORPUS_NAMES: [&str; 3] = ["calibrationCorpus", "calibrationDataset", "calibrationSource"];
/// An expert is three weight tensors.
const TENSORS_AN_EXPERT: u64 = 3;

pub(super) fn look(document: &Document, remarks: &mut Remarks) {
    for (index, stage) in document.stages().iter().enumerate() {
        let path = format!("stages[{index}]");
        match text(stage, "type") {
            Some("deliver") if stage.get("org").is_none() => {
                remarks.add("deliver-without-org", &*path, stage, "the stage says to deliver and not to whom");
            }
            Some("lora") => lora(stage, &path, remarks),
            Some("expert-activation-profile") => profile(stage, &path, remarks),
            Some("expert-prune") => prune(document, stage, &path, remarks),
            Some("eval") => eval(stage, &path, remarks),
            _ => {}
        }
        corpus(document, stage, &path, remarks);
    }
    for (index, baseline) in items(Some(document.node()), "priorMetricBaselines").iter().enumerate() {
        baseline_corpus(baseline, index, remarks);
    }
}

fn lora(stage: &Node, path: &str, remarks: &mut Remarks) {
    if let Some(name) = stage.get("name").filter(|name| name.as_str() == Some("compensation-lora")) {
        let message = "a compensation is written as a `lora` stage; `loraRank` and `loraAlpha` are read as its rank and alpha";
        remarks.add("compensation-as-lora", format!("{path}.name"), name, message);
    }
    for member in ["steps", "domain"] {
        if let Some(node) = stage.get(member) {
            let message = format!("`{member}` is a member of `train` stages; this `lora` stage carries it too");
            remarks.add("train-member-on-lora", format!("{path}.{member}"), node, message);
        }
    }
}

fn profile(stage: &Node, path: &str, remarks: &mut Remarks) {
    if let (Some(version), None) = (stage.get("metricVersion"), stage.get("metric")) {
        let message = "`metricVersion` stands in place of `metric`";
        remarks.add("metric-version", format!("{path}.metricVersion"), version, message);
    }
}

fn prune(document: &Document, stage: &Node, path: &str, remarks: &mut Remarks) {
    let count = |name: &str| stage.get(name).and_then(Node::as_u64);
    let layers = count("routerSlicedLayers").or_else(|| document.node().get("source")?.get("numLayers")?.as_u64());
    let (Some(layers), Some(before), Some(after)) = (layers, count("originalExpertsPerLayer"), count("keepExpertsPerLayer"))
    else {
        return;
    };
    let tensors = |experts: u64| experts.checked_mul(layers)?.checked_mul(TENSORS_AN_EXPERT);
    for (member, experts) in [("expertsDropped", before.saturating_sub(after)), ("expertsRenamed", after)] {
        let Some(node) = stage.get(member) else { continue };
        if node.as_u64().is_some_and(|stated| tensors(experts) == Some(stated)) {
            let message =
                format!("`{member}` counts weight tensors, three an expert: {experts} experts in each of {layers} layers");
            remarks.add("counts-tensors", format!("{path}.{member}"), node, message);
        }
    }
    prose(document, stage, path, remarks);
}

/// The prose names another share than the fields; the fields win.
fn prose(document: &Document, stage: &Node, path: &str, remarks: &mut Remarks) {
    let Some(stated) = stage.get("prunePct") else { return };
    let Some(percent) = stated.as_f64() else { return };
    for member in ["description", "userSummary"] {
        let Some(node) = document.node().get(member) else { continue };
        let removed = node.as_str().unwrap_or_default().split("removing ").skip(1);
        for after in removed {
            let Some((number, rest)) = after.split_once('%') else { continue };
            let Ok(said) = number.parse::<f64>() else { continue };
            if rest.trim_start().starts_with("of ") && (said - percent).abs() > 0.05 {
                let message = format!(
                    "the text says {number} %, `{path}.prunePct` says {}; the field counts",
                    stated.as_number().map_or("", |it| it.lexeme())
                );
                remarks.add("prose-differs", member, node, message);
            }
        }
    }
}

fn eval(stage: &Node, path: &str, remarks: &mut Remarks) {
    words_for_tolerance(stage, path, remarks);
    for (index, benchmark) in items(Some(stage), "benchmarks").iter().enumerate() {
        words_for_tolerance(benchmark, &format!("{path}.benchmarks[{index}]"), remarks);
    }
    if let (Some(benchmark), None) = (stage.get("benchmark"), stage.get("benchmarks")) {
        let message = "one benchmark is named in place of a list; no list can be derived";
        remarks.add("one-benchmark", format!("{path}.benchmark"), benchmark, message);
    }
}

fn words_for_tolerance(node: &Node, path: &str, remarks: &mut Remarks) {
    let tolerance = node.get("calibrationAnchor").and_then(|anchor| anchor.get("tolerance"));
    if let Some(tolerance) = tolerance.filter(|tolerance| tolerance.as_str().is_some()) {
        let message = "the tolerance is a sentence, which no gate can hold";
        remarks.add("tolerance-in-words", format!("{path}.calibrationAnchor.tolerance"), tolerance, message);
    }
}

/// A corpus that is named and not pinned by its content is a gap.
fn corpus(document: &Document, stage: &Node, path: &str, remarks: &mut Remarks) {
    for member in CORPUS_NAMES {
        let Some(named) = stage.get(member) else { continue };
        let Some(id) = named.as_str() else { continue };
        if !is_pinned(document, id) {
            let message = "the corpus is named in free text and nothing says its hash";
            remarks.add("corpus-without-hash", format!("{path}.{member}"), named, message);
        }
    }
}

fn is_pinned(document: &Document, id: &str) -> bool {
    let named = |corpus: &&Node| ["id", "name"].iter().any(|name| text(corpus, name) == Some(id));
    let hash = |corpus: &Node| ["sha256", "contentHash", "hashSha256"].iter().find_map(|name| text(corpus, name).map(classify));
    let listed = items(Some(document.node()), "calibrationCorpora").iter();
    let corpora = listed.chain(document.node().get("calibrationCorpus"));
    corpora.filter(named).any(|corpus| matches!(hash(corpus), Some(HashText::Valid { .. })))
}

fn baseline_corpus(baseline: &Node, index: usize, remarks: &mut Remarks) {
    let Some(metric) = baseline.get("metric") else { return };
    let Some(named) = metric.get("calibrationCorpus").filter(|named| named.as_str().is_some()) else { return };
    if text(metric, "calibrationCorpusSha256").is_none() {
        let path = format!("priorMetricBaselines[{index}].metric.calibrationCorpus");
        remarks.add("corpus-without-hash", path, named, "the corpus is named in free text and nothing says its hash");
    }
}
