//! The coverage score: which parts of an artifact's making carry evidence, and which do not.
//!
//! # Source
//! The alloy format, section 8, Coverage score.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::TreeRoot;
use crate::gates::corpus;
use crate::gates::measured::{at, benchmark_name, hash, items, rows, text};
use crate::gates::{Evidence, FileState, Verified};
use crate::text::Node;

/// What carries evidence and what does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Covered and weak elements in percent of all, rounded down; 0 when one is compromised, and never more than what it depends on.
    pub percent: u8,
    /// Every element.
    pub elements: Vec<Element>,
    /// What caps the score: the name of a dependency that is covered less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default)]
    pub capped_by: Option<String>,
}

/// One part of an artifact's making.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Element {
    /// What it is, such as ``stage 2 (`expert-prune`)``.
    pub name: String,
    /// How well it is evidenced.
    pub state: State,
    /// Why.
    pub reason: String,
}

/// How well an element is evidenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A hash, a result with a hash, or a signed record.
    Covered,
    /// Only the author's word.
    Weak,
    /// No evidence, or not run.
    Gap,
    /// The evidence at hand says otherwise: the chain is broken.
    Compromised,
}

impl Coverage {
    /// The score of these elements, capped by what they depend on.
    pub fn of(elements: Vec<Element>, evidence: &Evidence) -> Self {
        let with = elements.iter().filter(|element| matches!(element.state, State::Covered | State::Weak)).count();
        let broken = elements.iter().any(|element| element.state == State::Compromised);
        let percent = if broken { 0 } else { u8::try_from(with * 100 / elements.len().max(1)).unwrap_or(100) };
        let least = evidence.dependencies.iter().min_by_key(|(_, percent)| **percent).filter(|(_, least)| **least < percent);
        let (percent, capped_by) = least.map_or((percent, None), |(name, least)| (*least, Some(name.clone())));
        Self { percent, elements, capped_by }
    }

    /// The elements in that state.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = &Element> {
        self.elements.iter().filter(move |element| element.state == state)
    }
}

/// Scores a document of any origin: its source, each calibration corpus, each stage, each planned benchmark, and whether it was seen to
/// run.
pub fn score(document: &Node, evidence: &Evidence) -> Coverage {
    let mut elements = vec![source(document)];
    elements.extend(corpora(document, evidence));
    elements.extend(stages(document));
    elements.extend(benchmarks(document, evidence));
    elements.push(inference(document));
    if let Some(Verified::Not { bad: true, findings }) = &evidence.verified {
        let reason = findings.first().cloned().unwrap_or_default();
        elements.push(Element { name: "chain".into(), state: State::Compromised, reason });
    }
    Coverage::of(elements, evidence)
}

fn element(name: impl Into<String>, state: State, reason: impl Into<String>) -> Element {
    Element { name: name.into(), state, reason: reason.into() }
}

fn source(document: &Node) -> Element {
    let rooted = [&["chain", "source", "root"][..], &["source", "root"][..]];
    let root = rooted.iter().find_map(|path| at(document, path)?.as_str()?.parse::<TreeRoot>().ok());
    let named = at(document, &["source", "baseModel"]).or_else(|| at(document, &["source", "target", "baseModel"]));
    match (root, named.and_then(Node::as_str)) {
        (Some(_), _) => element("source", State::Covered, "the hash of every file is recorded"),
        (None, Some(_)) => element("source", State::Weak, "named, with no hash of its files"),
        (None, None) => element("source", State::Gap, "not named"),
    }
}

fn corpora(document: &Node, evidence: &Evidence) -> Vec<Element> {
    let declared = corpus::declared(document);
    let judged = |(_, node): &(String, &Node)| {
        let id = corpus::id(node).unwrap_or("unnamed");
        let name = format!("calibration corpus `{id}`");
        match (corpus::pinned(node), evidence.corpora.get(id)) {
            (Ok(pinned), Some(found)) if found.digest != pinned => {
                element(name, State::Compromised, "its bytes are not those pinned")
            }
            (Ok(_), _) => element(name, State::Covered, "pinned by its hash"),
            (Err(_), _) => element(name, State::Weak, "declared without a hash"),
        }
    };
    let mut elements: Vec<Element> = declared.iter().map(judged).collect();
    for (_, id) in corpus::all_named(document) {
        if declared.iter().all(|(_, node)| corpus::id(node) != Some(id)) {
            elements.push(element(format!("calibration corpus `{id}`"), State::Gap, "a name without declaration or hash"));
        }
    }
    elements
}

