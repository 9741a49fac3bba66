//! Which member names a schema knows, and which known name was meant.

use serde_json::Value;

/// Below this similarity (Jaro-Winkler, 0 to 1) a suggestion is more puzzling than none.
const SIMILAR_ENOUGH: f64 = 0.85;

/// Two names of which one is more than this many times as long as the other are never similar enough: with the shorter one whole
/// within the longer, Jaro is at most (2 + 1/4) / 3 and the common start adds at most 0.4 of what is missing to 1.
const LENGTHS_MAX: usize = 4;

/// A message lists no more than this many names.
const LISTED_MAX: usize = 40;

/// References are followed this deep, which ends the walk on schemas that refer to themselves.
const REFERENCES_MAX: usize = 16;

/// Returns the names `schema` lists in `properties`; with `deep`, also those of the schemas it combines.
pub(super) fn accepted(root: &Value, schema: &Value, deep: bool) -> Vec<String> {
    let mut names = Vec::new();
    collect(root, schema, if deep { REFERENCES_MAX } else { 0 }, &mut names);
    names
}

fn collect(root: &Value, schema: &Value, left: usize, names: &mut Vec<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for name in properties.keys() {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    let Some(left) = left.checked_sub(1) else { return };
    for combiner in ["allOf", "anyOf", "oneOf"] {
        for part in schema.get(combiner).and_then(Value::as_array).into_iter().flatten() {
            collect(root, part, left, names);
        }
    }
    for part in ["if", "then", "else"].iter().filter_map(|keyword| schema.get(*keyword)) {
        collect(root, part, left, names);
    }
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    if let Some(target) = reference.and_then(|pointer| root.pointer(pointer)) {
        collect(root, target, left, names);
    }
}

/// Returns the candidate that `written` was most likely meant to be.
pub(in crate::text) fn suggest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(written);
    let length = folded.chars().count();
    let comparable = |other: &str| {
        let other = other.chars().count();
        length <= other.saturating_mul(LENGTHS_MAX) && other <= length.saturating_mul(LENGTHS_MAX)
    };
    let candidates = candidates.into_iter().map(|candidate| (fold(candidate), candidate)).filter(|(other, _)| comparable(other));
    let scored = candidates.map(|(other, candidate)| (strsim::jaro_winkler(&folded, &other), candidate));
    let best = scored.filter(|(score, _)| *score >= SIMILAR_ENOUGH).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, candidate)| candidate)
}

/// Drops what people get wrong without meaning another name: case and separators.
fn fold(name: &str) -> String {
    name.chars().filter(|char| !matches!(char, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Lists names in backticks.
pub(in crate::text) fn list<S: AsRef<str>>(names: &[S], last_word: &str) -> String {
    let quoted: Vec<String> = names.iter().take(LISTED_MAX).map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() > LISTED_MAX {
        return format!("{} and {} more", quoted.join(", "), names.len() - LISTED_MAX);
    }
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [start @ .., last] => format!("{} {last_word} {last}", start.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_close_or_absent() {
        let names = ["keepExpertsPerLayer", "perLayerNormalized", "type", "rationale"];
        for (written, meant) in [
            ("keepExpert", Some("keepExpertsPerLayer")),
            ("keep_experts_per_layer", Some("keepExpertsPerLayer")),
            ("perLayerNormalised", Some("perLayerNormalized")),
            ("tpye", Some("type")),
            ("budget", None),
            ("x", None),
        ] {
            assert_eq!(suggest(written, names), meant, "{written}");
        }
    }

    #[test]
    fn names_not_compared_for_their_lengths_would_not_be_suggested() {
        // The likest two names of these lengths: one starts with the other.
        for length in 1..40 {
            let (short, long) = ("a".repeat(length), "a".repeat(length * LENGTHS_MAX + 1));
            assert!(strsim::jaro_winkler(&short, &long) < SIMILAR_ENOUGH, "{length}");
        }
    }
}
