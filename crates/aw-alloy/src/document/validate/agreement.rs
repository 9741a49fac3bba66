//! Members that must agree with one another.

use std::collections::BTreeSet;

use super::super::Document;
use super::super::hashes::{HashText, classify, model_hash_of};
use crate::text::{Node, Problem};

/// A nonce has at least 16 bytes, which is 22 characters of base64 without padding.
const NONCE_CHARS_MIN: usize = 22;

pub(super) fn check(document: &Document, problems: &mut Vec<Problem>) {
    let results = document.node().get("results");
    for (path, integrity) in [
        ("integrity", document.node().get("integrity")),
        ("results.integrity", results.and_then(|results| results.get("integrity"))),
    ] {
        if let Some(integrity) = integrity.filter(|integrity| integrity.as_object().is_some()) {
            attested(integrity, path, problems);
        }
    }
    if let Some(receipt) = document.node().get("receipt") {
        issued(receipt, problems);
    }
    criteria(document.node(), problems);
}

fn attested(integrity: &Node, path: &str, problems: &mut Vec<Problem>) {
    if let Some(files) = integrity.get("fileHashes").filter(|files| !files.is_null()) {
        once_each(files, path, problems);
        weights(integrity, files, path, problems);
    }
    if let (Some(signature), None) = (integrity.get("signature").filter(|it| !it.is_null()), text(integrity, "alloyHash")) {
        let problem =
            Problem::new("missing-field", format!("{path}.alloyHash"), "a signature covers `alloyHash`, which is missing");
        problems.push(problem.at(signature.at).hint("add `alloyHash`: the hash of `source` and `stages`"));
    }
    nonce(integrity, path, problems);
    let certifications = integrity.get("certifications").and_then(Node::as_array).unwrap_or_default();
    for (index, certification) in certifications.iter().enumerate() {
        nonce(certification, &format!("{path}.certifications[{index}]"), problems);
    }
}

/// `modelHash` is made of `fileHashes` where there are any.
fn weights(integrity: &Node, files: &Node, path: &str, problems: &mut Vec<Problem>) {
    if files.as_array().is_some_and(<[Node]>::is_empty) && text(integrity, "modelHash").is_some() {
        let message = "`modelHash` stands beside an empty list of files, which identifies nothing";
        let problem = Problem::new("wrong-length", format!("{path}.fileHashes"), message);
        return problems.push(problem.at(files.at).hint("list the weight files, or leave `fileHashes` out"));
    }
    let Some(stated) = integrity.get("modelHash") else { return };
    let Some(HashText::Valid { digest, .. }) = stated.as_str().map(classify) else { return };
    if let Some(expected) = model_hash_of(files).filter(|expected| *expected != digest) {
        let message = format!("`modelHash` is not that of `fileHashes`, which is `{expected}`");
        problems.push(Problem::new("model-hash-differs", format!("{path}.modelHash"), message).at(stated.at));
    }
}

fn once_each(files: &Node, path: &str, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, file) in files.as_array().unwrap_or_default().iter().enumerate() {
        let Some(name) = file.get("filename") else { continue };
        if name.as_str().is_some_and(|text| !seen.insert(text)) {
            let path = format!("{path}.fileHashes[{index}].filename");
            problems.push(Problem::new("repeated-item", path, "the file is listed before, expected each once").at(name.at));
        }
    }
}

fn nonce(node: &Node, path: &str, problems: &mut Vec<Problem>) {
    let Some(nonce) = node.get("nonce") else { return };
    let Some(text) = nonce.as_str() else { return };
    let digits = text.trim_end_matches('=');
    let is_base64 = digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/'));
    if !is_base64 || digits.len() < NONCE_CHARS_MIN {
        let message = "a nonce is base64url of at least 16 random bytes";
        problems.push(Problem::new("malformed-nonce", format!("{path}.nonce"), message).at(nonce.at));
    }
}

/// A receipt says when it was made; `{}` was published and says nothing at all.
fn issued(receipt: &Node, problems: &mut Vec<Problem>) {
    let says_something = receipt.as_object().is_some_and(|object| !object.is_empty());
    if says_something && text(receipt, "issuedAt").is_none() && receipt.get("issuedAt").is_none_or(Node::is_null) {
        let problem = Problem::new("missing-field", "receipt.issuedAt", "missing field `issuedAt`");
        problems.push(problem.at(receipt.at).hint("add `issuedAt`: when the receipt was made"));
    }
}

/// Criteria stand under the names of benchmarks.
fn criteria(root: &Node, problems: &mut Vec<Problem>) {
    let Some(criteria) = root.get("acceptanceCriteria").and_then(|it| it.get("benchmarks")).and_then(Node::as_object) else {
        return;
    };
    for member in criteria {
        if member.name.is_empty() {
            let problem = Problem::new("wrong-length", "acceptanceCriteria.benchmarks[\"\"]", "a benchmark has a name");
            problems.push(problem.at(member.name_at));
        }
    }
}

fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    node.get(name).and_then(Node::as_str)
}
