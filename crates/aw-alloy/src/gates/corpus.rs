//! The calibration-corpus gate: what a method was tuned on is declared, pinned, at hand, described, apart from what it is measured on, and of
//! its kind.
//!
//! # Source
//! The foundry and line, section 5, gate 4; the alloy format, section 6, CalibrationCorpusRef.

use super::evidence::CorpusAtHand;
use super::measured::{Row, benchmark_name, claimed, hash, items, number, rows, text};
use super::{Evidence, GateVerdict, Rule};
use crate::digest::Digest;
use crate::text::Node;

const GATE: &str = "calibration-corpus";
/// A stage that measures on a corpus and changes nothing by itself: its corpus may be a control's.
const MEASURES_ONLY: &str = "expert-activation-profile";

/// What kind of text the known benchmarks are. Others say so themselves, in `kind`.
const KINDS: &[(&str, &str)] = &[
    ("humaneval", "code"),
    ("humaneval_plus", "code"),
    ("mbpp", "code"),
    ("mbpp_plus", "code"),
    ("livecodebench_v6", "code"),
    ("gsm8k", "mathematics"),
    ("math_hard", "mathematics"),
    ("mmlu", "broad"),
    ("mmlu_pro", "broad"),
    ("bbh", "broad"),
    ("ifeval", "broad"),
    ("gpqa", "broad"),
    ("musr", "broad"),
    ("arc_challenge", "broad"),
];

/// Judges every corpus that shaped the result. A corpus that only a control used is not one of those.
pub fn judge(document: &Node, evidence: &Evidence) -> GateVerdict {
    let used = used(document);
    if used.is_empty() {
        return GateVerdict::not_applicable(GATE, "no stage was calibrated on a corpus");
    }
    let rules = used.iter().flat_map(|corpus| Gate { document, evidence, corpus }.rules()).collect();
    GateVerdict::new(GATE, rules)
}

/// A corpus and its declaration.
pub(crate) struct Corpus<'a> {
    pub(crate) id: &'a str,
    /// Where a stage names it, or where it is declared.
    pub(crate) named_at: String,
    pub(crate) declared: Option<(String, &'a Node)>,
}

/// The corpora that stages name, those of the transforming stages before those that were only measured on; without any, all declared ones.
pub(crate) fn used(document: &Node) -> Vec<Corpus<'_>> {
    let named = named(document);
    let shaping: Vec<_> = named.iter().filter(|(stage, ..)| *stage != MEASURES_ONLY).copied().collect();
    let chosen = if shaping.is_empty() { named } else { shaping };
    if chosen.is_empty() {
        let corpus = |(path, node)| Some(Corpus { id: id(node)?, named_at: String::clone(&path), declared: Some((path, node)) });
        return declared(document).into_iter().filter_map(corpus).collect();
    }
    let mut corpora: Vec<Corpus<'_>> = Vec::new();
    for (_, index, id) in chosen {
        if corpora.iter().all(|corpus| corpus.id != id) {
            let named_at = format!("stages[{index}].calibrationCorpus");
            corpora.push(Corpus { id, named_at, declared: declaration(document, id) });
        }
    }
    corpora
}

/// Stage type, position and corpus of every stage that names one.
fn named(document: &Node) -> Vec<(&str, usize, &str)> {
    let stages = items(document, "stages").iter().enumerate();
    let named = |(index, stage)| Some((text(stage, "type").unwrap_or_default(), index, text(stage, "calibrationCorpus")?));
    stages.filter_map(named).collect()
}

/// Every corpus that stages name, once each.
pub(crate) fn all_named(document: &Node) -> Vec<(usize, &str)> {
    let mut seen: Vec<(usize, &str)> = Vec::new();
    for (_, index, id) in named(document) {
        if seen.iter().all(|(_, known)| *known != id) {
            seen.push((index, id));
        }
    }
    seen
}

/// Every declaration: the list of this vocabulary, and the single member of foundry recipes.
pub(crate) fn declared(document: &Node) -> Vec<(String, &Node)> {
    let list = items(document, "calibrationCorpora").iter().enumerate();
    let list = list.map(|(index, node)| (format!("calibrationCorpora[{index}]"), node));
    let single = document.get("calibrationCorpus").filter(|node| node.as_object().is_some());
    list.chain(single.map(|node| ("calibrationCorpus".to_owned(), node))).collect()
}

pub(crate) fn id(declaration: &Node) -> Option<&str> {
    text(declaration, "id").or_else(|| text(declaration, "name"))
}

fn declaration<'a>(document: &'a Node, wanted: &str) -> Option<(String, &'a Node)> {
    declared(document).into_iter().find(|(_, node)| id(node) == Some(wanted))
}

/// The hash that a declaration pins, prefixed or bare.
pub(crate) fn pinned(declaration: &Node) -> Result<Digest, String> {
    let names = ["sha256", "contentHash", "hashSha256"];
    let stated = names.iter().find_map(|name| text(declaration, name)).ok_or("it has no `sha256`")?;
    hash(stated).map_err(|error| format!("its `sha256` pins nothing: {error}"))
}

struct Gate<'a> {
    document: &'a Node,
    evidence: &'a Evidence,
    corpus: &'a Corpus<'a>,
}

