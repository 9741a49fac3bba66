//! Corpora of examples: one JSON object per line, its text in `text`, else in `content`.
//!
//! A corpus is scanned once when it is opened, so that its hash, its counts and every malformed line are known before any work,
//! and hashed again while it is read: a file that changes in between is an error, not a different result.

use crate::tokenizer::{Tokenizer, TokenizerError};
use aw_alloy::digest::Hasher;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line of a corpus, in bytes. Longer ones are refused, so that a file without line breaks is not read into memory.
pub const MAX_LINE_BYTES: u64 = 16 << 20;

/// A corpus that was scanned and found well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    path: PathBuf,
    /// SHA-256 of the file's bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Examples with text.
    pub examples: u64,
    /// Lines that hold nothing but white space, which are skipped.
    pub blank_lines: u64,
    /// Examples whose text holds nothing but white space, which are skipped.
    pub empty_texts: u64,
}

/// Why a corpus could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// The file could not be opened or read.
    #[error("cannot read corpus `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line is longer than the limit.
    #[error("corpus `{path}`, line {line}: longer than {MAX_LINE_BYTES} bytes\nhint: expected one JSON object per line", path = path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// Line number, from one.
        line: u64,
    },
    /// A line is not a JSON object with a text.
    #[error("corpus `{path}`, line {line}: expected a JSON object with a string `text` or `content`, got {problem}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number, from one.
        line: u64,
        /// What stands there instead.
        problem: LineProblem,
    },
    /// No line has a text.
    #[error("corpus `{path}` holds no text: {blank_lines} blank lines, {empty_texts} empty texts", path = path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// Lines skipped as blank.
        blank_lines: u64,
        /// Examples skipped as empty.
        empty_texts: u64,
    },
    /// The file changed after it was scanned.
    #[error("corpus `{path}` changed while it was used: expected SHA-256 {expected}, got {got}", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Hash when it was opened.
        expected: String,
        /// Hash now.
        got: String,
    },
    /// A text could not be turned into tokens.
    #[error("corpus `{path}`, line {line}: {source}", path = path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Line number, from one.
        line: u64,
        /// Why.
        source: TokenizerError,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// It is not UTF-8.
    #[error("bytes that are not UTF-8 ({0})")]
    NotUtf8(std::str::Utf8Error),
    /// It is not JSON, not an object, or its text is not a string.
    #[error("{0}")]
    NotJson(serde_json::Error),
    /// It is an array.
    #[error("an array")]
    Array,
    /// It has neither key.
    #[error("an object with neither")]
    NoText,
}

/// One example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Line number in the corpus, from one.
    pub line: u64,
    /// The text, never empty.
    pub text: String,
}

/// The keys of a line that matter; others are the corpus author's own.
#[derive(Deserialize)]
struct Line {
    #[serde(default, deserialize_with = "present")]
    text: Option<String>,
    #[serde(default, deserialize_with = "present")]
    content: Option<String>,
}

/// Reads a key that stands there: `null` is then an error and not an absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl Corpus {
    /// Scans a corpus: hashes it, counts its examples and checks every line.
    ///
    /// # Errors
    /// When the file cannot be read, a line is malformed or too long, or no line has a text.
    pub fn open(path: &Path) -> Result<Corpus, CorpusError> {
        let mut lines = Lines::open(path)?;
        let mut examples = 0;
        while lines.next_example()?.is_some() {
            examples += 1;
        }
        let (blank_lines, empty_texts) = (lines.blank_lines, lines.empty_texts);
        if examples == 0 {
            return Err(CorpusError::NoText { path: path.to_owned(), blank_lines, empty_texts });
        }
        let bytes = lines.bytes;
        Ok(Corpus { path: path.to_owned(), sha256: lines.finish(), bytes, examples, blank_lines, empty_texts })
    }

    /// The file's name without its folder, which is what may be written into results.
    #[must_use]
    pub fn label(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Reads the examples in order.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn texts(&self) -> Result<Texts<'_>, CorpusError> {
        Ok(Texts { corpus: self, lines: Some(Lines::open(&self.path)?) })
    }

    /// Turns the examples into token sequences, in order.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn encode<'a>(&'a self, tokenizer: &'a Tokenizer, limits: Limits) -> Result<Encoded<'a>, CorpusError> {
        Ok(Encoded {
            corpus: self,
            texts: self.texts()?,
            tokenizer,
            limits,
            lines: Vec::new(),
            tokens: 0,
            truncated: 0,
            too_short: 0,
        })
    }
}

