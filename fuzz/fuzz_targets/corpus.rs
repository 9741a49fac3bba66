//! Corpora: the examples another JSON reader finds, all of them, or an error that names a line of the file.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use alloyworks_fuzz::{overwrite, scratch};
use libfuzzer_sys::fuzz_target;
use llm_forge::corpus::{Corpus, CorpusError};
use serde_json::Value;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| scratch("corpus").join("corpus.jsonl"));

/// The texts of a corpus, by another reader, with line numbers from one; none where a line is no example.
///
/// An error where it cannot hold a line: it reads the members that do not matter too, and half a character, a number beyond doubles
/// or very deep nesting there is beyond it.
fn texts(bytes: &[u8]) -> Result<Option<Vec<(u64, String)>>, serde_json::Error> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let value: Value = serde_json::from_slice(text)?;
        let Some(text) = value.get("text").or(value.get("content")).and_then(Value::as_str) else { return Ok(None) };
        if !text.trim().is_empty() {
            found.push((line, text.to_owned()));
        }
    }
    Ok(Some(found))
}

fuzz_target!(|bytes: &[u8]| {
    overwrite(&FILE, bytes);
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    match Corpus::open(&FILE) {
        Ok(corpus) => {
            assert_eq!(corpus.bytes, bytes.len() as u64);
            let found: Vec<(u64, String)> = corpus
                .texts()
                .expect("just read")
                .map(|example| example.map(|it| (it.line, it.text)).expect("just checked"))
                .collect();
            assert_eq!(found.len() as u64, corpus.examples, "counted as often as given");
            if let Ok(theirs) = texts(bytes) {
                assert_eq!(Some(found), theirs, "both read the same texts");
            }
        }
        Err(CorpusError::Malformed { line, .. }) => assert!((1..=lines).contains(&line), "line {line} of {lines}"),
        Err(CorpusError::NoText { blank_lines, empty_texts, .. }) => {
            assert!(blank_lines + empty_texts <= lines);
            if let Ok(theirs) = texts(bytes) {
                assert_eq!(theirs, Some(Vec::new()), "another reader finds none either");
            }
        }
        Err(error) => panic!("not a matter of the bytes: {error}"),
    }
});