impl Gate<'_> {
    fn rules(&self) -> Vec<Rule> {
        let rule = self.rule("declared", "the corpus is declared in `calibrationCorpora`");
        let Some((path, declaration)) = &self.corpus.declared else {
            return vec![rule.at(&self.corpus.named_at).fails(format!(
                "`{}` is a name and nothing else: declare it in `calibrationCorpora` with `path`, `sha256` and `distributionSummary`",
                self.corpus.id
            ))];
        };
        let at_hand = self.evidence.corpora.get(self.corpus.id);
        let mut rules = vec![
            rule.at(path).passes("it is"),
            self.pinned(path, declaration),
            self.present(path, declaration, at_hand),
            self.described(path, declaration, at_hand),
        ];
        let claimed: Vec<usize> = claimed(self.document).iter().map(|row| row.index).collect();
        for row in rows(self.document) {
            let is_claimed = claimed.contains(&row.index);
            rules.extend(self.disjoint(&row, declaration, at_hand, is_claimed));
            rules.extend(is_claimed.then(|| self.representative(path, declaration, &row)));
        }
        rules
    }

    fn rule(&self, what: &str, words: &str) -> Rule {
        Rule::new(format!("{}.{what}", self.corpus.id), words)
    }

    fn pinned(&self, path: &str, declaration: &Node) -> Rule {
        let rule = self.rule("pinned", "its bytes are pinned by their hash").at(path);
        match pinned(declaration) {
            Ok(digest) => rule.passes(format!("pinned as {digest}")),
            Err(why) => rule.fails(why),
        }
    }

    fn present(&self, path: &str, declaration: &Node, at_hand: Option<&CorpusAtHand>) -> Rule {
        let rule = self.rule("present", "its bytes are at hand and are those that were pinned").at(path);
        match (at_hand, pinned(declaration)) {
            (None, _) => rule.fails("its bytes were not handed in: name the folder that its `path` starts from"),
            (Some(_), Err(why)) => rule.fails(why),
            (Some(found), Ok(pinned)) if found.digest != pinned => {
                rule.fails(format!("its bytes are others: expected {pinned}, found {}", found.digest))
            }
            (Some(found), Ok(_)) => rule.passes(format!("{} bytes, as pinned", found.bytes)),
        }
    }

    fn described(&self, path: &str, declaration: &Node, at_hand: Option<&CorpusAtHand>) -> Rule {
        let rule = self.rule("described", "its size and what is in it are stated").at(path);
        let stated =
            ["tokens", "examples", "sizeBytes"].iter().find_map(|name| Some(format!("{} {name}", number(declaration, name)?)));
        let size =
            stated.or_else(|| at_hand.map(|found| format!("{} bytes, {} different examples", found.bytes, found.items.len())));
        match (size, text(declaration, "distributionSummary")) {
            (Some(size), Some(summary)) => rule.passes(format!("{size}; {summary}")),
            (None, _) => rule.fails("its size is not stated: `examples` or `tokens` is right"),
            (_, None) => rule.fails("it has no `distributionSummary`: a sentence on what is in it is right"),
        }
    }

    fn disjoint(&self, row: &Row<'_>, declaration: &Node, at_hand: Option<&CorpusAtHand>, claimed: bool) -> Option<Rule> {
        let label = row.label();
        let rule = self.rule(&format!("disjoint.{label}"), "no example of it is an item of what was measured on").at(row.path());
        let measured_on = row.subset().and_then(|subset| evaluation_corpus(self.document, subset));
        if let Some(same) = measured_on.filter(|corpus| pinned(corpus).is_ok() && pinned(corpus) == pinned(declaration)) {
            return Some(rule.fails(format!("`{}` is the very corpus that was measured on", id(same).unwrap_or_default())));
        }
        let names = [row.subset(), Some(row.name()), Some(benchmark_name(row.name()))];
        let items = names.into_iter().flatten().find_map(|name| self.evidence.items.get(name));
        match (at_hand, items) {
            (Some(corpus), Some(items)) => {
                let shared = corpus.items.intersection(items).count();
                let message = format!("{} examples, {} items of `{label}`, {shared} in both", corpus.items.len(), items.len());
                Some(match (shared, items.is_empty() || corpus.items.is_empty()) {
                    (_, true) => rule.fails(format!("{message}: nothing to compare")),
                    (0, false) => rule.passes(message),
                    _ => rule.fails(message),
                })
            }
            // What is not claimed says what the change cost; whether its items are at hand decides nothing.
            _ if !claimed => None,
            (None, _) => Some(rule.fails("it cannot be told: the corpus was not handed in")),
            (_, None) => Some(rule.fails(format!("it cannot be told: the items of `{label}` were not handed in"))),
        }
    }

    fn representative(&self, path: &str, declaration: &Node, row: &Row<'_>) -> Rule {
        let label = row.label();
        let rule = self
            .rule(&format!("representative.{label}"), "it is of the kind of text that was measured on")
            .at(path)
            .at(row.path());
        let asked = row
            .subset()
            .and_then(|subset| text(evaluation_corpus(self.document, subset)?, "kind"))
            .or_else(|| text(row.node, "kind"))
            .or_else(|| kind_of(benchmark_name(row.name())));
        match (text(declaration, "kind"), asked) {
            (Some(kind), Some(asked)) if kind == asked => rule.passes(format!("both are `{kind}`")),
            (Some(kind), Some(asked)) => rule.fails(format!("the corpus is `{kind}`, `{label}` is `{asked}`")),
            (None, Some(asked)) => {
                rule.fails(format!("it cannot be told: the corpus states no `kind`; for `{label}`, `{asked}` is right"))
            }
            (_, None) => rule.fails(format!("it cannot be told: nothing states the `kind` of `{label}`")),
        }
    }
}

fn kind_of(benchmark: &str) -> Option<&'static str> {
    KINDS.iter().find(|(name, _)| *name == benchmark).map(|(_, kind)| *kind)
}

/// A corpus that models are measured on, by its id.
fn evaluation_corpus<'a>(document: &'a Node, wanted: &str) -> Option<&'a Node> {
    items(document, "evaluationCorpora").iter().find(|corpus| id(corpus) == Some(wanted))
}