/// The examples of a corpus, in order.
pub struct Texts<'a> {
    corpus: &'a Corpus,
    lines: Option<Lines>,
}

impl Iterator for Texts<'_> {
    type Item = Result<Example, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.lines.as_mut()?.next_example() {
            Ok(Some(example)) => Some(Ok(example)),
            Ok(None) => {
                let got = self.lines.take()?.finish();
                let corpus = self.corpus;
                let changed =
                    || CorpusError::Changed { path: corpus.path.clone(), expected: corpus.sha256.clone(), got: got.clone() };
                (got != corpus.sha256).then(|| Err(changed()))
            }
            Err(error) => {
                self.lines = None;
                Some(Err(error))
            }
        }
    }
}

/// How examples become sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens after which an example is cut.
    pub max_length: usize,
    /// Examples after which the corpus is left; all where absent.
    pub max_examples: Option<u64>,
    /// Tokens below which an example is skipped and counted.
    pub min_length: usize,
}

/// The token sequences of a corpus, in order, and what was counted on the way.
pub struct Encoded<'a> {
    corpus: &'a Corpus,
    texts: Texts<'a>,
    tokenizer: &'a Tokenizer,
    limits: Limits,
    /// Line number of each sequence yielded so far.
    pub lines: Vec<u64>,
    /// Tokens yielded so far.
    pub tokens: u64,
    /// Sequences that were cut to the maximum length.
    pub truncated: u64,
    /// Examples skipped because they have too few tokens.
    pub too_short: u64,
}

impl Encoded<'_> {
    /// Most sequences there can be, for progress.
    #[must_use]
    pub fn at_most(&self) -> u64 {
        self.corpus.examples.min(self.limits.max_examples.unwrap_or(u64::MAX))
    }

    /// Examples taken from the corpus so far, skipped ones included.
    fn taken(&self) -> u64 {
        self.lines.len() as u64 + self.too_short
    }

    fn encode(&self, example: &Example) -> Result<Vec<u32>, CorpusError> {
        let named = |source| CorpusError::Tokenizer { path: self.corpus.path.clone(), line: example.line, source };
        self.tokenizer.encode(&example.text).map_err(named)
    }
}

impl Iterator for Encoded<'_> {
    type Item = Result<Vec<u32>, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.taken() >= self.at_most() && self.limits.max_examples.is_some() {
                return None;
            }
            let example = match self.texts.next()? {
                Ok(example) => example,
                Err(error) => return Some(Err(error)),
            };
            let mut tokens = match self.encode(&example) {
                Ok(tokens) => tokens,
                Err(error) => return Some(Err(error)),
            };
            if tokens.len() > self.limits.max_length {
                tokens.truncate(self.limits.max_length);
                self.truncated += 1;
            }
            if tokens.len() < self.limits.min_length.max(1) {
                self.too_short += 1;
                continue;
            }
            self.lines.push(example.line);
            self.tokens += tokens.len() as u64;
            return Some(Ok(tokens));
        }
    }
}

/// Reads lines, hashing every byte.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    hash: Hasher,
    buffer: Vec<u8>,
    line: u64,
    bytes: u64,
    blank_lines: u64,
    empty_texts: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Lines, CorpusError> {
        let file = File::open(path).map_err(|source| CorpusError::Io { path: path.to_owned(), source })?;
        Ok(Lines {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 18, file),
            hash: Hasher::new(),
            buffer: Vec::new(),
            line: 0,
            bytes: 0,
            blank_lines: 0,
            empty_texts: 0,
        })
    }

    /// Reads on to the next example with text; none at the end of the file.
    fn next_example(&mut self) -> Result<Option<Example>, CorpusError> {
        while self.next_line()? {
            if self.buffer.iter().all(u8::is_ascii_whitespace) {
                self.blank_lines += 1;
                continue;
            }
            let text = text_of(&self.buffer).map_err(|problem| CorpusError::Malformed {
                path: self.path.clone(),
                line: self.line,
                problem,
            })?;
            if text.trim().is_empty() {
                self.empty_texts += 1;
                continue;
            }
            return Ok(Some(Example { line: self.line, text }));
        }
        Ok(None)
    }

    /// Reads one line into the buffer; false at the end of the file.
    fn next_line(&mut self) -> Result<bool, CorpusError> {
        self.buffer.clear();
        let read = self.reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|source| CorpusError::Io { path: self.path.clone(), source })? as u64;
        self.line += 1;
        if read > MAX_LINE_BYTES {
            return Err(CorpusError::LineTooLong { path: self.path.clone(), line: self.line });
        }
        self.bytes += read;
        self.hash.update(&self.buffer);
        Ok(read > 0)
    }

    /// Gives the hash of everything read.
    fn finish(self) -> String {
        self.hash.finish().hex()
    }
}