fn stages(document: &Node) -> Vec<Element> {
    let links = at(document, &["chain", "links"]).and_then(Node::as_array);
    let ran = document.get("results").is_some_and(|results| !results.is_null());
    let judged = |(index, stage): (usize, &Node)| {
        let kind = text(stage, "type").unwrap_or("without a type");
        let name = format!("stage {} (`{kind}`)", index + 1);
        let of_this = |link: &&Node| link.get("stageIndex").and_then(Node::as_u64) == Some(index as u64);
        let link = links.and_then(|links| links.iter().find(of_this));
        let checkpoint = at(document, &["results", "stageCheckpoints", kind, "outputHash"]).and_then(Node::as_str);
        match (link, checkpoint.map(hash)) {
            (Some(link), _) if link.get("signature").is_some_and(|it| !it.is_null()) => {
                element(name, State::Covered, "a signed record")
            }
            (Some(_), _) => element(name, State::Weak, "a record without signature"),
            (None, Some(Ok(_))) => element(name, State::Covered, "the hash of its output is recorded"),
            (None, _) if ran && links.is_none() => element(name, State::Weak, "only the author's word that it ran"),
            (None, _) => element(name, State::Gap, "no record of a run"),
        }
    };
    items(document, "stages").iter().enumerate().map(judged).collect()
}

/// A planned benchmark: its name, and the part of it.
type Planned<'a> = (&'a str, Option<&'a str>);

fn planned(document: &Node) -> Vec<Planned<'_>> {
    let of_stages = items(document, "stages").iter().flat_map(|stage| items(stage, "benchmarks"));
    let mut planned: Vec<Planned<'_>> = Vec::new();
    for benchmark in of_stages.chain(items(document, "evaluationBenchmarks")) {
        let Some(name) = text(benchmark, "name") else { continue };
        let this = (benchmark_name(name), text(benchmark, "subset"));
        if !planned.contains(&this) {
            planned.push(this);
        }
    }
    planned
}

fn benchmarks(document: &Node, evidence: &Evidence) -> Vec<Element> {
    let rows = rows(document);
    let judged = |(wanted, subset): Planned<'_>| {
        let name = format!("benchmark `{}`", subset.map_or_else(|| wanted.to_owned(), |subset| format!("{wanted}/{subset}")));
        // A result that does not say which part it is of is the result of the plan that does.
        let fits = |of: Option<&str>| subset.is_none() || of.is_none() || of == subset;
        let row = rows.iter().find(|row| benchmark_name(row.name()) == wanted && fits(row.subset()) && row.value().is_some());
        let Some(row) = row else { return element(name, State::Gap, "planned, not measured") };
        let samples = row.samples(evidence);
        let hashed = samples.hash.as_deref().is_some_and(|it| hash(it).is_ok());
        match (samples.state, hashed) {
            (Some(FileState::Differs), _) => element(name, State::Compromised, "its samples are not those hashed"),
            (_, true) => element(name, State::Covered, "a result with the hash of its samples"),
            (_, false) => element(name, State::Weak, "a result without a hash"),
        }
    };
    planned(document).into_iter().map(judged).collect()
}

fn inference(document: &Node) -> Element {
    let name = "inference check";
    let integrity = [&["integrity"][..], &["results", "integrity"][..]];
    let certifications = integrity.iter().filter_map(|path| at(document, path)).flat_map(|node| items(node, "certifications"));
    let mut of_inference =
        certifications.filter(|it| text(it, "domain").is_some_and(|domain| domain.starts_with("hardware:inference")));
    let first = of_inference.next();
    if first.into_iter().chain(of_inference).any(|it| it.get("signature").is_some_and(|signature| !signature.is_null())) {
        return element(name, State::Covered, "certified under a signature");
    }
    let results = document.get("results");
    let device_rows = results.map(|results| items(results, "hardwareVerified")).unwrap_or_default();
    let estimated = |row: &Node| row.get("verified").and_then(Node::as_bool) == Some(false);
    if first.is_some() {
        element(name, State::Weak, "a certification without signature")
    } else if device_rows.iter().any(|row| !estimated(row)) {
        element(name, State::Weak, "only the author's word that it ran on a device")
    } else if results.is_some_and(|results| !items(results, "samples").is_empty()) {
        element(name, State::Weak, "samples of its output, without a record of how they were made")
    } else {
        element(name, State::Gap, "not run")
    }
}
