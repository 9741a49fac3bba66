//! Texts with a form of their own, wherever they stand: hashes, times, paths.

use super::super::hashes::{HashText, classify, samples_path};
use super::super::walk::{Step, Steps, name, path, walk};
use crate::Moment;
use crate::recipe::check::PROBLEMS_MAX;
use crate::text::{Node, Problem};

/// How a hash is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::document) enum Spelling {
    /// `sha256:` and the digits.
    Prefixed,
    /// The digits alone.
    Bare,
    /// Either.
    Either,
}

/// Members that hold hashes, wherever they stand.
const PREFIXED: [&str; 11] = [
    "modelHash",
    "alloyHash",
    "cardHash",
    "resultHash",
    "baseResultHash",
    "samplesHash",
    "binaryHash",
    "sourceHash",
    "environmentHash",
    "adapterHash",
    "contentHash",
];
/// Members that hold hashes in either spelling.
const EITHER: [&str; 3] = ["sha256", "hashSha256", "calibrationCorpusSha256"];
/// Members that hold times.
const TIMES: [&str; 6] = ["completedAt", "attestedAt", "issuedAt", "publishedAt", "anchoredAt", "forgedAt"];
/// Members that hold times, for which a date is enough.
const DATES: [&str; 2] = ["correctedAt", "measuredAt"];
/// Members that hold paths relative to the artifact.
const PATHS: [&str; 2] = ["samplesPath", "baseSamplesPath"];
/// Root members with rules of their own: the chain and the seal are read as what they are.
const OURS: [&str; 2] = ["chain", "seal"];
/// Objects with names of anybody's choice.
const BAGS: [&str; 2] = ["metrics", "result"];

/// Whether what stands at `steps` follows rules of its own, or none.
pub(in crate::document) fn is_foreign(steps: &Steps<'_>) -> bool {
    match steps {
        [Step::Member(root)] => OURS.contains(root),
        _ => name(steps).is_some_and(|name| BAGS.contains(&name)),
    }
}

/// How the hash at `steps` is spelled; `None` where no hash stands.
pub(in crate::document) fn hash_spelling(steps: &Steps<'_>) -> Option<Spelling> {
    let within = |list: &str| matches!(steps, [.., Step::Member(name), Step::Item(_), Step::Member(_)] if *name == list);
    match name(steps)? {
        "sha256" if within("fileHashes") => Some(Spelling::Bare),
        "hash" if within("datasets") => Some(Spelling::Prefixed),
        name if PREFIXED.contains(&name) => Some(Spelling::Prefixed),
        name if EITHER.contains(&name) => Some(Spelling::Either),
        _ => None,
    }
}

/// Whether a time stands at `steps`.
pub(in crate::document) fn is_time(steps: &Steps<'_>) -> bool {
    name(steps).is_some_and(|name| TIMES.contains(&name))
}

pub(super) fn check(root: &Node, problems: &mut Vec<Problem>) {
    walk(root, &mut Vec::new(), &mut |steps, node| {
        if let Some(text) = node.as_str() {
            let found = hash(steps, text).or_else(|| time(steps, text)).or_else(|| file(steps, text));
            problems.extend(found.map(|problem| problem.at(node.at)));
        }
        problems.len() <= PROBLEMS_MAX && !is_foreign(steps)
    });
}

fn hash(steps: &Steps<'_>, text: &str) -> Option<Problem> {
    let spelling = hash_spelling(steps)?;
    let expected = match spelling {
        Spelling::Prefixed => "`sha256:` and 64 lower-case hex digits",
        Spelling::Bare => "64 lower-case hex digits without a prefix",
        Spelling::Either => "64 lower-case hex digits, with or without `sha256:`",
    };
    let shown: String = text.chars().take(80).collect();
    let problem = |what: &str| Problem::new("malformed-hash", path(steps), format!("expected {expected}, got {what}"));
    match classify(text) {
        HashText::Placeholder => None,
        HashText::Malformed => Some(problem(&format!("`{shown}`"))),
        HashText::Valid { prefixed: true, .. } if spelling == Spelling::Bare => {
            Some(problem("one with a prefix").hint("leave out `sha256:`"))
        }
        HashText::Valid { prefixed: false, .. } if spelling == Spelling::Prefixed => {
            Some(problem("one without its prefix").hint("put `sha256:` before it"))
        }
        HashText::Valid { .. } => None,
    }
}

fn time(steps: &Steps<'_>, text: &str) -> Option<Problem> {
    let dates = name(steps).is_some_and(|name| DATES.contains(&name));
    if !dates && !is_time(steps) || Moment::read(text).is_some() || dates && Moment::read_date(text).is_some() {
        return None;
    }
    let shown: String = text.chars().take(80).collect();
    let message = format!("`{shown}` is no time; expected date, time and offset");
    Some(Problem::new("malformed-time", path(steps), message).hint("write it as `2026-04-08T13:06:51Z`"))
}

fn file(steps: &Steps<'_>, text: &str) -> Option<Problem> {
    let is_path = name(steps).is_some_and(|name| PATHS.contains(&name))
        || matches!(steps, [.., Step::Member("fileHashes"), Step::Item(_), Step::Member("filename")]);
    let error = samples_path(text).err().filter(|_| is_path)?;
    let message = format!("`{}` does not lie in the artifact: {}", error.path, error.reason);
    Some(Problem::new("unsafe-path", path(steps), message).hint("name a file by its path relative to the artifact"))
}