fn text_of(line: &[u8]) -> Result<String, LineProblem> {
    let line = std::str::from_utf8(line).map_err(LineProblem::NotUtf8)?;
    // The derived reader would take an array of the two values as well.
    if line.trim_start().starts_with('[') {
        return Err(LineProblem::Array);
    }
    let Line { text, content } = serde_json::from_str(line).map_err(LineProblem::NotJson)?;
    text.or(content).ok_or(LineProblem::NoText)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn corpus(bytes: &[u8]) -> (tempfile::TempDir, Result<Corpus, CorpusError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus.jsonl");
        std::fs::write(&path, bytes).unwrap();
        let corpus = Corpus::open(&path);
        (folder, corpus)
    }

    fn refused(bytes: &[u8]) -> String {
        corpus(bytes).1.unwrap_err().to_string().split_once("corpus.jsonl`").unwrap().1.to_owned()
    }

    #[test]
    fn texts_come_from_text_else_content_and_skips_are_counted() {
        let bytes = b"{\"text\":\"one\"}\n\n{\"content\":\"two\",\"id\":7}\r\n{\"text\":\"\"}\n   \n{\"content\":\"x\",\"text\":\"three\"}";
        let (_folder, corpus) = corpus(bytes);
        let corpus = corpus.unwrap();
        assert_eq!((corpus.examples, corpus.blank_lines, corpus.empty_texts, corpus.bytes), (3, 2, 1, bytes.len() as u64));
        let texts: Vec<_> = corpus.texts().unwrap().map(|e| e.map(|e| (e.line, e.text)).unwrap()).collect();
        assert_eq!(texts, [(1, "one".to_owned()), (3, "two".to_owned()), (6, "three".to_owned())]);
    }

    #[test]
    fn the_hash_is_that_of_the_file() {
        // `printf '{"text":"a"}\n' | sha256sum`
        let (_folder, corpus) = corpus(b"{\"text\":\"a\"}\n");
        assert_eq!(corpus.unwrap().sha256, "314d3a971f6f7c623e7dceb546ddde0687e41e9df02b0edc52ddb4a7a77f57e3");
    }

    #[test]
    fn malformed_lines_are_named() {
        assert!(refused(b"{\"text\":\"a\"}\n{\"text\":\n").starts_with(", line 2: expected a JSON object"));
        for array in [&b"[1]\n"[..], b" [\"a\"]\n", b"[\"a\", \"b\"]\n"] {
            assert!(refused(array).contains("line 1: expected a JSON object with a string `text` or `content`, got an array"));
        }
        assert!(refused(b"{\"text\":null}\n").contains("null"));
        assert!(refused(b"{\"text\":3}\n").contains("integer `3`"));
        assert!(refused(b"{\"id\":3}\n").ends_with("got an object with neither"));
        assert!(refused(b"{\"text\":\"a\",\"text\":\"b\"}\n").contains("duplicate field `text`"));
        assert!(refused(b"{\"text\":\"\xff\"}\n").contains("not UTF-8"));
        assert!(refused(b"\n{\"text\":\" \"}\n").ends_with(" holds no text: 1 blank lines, 1 empty texts"));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_is_read_whole() {
        let message = refused(&vec![b' '; MAX_LINE_BYTES as usize + 2]);
        assert!(message.contains("line 1: longer than 16777216 bytes"), "{message}");
    }

    #[test]
    fn a_corpus_that_changes_is_an_error() {
        let (folder, corpus) = corpus(b"{\"text\":\"one\"}\n");
        let corpus = corpus.unwrap();
        std::fs::write(folder.path().join("corpus.jsonl"), b"{\"text\":\"two\"}\n").unwrap();
        let texts: Vec<_> = corpus.texts().unwrap().collect();
        assert!(matches!(texts.as_slice(), [Ok(_), Err(CorpusError::Changed { .. })]));
    }
}
