//! Sets the number of experts in a `config.json` and leaves every other byte as it is.

use aw_alloy::text::{Limits, Mark, Node, SyntaxError, json};

/// The keys that hold a number of experts, in any family.
const KEYS: [&str; 4] = ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"];

/// Why a config's expert count cannot be set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigEditError {
    /// The config is not strict JSON.
    #[error("`config.json`: {source}")]
    Syntax {
        /// Place and reason.
        #[from]
        source: SyntaxError,
    },
    /// None of the keys that hold a number of experts is present.
    #[error("`config.json` declares no number of experts; expected one of {}", KEYS.map(|key| format!("`{key}`")).join(", "))]
    NoCount,
    /// A key holds another number than the model has experts.
    #[error("`config.json`, {at}: `{key}` is {got}, but the model has {expected} experts")]
    OtherCount {
        /// Where it stands.
        at: Mark,
        /// The key.
        key: &'static str,
        /// What it holds, as JSON.
        got: String,
        /// Experts per layer.
        expected: u64,
    },
}

/// Returns `text` with every number of experts, at the top level and in `text_config`, set from `experts` to `keep`.
///
/// # Errors
/// When no such number is found, or one found is not `experts`.
pub fn edit_expert_count(text: &str, experts: u64, keep: u64) -> Result<String, ConfigEditError> {
    let root = json::parse(text.as_bytes(), &Limits::DOCUMENT)?;
    let mut places = Vec::new();
    for object in [Some(&root), root.get("text_config")].into_iter().flatten() {
        collect(object, experts, &mut places)?;
    }
    if places.is_empty() {
        return Err(ConfigEditError::NoCount);
    }
    // From the back, so that earlier places stay where they are.
    places.sort_unstable_by_key(|(begin, _)| std::cmp::Reverse(*begin));
    let mut edited = text.to_owned();
    for (begin, length) in places.iter().map(|(mark, length)| (offset(text, *mark), *length)) {
        edited.replace_range(begin..begin + length, &keep.to_string());
    }
    Ok(edited)
}

/// Collects where one object's expert counts stand: mark and length in bytes.
fn collect(object: &Node, experts: u64, places: &mut Vec<(Mark, usize)>) -> Result<(), ConfigEditError> {
    for key in KEYS {
        let Some(value) = object.get(key).filter(|value| !value.is_null()) else { continue };
        match value.as_number() {
            Some(number) if number.as_u64() == Some(experts) => places.push((value.at, number.lexeme().len())),
            _ => {
                let (at, got) = (value.at, json::compact(value));
                return Err(ConfigEditError::OtherCount { at, key, got, expected: experts });
            }
        }
    }
    Ok(())
}

/// Returns the byte a mark points at: lines end at `\n`, columns count characters.
fn offset(text: &str, mark: Mark) -> usize {
    let line: usize = text.split_inclusive('\n').take(mark.line as usize - 1).map(str::len).sum();
    let column: usize = text[line..].chars().take(mark.column as usize - 1).map(char::len_utf8).sum();
    line + column
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_expert_counts_change() {
        let text = "{\r\n  \"ünïcode\": \"ä😀\", \"num_experts\": 64,\n\t\"x\": 1e-05, \"text_config\": {\"k\": \"num_experts\", \
                    \"num_local_experts\":64 },\n  \"num_experts_per_tok\": 64, \"n_routed_experts\": null}\n";
        let expected = text.replace("\"num_experts\": 64", "\"num_experts\": 48").replace(":64 }", ":48 }");
        assert_eq!(edit_expert_count(text, 64, 48).unwrap(), expected);
        let longer = edit_expert_count(text, 64, 1000).unwrap();
        assert_eq!(edit_expert_count(&longer, 1000, 64).unwrap(), text);
    }

    #[test]
    fn a_count_that_is_absent_or_another_is_refused() {
        let none = edit_expert_count("{\"hidden_size\": 64}", 64, 48).unwrap_err().to_string();
        assert!(none.contains("expected one of `num_experts`, `num_local_experts`"), "{none}");
        let other = edit_expert_count("{\"num_experts\": 64,\n \"num_local_experts\": 60}", 64, 48).unwrap_err().to_string();
        assert_eq!(other, "`config.json`, line 2, column 23: `num_local_experts` is 60, but the model has 64 experts");
        let text = edit_expert_count("{\"num_experts\": \"64\"}", 64, 48).unwrap_err().to_string();
        assert!(text.contains("`num_experts` is \"64\""), "{text}");
    }
}
