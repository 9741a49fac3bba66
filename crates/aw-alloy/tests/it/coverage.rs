//! Coverage: the figures of the specification, published documents counted by hand, and what breaks or caps a score.

use std::collections::{BTreeMap, BTreeSet};

use aw_alloy::coverage::{Coverage, Element, State, score};
use aw_alloy::digest::Digest;
use aw_alloy::gates::{CorpusAtHand, Evidence, Verified};
use aw_alloy::text::{Limits, Node, json};
use aw_testkit::shared;
use serde_json::json as js;

fn elements(states: &[(State, usize)]) -> Vec<Element> {
    let all = states.iter().flat_map(|(state, count)| std::iter::repeat_n(*state, *count));
    all.map(|state| Element { name: "x".into(), state, reason: String::new() }).collect()
}

fn percent(states: &[(State, usize)], evidence: &Evidence) -> u8 {
    Coverage::of(elements(states), evidence).percent
}

/// The documented sample is 6 of 8, then 7 of 8.
#[test]
fn the_figures_of_the_specification() {
    use State::{Compromised, Covered, Gap, Weak};
    let none = Evidence::default();
    for (states, expected) in [
        (&[(Covered, 4), (Weak, 2), (Gap, 2)][..], 75),
        (&[(Covered, 4), (Weak, 3), (Gap, 1)], 87),
        (&[(Covered, 2), (Gap, 1)], 66),
        (&[(Covered, 299), (Gap, 1)], 99),
        (&[(Weak, 3)], 100),
        (&[(Gap, 3)], 0),
        (&[(Covered, 7), (Compromised, 1)], 0),
        (&[], 0),
    ] {
        assert_eq!(percent(states, &none), expected, "{states:?}");
    }
    let capped = Evidence { dependencies: BTreeMap::from([("base".to_owned(), 60), ("corpus".to_owned(), 90)]), ..none };
    let coverage = Coverage::of(elements(&[(Covered, 4), (Weak, 2), (Gap, 2)]), &capped);
    assert_eq!((coverage.percent, coverage.capped_by.as_deref()), (60, Some("base")));
    let low = Coverage::of(elements(&[(Covered, 1), (Gap, 1)]), &capped);
    assert_eq!((low.percent, low.capped_by), (50, None));
}

/// Counted by hand: source, corpora, stages, benchmarks, inference check.
#[test]
fn published_documents_are_counted_as_by_hand() {
    let Some(folder) = shared("alloys") else { return };
    for (name, covered, weak, gap, expected) in [
        // Two hashed results; source, four stages and the device by word; the corpus is a name.
        ("olmoe-1b-7b-compacted-5b", 2, 6, 1, 88),
        // Source and two stages by word, devices are estimates, nothing planned.
        ("qwen2.5-0.5b-general-forged", 0, 3, 1, 75),
        // Source, three stages and a device by word; HumanEval is pending.
        ("qwen3.5-4b-code-forged", 0, 5, 1, 83),
        // A recipe: the source by word; four stages, two benchmarks and the check not run.
        ("examples/queue/01-qwen3.5-9b-code-128k", 0, 1, 7, 12),
    ] {
        let bytes = std::fs::read(folder.join(format!("{name}.alloy.json"))).unwrap();
        let coverage = score(&json::parse(&bytes, &Limits::DOCUMENT).unwrap(), &Evidence::default());
        let count = |state| coverage.in_state(state).count();
        let found = (count(State::Covered), count(State::Weak), count(State::Gap), coverage.percent);
        assert_eq!(found, (covered, weak, gap, expected), "{name}: {coverage:#?}");
    }
}

fn chained() -> Node {
    let hash = |text: &str| Digest::of(text.as_bytes()).to_string();
    let signature = js!({"algorithm": "EdDSA", "publicKey": "00", "value": "00"});
    Node::from_serde(&js!({
        "name": "x", "source": {"baseModel": "m"},
        "calibrationCorpora": [{"id": "code", "path": "c", "sha256": Digest::of(b"c").hex()}],
        "stages": [{"type": "expert-activation-profile", "calibrationCorpus": "code"}, {"type": "eval", "benchmarks": [{"name": "perplexity", "subset": "a"}, {"name": "perplexity", "subset": "b"}]}],
        "results": {"benchmarks": [{"name": "perplexity", "subset": "a", "metric": "perplexity", "metrics": {"forged": 2}, "samplesPath": "s", "resultHash": hash("s")}]},
        "chain": {"source": {"root": hash("root")}, "links": [{"stageIndex": 0, "signature": signature}]},
    }))
}

#[test]
fn a_chain_covers_its_stages_and_names_its_gaps() {
    let coverage = score(&chained(), &Evidence::default());
    let of = |state| coverage.in_state(state).map(|element| element.name.as_str()).collect::<Vec<_>>();
    assert_eq!(
        of(State::Covered),
        ["source", "calibration corpus `code`", "stage 1 (`expert-activation-profile`)", "benchmark `perplexity/a`"]
    );
    assert_eq!(of(State::Gap), ["stage 2 (`eval`)", "benchmark `perplexity/b`", "inference check"]);
    assert_eq!(coverage.percent, 57);
}

#[test]
fn evidence_that_says_otherwise_breaks_the_chain() {
    let corpus = CorpusAtHand { digest: Digest::of(b"other"), bytes: 5, items: BTreeSet::new() };
    for evidence in [
        Evidence { files: Some(BTreeMap::from([("s".to_owned(), Digest::of(b"other"))])), ..Evidence::default() },
        Evidence { corpora: BTreeMap::from([("code".to_owned(), corpus)]), ..Evidence::default() },
        Evidence { verified: Some(Verified::Not { bad: true, findings: vec!["x".into()] }), ..Evidence::default() },
    ] {
        let coverage = score(&chained(), &evidence);
        assert_eq!((coverage.percent, coverage.in_state(State::Compromised).count()), (0, 1), "{coverage:?}");
    }
    let unknown = Evidence { verified: Some(Verified::Not { bad: false, findings: vec!["x".into()] }), ..Evidence::default() };
    assert_eq!(score(&chained(), &unknown).percent, 57, "what cannot be told is not known to be wrong");
}
