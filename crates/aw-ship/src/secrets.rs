//! Secrets in texts: keys and tokens whose form says what they are.
//!
//! Only forms that nothing else has are looked for, as their issuers document them, so that what is found is one. A placeholder is none:
//! letters of a token are never as alike as those of `ghp_xxxx…`. Whether any other text is a secret is not guessed.
//!
//! # Source
//! The foundry and line, section 5, gate 8.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::LazyLock;

use regex::bytes::Regex;

/// What is looked for: its name, and its form with what is secret of it as the group `secret`.
const FORMS: [(&str, &str); 13] = [
    (
        "private key",
        // The mark alone stands in many programs that read keys; a key has its digits behind it, after the headers of older forms.
        // Lines may end as in JSON.
        concat!(
            r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\+[nr]|\s){1,8}",
            r"(?:[A-Za-z-]{1,32}: [^\r\n\\]{0,120}(?:\\+[nr]|\s){1,8}){0,6}(?P<secret0>[A-Za-z0-9+/]{32})"
        ),
    ),
    ("access key of AWS", r"(?:AKIA|ASIA)(?P<secret1>[A-Z2-7]{16})\b"),
    ("token of Hugging Face", r"hf_(?P<secret2>[A-Za-z0-9]{34})\b"),
    ("token of a Hugging Face organisation", r"api_org_(?P<secret3>[A-Za-z0-9]{34})\b"),
    ("token of GitHub", r"gh[pousr]_(?P<secret4>[A-Za-z0-9]{36})\b"),
    ("fine-grained token of GitHub", r"github_pat_(?P<secret5>[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b"),
    ("token of GitLab", r"glpat-(?P<secret6>[A-Za-z0-9_-]{20})"),
    ("token of Slack", r"xox[abeprs]-[0-9]{10,13}-(?P<secret7>[0-9]{10,13}-[A-Za-z0-9-]{20})"),
    ("application token of Slack", r"xapp-[0-9]-A[A-Z0-9]{8,12}-[0-9]{10,13}-(?P<secret8>[a-f0-9]{64})\b"),
    ("API key of Google", r"AIza(?P<secret9>[A-Za-z0-9_-]{35})"),
    ("token of npm", r"npm_(?P<secret10>[A-Za-z0-9]{36})\b"),
    ("token of PyPI", r"pypi-AgEIcHlwaS5vcmc(?P<secret11>[A-Za-z0-9_-]{50})"),
    ("token of TestPyPI", r"pypi-AgENdGVzdC5weXBpLm9yZw(?P<secret12>[A-Za-z0-9_-]{50})"),
];
/// Longest match, with room: what begins this far before the end of what was read is whole.
const MATCH_BYTES_MAX: usize = 4 << 10;
/// Bytes before a match that say whether it begins there.
const BEFORE_BYTES: usize = 8;
/// Bytes that are held at a time.
const WINDOW_BYTES: usize = 256 << 10;
/// Bytes of a file's start that say whether it is text.
const TEXT_BYTES: usize = 8 << 10;
/// Fewest different characters of a token: 16 random ones of 32 have fewer once in forty million.
const DIFFERENT_MIN: usize = 6;

#[expect(clippy::expect_used, reason = "a constant, which every test compiles")]
static FORM: LazyLock<Regex> = LazyLock::new(|| {
    let all: Vec<&str> = FORMS.iter().map(|(_, form)| *form).collect();
    Regex::new(&format!("(?s-u){}", all.join("|"))).expect("the forms are regular expressions")
});

/// Where a kind of secret is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it is.
    pub(crate) kind: &'static str,
    /// Byte that the first begins at, from 0.
    pub(crate) at: u64,
    /// How many there are.
    pub(crate) count: u64,
}

/// Looks through a text; what is none, having a zero byte near its start, is not looked through. In the order of the forms.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn search(mut text: impl Read) -> io::Result<Vec<Found>> {
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    let mut window = Vec::with_capacity(WINDOW_BYTES);
    // Where the window begins, and how far it was searched.
    let (mut start, mut from) = (0_u64, 0);
    loop {
        let room = (WINDOW_BYTES - window.len()) as u64;
        let end = text.by_ref().take(room).read_to_end(&mut window)? == 0;
        if start == 0 && from == 0 && window.iter().take(TEXT_BYTES).any(|byte| *byte == 0) {
            return Ok(Vec::new());
        }
        let until = if end { window.len() } else { window.len().saturating_sub(MATCH_BYTES_MAX).max(from) };
        while let Some((kind, at, after)) = next(&window, from).filter(|(_, at, _)| *at < until) {
            let (name, _) = FORMS[kind];
            let first = Found { kind: name, at: start + at as u64, count: 0 };
            found.entry(kind).or_insert(first).count += 1;
            from = after;
        }
        if end {
            return Ok(found.into_values().collect());
        }
        from = from.max(until);
        let keep = from.saturating_sub(BEFORE_BYTES);
        window.drain(..keep);
        (start, from) = (start + keep as u64, from - keep);
    }
}

/// The next secret of a text: which form, where it begins and ends.
fn next(text: &[u8], mut from: usize) -> Option<(usize, usize, usize)> {
    while let Some(captures) = FORM.captures_at(text, from) {
        let whole = captures.get(0)?;
        let secret = |kind: usize| captures.name(&format!("secret{kind}"));
        let (kind, secret) = (0..FORMS.len()).find_map(|kind| Some((kind, secret(kind)?)))?;
        if begins(text, whole.start()) && !is_placeholder(secret.as_bytes()) {
            return Some((kind, whole.start(), whole.end()));
        }
        from = whole.start() + 1;
    }
    None
}

/// Whether something can begin at a byte: not in the middle of a word. An escape of JSON ends with a letter or a digit and is no word.
fn begins(text: &[u8], at: usize) -> bool {
    let before = &text[..at];
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if !before.last().is_some_and(word) {
        return true;
    }
    let escape = before.len().checked_sub(2).map(|start| &before[start..]);
    let unicode = before.len().checked_sub(6).map(|start| &before[start..]);
    matches!(escape, Some([b'\\', b'n' | b'r' | b't' | b'b' | b'f']))
        || matches!(unicode, Some([b'\\', b'u', digits @ ..]) if digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether it only shows what one looks like.
fn is_placeholder(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    secret.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.into_iter().filter(|seen| *seen).count() < DIFFERENT_MIN || secret.ends_with(b"EXAMPLE")
}

#[cfg(test)]
mod tests;
