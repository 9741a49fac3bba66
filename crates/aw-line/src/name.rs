//! What parts and the files beside them are called. Foundry and line, section 3.2.

use std::fmt;
use std::str::FromStr;

/// What the name of a part's file ends in.
pub const PART_ENDING: &str = ".alloy.json";
/// Most bytes of a stem: what is added to it must still fit a file name.
pub const STEM_BYTES_MAX: usize = 160;
const RETRY: &str = ".retry";

/// The name of a part: a stem, which stays the same for good, and how often it was recovered after a crash.
///
/// Ordered as the file names are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartName {
    stem: String,
    retries: u32,
}

/// Why a text names no part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It does not end as a part's file must.
    #[error("`{0}` does not end in `.alloy.json`")]
    Ending(String),
    /// It holds a character that is not allowed, or begins with one, or is empty.
    #[error("`{0}` is no stem: letters, digits, `.`, `_` and `-` after a first letter or digit")]
    Stem(String),
    /// It is longer than [`STEM_BYTES_MAX`].
    #[error("the stem is {0} bytes long; at most {STEM_BYTES_MAX} are allowed")]
    Long(usize),
    /// The retry mark is none that is written: it has no number, begins with 0, is too large, or is there twice.
    #[error("`{0}` has a retry mark that is none: `.retry` and a number from 1 on, without leading zeros, once")]
    Retry(String),
}

impl PartName {
    /// A part that was not recovered yet.
    ///
    /// # Errors
    /// [`NameError`] when `stem` is none.
    pub fn new(stem: &str) -> Result<Self, NameError> {
        let shown = || stem.chars().take(80).collect::<String>();
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        if !stem.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) || !stem.bytes().all(allowed) {
            return Err(NameError::Stem(shown()));
        }
        if stem.len() > STEM_BYTES_MAX {
            return Err(NameError::Long(stem.len()));
        }
        if split_mark(stem).is_some() {
            return Err(NameError::Retry(shown()));
        }
        Ok(Self { stem: stem.to_owned(), retries: 0 })
    }

    /// Reads the name of a part's file, `<stem>.alloy.json` or `<stem>.retry<N>.alloy.json`.
    ///
    /// # Errors
    /// [`NameError`] when it is none.
    pub fn of_file(file: &str) -> Result<Self, NameError> {
        let name = file.strip_suffix(PART_ENDING).ok_or_else(|| NameError::Ending(file.chars().take(80).collect()))?;
        name.parse()
    }

    /// What stays the same when it is recovered.
    pub fn stem(&self) -> &str {
        &self.stem
    }

    /// How often it was recovered after a crash.
    pub const fn retries(&self) -> u32 {
        self.retries
    }

    /// The same part, recovered that often.
    #[must_use]
    pub fn with_retries(&self, retries: u32) -> Self {
        Self { stem: self.stem.clone(), retries }
    }

    /// The name of its file.
    pub fn file(&self) -> String {
        format!("{self}{PART_ENDING}")
    }

    /// The name of a file beside it: `result.json` gives `<name>.result.json`.
    pub fn beside(&self, ending: &str) -> String {
        format!("{self}.{ending}")
    }

    /// The name of a file of the line's own about it, which no listing shows: `.<name>.<ending>`.
    pub fn hidden(&self, ending: &str) -> String {
        format!(".{self}.{ending}")
    }
}

/// `<name>` is the stem and, when it was recovered, `.retry<N>`.
impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retries {
            0 => f.write_str(&self.stem),
            retries => write!(f, "{}{RETRY}{retries}", self.stem),
        }
    }
}

impl FromStr for PartName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let Some((stem, mark)) = split_mark(name) else { return Self::new(name) };
        let retries = (!mark.starts_with('0')).then(|| mark.parse().ok()).flatten();
        let retries = retries.ok_or_else(|| NameError::Retry(name.chars().take(80).collect()))?;
        Ok(Self::new(stem)?.with_retries(retries))
    }
}

impl PartialOrd for PartName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PartName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

/// What is before `.retry<digits>` at the end, and the digits.
fn split_mark(name: &str) -> Option<(&str, &str)> {
    let (stem, mark) = name.rsplit_once(RETRY)?;
    (!mark.is_empty() && mark.bytes().all(|c| c.is_ascii_digit())).then_some((stem, mark))
}

/// The longest of `names` that `file` is beside: `a.b.error.json` belongs to `a.b` where that is a part, else to `a`.
///
/// Files that end as parts do belong to no other part.
pub(crate) fn owner_among(file: &str, is_part: impl Fn(&str) -> bool) -> Option<&str> {
    if file.starts_with('.') || file.ends_with(PART_ENDING) {
        return None;
    }
    file.rmatch_indices('.').map(|(at, _)| &file[..at]).find(|name| is_part(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (file, stem, retries) in [
            ("a.alloy.json", "a", 0),
            ("a.retry3.alloy.json", "a", 3),
            ("A-1_b.c.alloy.json", "A-1_b.c", 0),
            ("a.retry.alloy.json", "a.retry", 0),
            ("a.retryx.retry10.alloy.json", "a.retryx", 10),
            ("9.alloy.json.alloy.json", "9.alloy.json", 0),
        ] {
            let name = PartName::of_file(file).unwrap();
            assert_eq!((name.stem(), name.retries(), name.file().as_str()), (stem, retries, file));
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = format!("{}.alloy.json", "x".repeat(STEM_BYTES_MAX + 1));
        for file in [
            ".alloy.json",
            "..alloy.json",
            "../a.alloy.json",
            "a/b.alloy.json",
            "-a.alloy.json",
            ".a.alloy.json",
            "a b.alloy.json",
            "ä.alloy.json",
            "a\n.alloy.json",
            "a\0.alloy.json",
            "a.json",
            "a.alloy.jsonx",
            "a.retry0.alloy.json",
            "a.retry01.alloy.json",
            "a.retry4294967296.alloy.json",
            "a.retry1.retry2.alloy.json",
            ".retry1.alloy.json",
            long.as_str(),
        ] {
            assert!(PartName::of_file(file).is_err(), "{file}");
        }
    }

    #[test]
    fn a_file_belongs_to_the_longest_name() {
        let parts = ["a", "a.b", "a.retry1"];
        let owner = |file| owner_among(file, |name| parts.contains(&name));
        assert_eq!(owner("a.error.json"), Some("a"));
        assert_eq!(owner("a.b.error.json"), Some("a.b"));
        assert_eq!(owner("a.retry1.error.2.json"), Some("a.retry1"));
        assert_eq!(owner("b.error.json"), None);
        assert_eq!(owner("a.c.alloy.json"), None, "a part is never beside another");
        assert_eq!(owner(".a.owner"), None);
    }
}
