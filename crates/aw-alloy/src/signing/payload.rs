//! What `integrity.signature` covers, made from the document.

use crate::digest::Digest;
use crate::text::canonical::{self, CanonicalError};
use crate::text::{Node, Object, Problem, Value};

/// The members of `integrity` that enter the payload as they are.
const PLAIN: [&str; 5] = ["alloyHash", "attestedAt", "audience", "modelHash", "nonce"];
/// The members of a benchmark result that enter the payload.
const OF_RESULT: [&str; 4] = ["metric", "score", "baseScore", "resultHash"];

/// Finds a document's `integrity` and says where it is: at the root, as artifacts and ensembles hold it, else in `results`. Of two, the one
/// that is signed.
///
/// # Errors
/// A [`Problem`] when both are signed: then nobody can tell which is meant.
///
/// # Source
/// The alloy format, section 2: `integrity`.
pub fn integrity(document: &Node) -> Result<Option<(&'static str, &Object)>, Problem> {
    let at_root = document.get("integrity").and_then(Node::as_object).map(|it| ("integrity", it));
    let in_results = document.get("results").and_then(|results| results.get("integrity")).and_then(Node::as_object);
    let in_results = in_results.map(|it| ("results.integrity", it));
    let signed = |it: &Option<(&str, &Object)>| it.is_some_and(|(_, it)| it.get("signature").is_some_and(|it| !it.is_null()));
    match (signed(&at_root), signed(&in_results)) {
        (true, true) => {
            let message = "the document is signed twice, in `integrity` and in `results.integrity`; expected one signature";
            Err(Problem::new("two-signatures", "results.integrity.signature", message))
        }
        (false, true) => Ok(in_results),
        _ => Ok(at_root.or(in_results)),
    }
}

/// Makes the payload that a signature covers: `alloyHash`, `attestedAt`, `audience`, `benchmarkResults`, `codeHash`, `datasetHashes`,
/// `modelHash` and `nonce`, of what the document has.
///
/// Absent members are left out, `null` stays `null`. `benchmarkResults` maps a result's name to its `metric`, `score`, `baseScore` and
/// `resultHash`; a name that several results share maps to the list of them in the document's order, each with its `subset`.
///
/// # Errors
/// Every [`Problem`] that keeps the payload from being made: a hash that is no text, a result without a name.
///
/// # Source
/// The alloy format, section 8: signed payload. What happens to a shared name is our reading: the format does not say.
pub fn payload(document: &Node) -> Result<Node, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut payload = Object::new();
    match integrity(document) {
        Ok(Some((path, integrity))) => {
            for name in PLAIN {
                take(&mut payload, name, integrity.get(name), &format!("{path}.{name}"), &mut problems);
            }
            let code = integrity.get("code").and_then(|code| code.get("binaryHash"));
            take(&mut payload, "codeHash", code, &format!("{path}.code.binaryHash"), &mut problems);
            if let Some(datasets) = list(integrity.get("datasets"), &format!("{path}.datasets"), &mut problems) {
                let hashes = dataset_hashes(datasets, path, &mut problems);
                payload.insert("datasetHashes", Value::Array(hashes));
            }
        }
        Ok(None) => {}
        Err(problem) => problems.push(problem),
    }
    let results = document.get("results").and_then(|results| results.get("benchmarks"));
    if let Some(results) = list(results, "results.benchmarks", &mut problems) {
        let results = benchmark_results(results, &mut problems);
        payload.insert("benchmarkResults", Value::Object(results));
    }
    if problems.is_empty() { Ok(Node::from(Value::Object(payload))) } else { Err(problems) }
}

/// SHA-256 of the payload's RFC 8785 bytes: the 32 bytes that are signed as a message.
///
/// # Errors
/// As [`payload()`], and when a number has no canonical form.
pub fn payload_digest(document: &Node) -> Result<Digest, Vec<Problem>> {
    match canonical::to_bytes(&payload(document)?) {
        Ok(bytes) => Ok(Digest::of(&bytes)),
        Err(error @ CanonicalError::IntegerRange { .. }) => {
            Err(vec![Problem::new("integer-range", "", format!("the signed payload cannot be written: {error}"))])
        }
    }
}

fn take(payload: &mut Object, name: &str, value: Option<&Node>, path: &str, problems: &mut Vec<Problem>) {
    match value {
        None => {}
        Some(node) if node.is_null() || node.as_str().is_some() => drop(payload.insert(name, node.clone())),
        Some(node) => problems.push(wrong(path, "a string", node)),
    }
}

fn list<'a>(value: Option<&'a Node>, path: &str, problems: &mut Vec<Problem>) -> Option<&'a [Node]> {
    let value = value.filter(|value| !value.is_null())?;
    if value.as_array().is_none() {
        problems.push(wrong(path, "a list", value));
    }
    value.as_array()
}

fn dataset_hashes(datasets: &[Node], path: &str, problems: &mut Vec<Problem>) -> Vec<Node> {
    let hash = |(index, dataset): (usize, &Node)| {
        let hash = dataset.get("hash").filter(|hash| hash.as_str().is_some());
        if hash.is_none() {
            let message = "a dataset of a signed document has a `hash`, which is a string";
            problems.push(Problem::new("missing-field", format!("{path}.datasets[{index}].hash"), message).at(dataset.at));
        }
        hash.cloned()
    };
    datasets.iter().enumerate().filter_map(hash).collect()
}

fn benchmark_results(results: &[Node], problems: &mut Vec<Problem>) -> Object {
    let mut named: Vec<(&str, Vec<&Node>)> = Vec::new();
    let mut positions = std::collections::BTreeMap::new();
    for (index, result) in results.iter().enumerate() {
        let Some(name) = result.get("name").and_then(Node::as_str) else {
            let message = "a result of a signed document has a `name`, which is a string";
            problems.push(Problem::new("missing-field", format!("results.benchmarks[{index}].name"), message).at(result.at));
            continue;
        };
        match positions.get(name) {
            Some(&position) => {
                let (_, same): &mut (&str, Vec<&Node>) = &mut named[position];
                same.push(result);
            }
            None => {
                positions.insert(name, named.len());
                named.push((name, vec![result]));
            }
        }
    }
    let of = |result: &Node, names: &[&str]| -> Node {
        let members = names.iter().filter_map(|name| Some((*name, result.get(name)?.clone())));
        Node::from(Value::Object(members.collect()))
    };
    let value = |(name, same): (&str, Vec<&Node>)| match same.as_slice() {
        [result] => (name.to_owned(), of(result, &OF_RESULT)),
        _ => {
            let names: Vec<&str> = OF_RESULT.into_iter().chain(["subset"]).collect();
            (name.to_owned(), Node::from(Value::Array(same.iter().map(|result| of(result, &names)).collect())))
        }
    };
    named.into_iter().map(value).collect()
}

fn wrong(path: &str, expected: &str, found: &Node) -> Problem {
    Problem::new("wrong-type", path, format!("expected {expected}, found {}", found.value.kind())).at(found.at)
}
