//! Names of repositories and commits, checked before they are part of a path or an address.

use std::fmt;
use std::str::FromStr;

/// Longest repository id, in bytes; the Hub's own limit.
const REPOSITORY_BYTES_MAX: usize = 96;

/// A repository on the Hub: `organisation/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId(String);

/// A commit: 40 hexadecimal digits, lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit(String);

/// Why a text names no repository or commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a repository.
    #[error("`{text}` does not name a repository on the Hub: {reason}; expected `organisation/name`")]
    Repository {
        /// The text, made printable.
        text: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// Not a commit.
    #[error("`{text}` is not a commit: expected 40 hexadecimal digits in lower case")]
    Commit {
        /// The text, made printable.
        text: String,
    },
}

/// A text as messages show it: one line, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
    if text.chars().count() > 200 {
        shown.push('…');
    }
    shown
}

impl RepositoryId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder the cache keeps it in.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}", self.0.replace('/', "--"))
    }
}

impl FromStr for RepositoryId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let odd_end = |part: &str| part.starts_with(['-', '.']) || part.ends_with(['-', '.']);
        let parts: Vec<&str> = text.split('/').collect();
        let reason = if text.len() > REPOSITORY_BYTES_MAX {
            "it is longer than 96 characters"
        } else if parts.len() != 2 || parts.contains(&"") {
            "it is not two names with a `/` between them"
        } else if !text.bytes().all(|byte| plain(byte) || byte == b'/') {
            "it holds other characters than letters, digits, `-`, `_` and `.`"
        } else if parts.iter().any(|part| odd_end(part)) {
            "a name starts or ends with `-` or `.`"
        } else if text.contains("--") || text.contains("..") {
            "it holds `--` or `..`"
        } else if text.ends_with(".git") {
            "it ends in `.git`"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(NameError::Repository { text: shown(text), reason })
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Commit {
    /// The commit as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Commit {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 40 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Commit { text: shown(text) })
        }
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for good in ["allenai/OLMoE-1B-7B-0924-Instruct", "a/b", "Qwen/Qwen3.5-4B", "mistralai/Mixtral-8x7B-Instruct-v0.1"] {
            assert_eq!(good.parse::<RepositoryId>().unwrap().as_str(), good);
        }
        let long = format!("a/{}", "b".repeat(95));
        for bad in
            ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b?c", "a/b#", "a b/c", "a/b\n", "a--b/c", "-a/b", "a/b.git", &long]
        {
            assert!(bad.parse::<RepositoryId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_a_whole_commit_is_one() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(commit.parse::<Commit>().unwrap().as_str(), commit);
        for bad in [
            "main",
            "v1",
            &commit[1..],
            &commit.to_uppercase(),
            &format!("{commit}0"),
            "../../../../../../../../../../etc/passwd0000",
        ] {
            assert!(bad.parse::<Commit>().is_err(), "{bad}");
        }
    }
}
