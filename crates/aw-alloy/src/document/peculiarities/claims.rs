//! What a document claims and does not prove, or says in two ways.

use super::super::hashes::{HashText, classify, which_alloy_hash};
use super::super::members::ENSEMBLE;
use super::super::{Document, aliases, headline_score};
use super::{Remarks, items, text};
use crate::text::{Node, push_member};

/// Fewer hex digits after `#` or `@` name no document.
const LINK_DIGITS_MIN: usize = 8;

pub(super) fn look(document: &Document, remarks: &mut Remarks) {
    let results = document.node().get("results").filter(|results| results.as_object().is_some());
    hashes(document, remarks);
    receipt(document, remarks);
    if let Some(results) = results {
        // What has a chain was never written against that schema.
        if document.node().get("chain").is_none() {
            older_schema(document, results, remarks);
        }
        devices(results, remarks);
        scores(document, results, remarks);
        corrections(document, results, remarks);
    }
    trust(document, remarks);
}

/// Hashes of the document inside the document go stale when it is amended.
fn hashes(document: &Document, remarks: &mut Remarks) {
    let root = document.node();
    let results = root.get("results");
    for (path, owner) in [
        ("receipt.alloyHash", root.get("receipt")),
        ("integrity.alloyHash", root.get("integrity")),
        ("results.integrity.alloyHash", results.and_then(|results| results.get("integrity"))),
    ] {
        let Some(stated) = owner.and_then(|owner| owner.get("alloyHash")) else { continue };
        let Some(hash) = stated.as_str().filter(|hash| matches!(classify(hash), HashText::Valid { .. })) else { continue };
        if which_alloy_hash(document, hash).is_none() {
            let message =
                "it is none of the document's hashes any more: not of the file, not without the receipt, not of the pipeline";
            remarks.add("stale-alloy-hash", path, stated, message);
        }
    }
}

fn receipt(document: &Document, remarks: &mut Remarks) {
    let Some(receipt) = document.node().get("receipt") else { return };
    if let Some(link) = receipt.get("verifyUrl") {
        let named = link.as_str().and_then(|link| link.rsplit(['#', '@']).next()).unwrap_or_default();
        let is_hash = named.len() >= LINK_DIGITS_MIN && named.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash && which_alloy_hash(document, named).is_none() {
            let message = format!("the link names `{named}`, the file's hash begins with `{}`", document.file_hash().short());
            remarks.add("stale-verify-url", "receipt.verifyUrl", link, message);
        }
    }
    for (index, publication) in items(Some(receipt), "publications").iter().enumerate() {
        let Some(url) = publication.get("url") else { continue };
        let repository = url.as_str().unwrap_or_default().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let named = |name: &str| repository.eq_ignore_ascii_case(name);
        // GGUF files get a repository of their own, named after the model's.
        let own = named(document.name()) || named(&format!("{}-GGUF", document.name()));
        if !repository.is_empty() && !own {
            let message =
                format!("published as `{repository}`, the document is named `{}`: one of them was renamed", document.name());
            remarks.add("renamed-repository", format!("receipt.publications[{index}].url"), url, message);
        }
    }
}

/// What the older schema demanded and documents leave out; all of it is optional.
fn older_schema(document: &Document, results: &Node, remarks: &mut Remarks) {
    let mut absent = |owner: &Node, path: &str, member: &str| {
        if owner.get(member).is_none() {
            let message = format!("the older schema demanded `{member}`; it may be absent");
            remarks.add("older-schema", format!("{path}.{member}"), owner, message);
        }
    };
    if document.kind() != Some(ENSEMBLE) {
        if let Some(source) = document.node().get("source") {
            absent(source, "source", "isMoE");
        }
        for (index, benchmark) in items(Some(results), "benchmarks").iter().enumerate() {
            absent(benchmark, &format!("results.benchmarks[{index}]"), "metrics");
        }
    }
    for (index, device) in items(Some(results), "hardwareVerified").iter().enumerate() {
        absent(device, &format!("results.hardwareVerified[{index}]"), "format");
    }
    if let Some(integrity) = results.get("integrity").filter(|integrity| integrity.as_object().is_some()) {
        for member in ["code", "modelHash", "attestedAt"] {
            absent(integrity, "results.integrity", member);
        }
    }
    for (index, stage) in document.stages().iter().enumerate() {
        if text(stage, "type") == Some("expert-prune") {
            absent(stage, &format!("stages[{index}]"), "keepExperts");
        }
    }
}

/// Devices it is said to have run on.
fn devices(results: &Node, remarks: &mut Remarks) {
    let final_size = results.get("finalSizeGb").and_then(Node::as_f64);
    for (index, device) in items(Some(results), "hardwareVerified").iter().enumerate() {
        let path = format!("results.hardwareVerified[{index}]");
        let name = text(device, "device").unwrap_or_default();
        match device.get("verified") {
            None => remarks.add(
                "verified-absent",
                &*path,
                device,
                format!("nothing says whether it ran on `{name}` or was estimated"),
            ),
            Some(verified) if verified.as_bool() == Some(true) => {
                let number = |member: &str| device.get(member).and_then(Node::as_f64);
                let full = matches!(text(device, "format"), Some("fp16" | "bf16" | "fp32"));
                let size =
                    number("sizeGb").or_else(|| final_size.filter(|_| full)).or_else(|| files_gb(results).filter(|_| full));
                let room = number("vramGb").or_else(|| gigabytes(name));
                let verified_at = format!("{path}.verified");
                match (size, room) {
                    (Some(size), Some(room)) if size > room => {
                        let message = format!("claimed to have run: {size:.1} GB on `{name}`, which has {room} GB");
                        remarks.add("implausible-verified", verified_at, verified, message);
                    }
                    _ => remarks.add(
                        "claimed-verified",
                        verified_at,
                        verified,
                        format!("claimed to have run on `{name}`; nothing proves it"),
                    ),
                }
            }
            Some(_) => {}
        }
    }
}

/// Size of the files that are listed, in GB.
fn files_gb(results: &Node) -> Option<f64> {
    let sizes = items(results.get("integrity"), "fileHashes").iter().map(|file| file.get("size").and_then(Node::as_f64));
    let total: f64 = sizes.sum::<Option<f64>>()?;
    (total > 0.0).then_some(total / 1e9)
}

/// The number before `GB` in a device's name.
fn gigabytes(device: &str) -> Option<f64> {
    let before = device.split("GB").next().filter(|before| before.len() < device.len())?.trim_end();
    let digits = before.bytes().rev().take_while(u8::is_ascii_digit).count();
    before[before.len() - digits..].parse().ok()
}

fn scores(document: &Document, results: &Node, remarks: &mut Remarks) {
    for (index, benchmark) in items(Some(results), "benchmarks").iter().enumerate() {
        let metrics = benchmark.get("metrics").and_then(Node::as_object);
        let measured = metrics.into_iter().flatten().any(|metric| metric.value.as_number().is_some());
        if headline_score(benchmark).map_or(!measured, |score| score.as_str().is_some()) {
            let message = format!("benchmark `{}` has no score", text(benchmark, "name").unwrap_or_default());
            remarks.add("no-score", format!("results.benchmarks[{index}]"), benchmark, message);
        }
    }
    let source = document.node().get("source").and_then(|source| source.get("activeParamsB")).and_then(Node::as_number);
    if let (Some(source), Some(node)) = (source, results.get("activeParamsB").filter(|node| node.as_number().is_some()))
        && node.as_number() != Some(source)
    {
        let message = format!("`source.activeParamsB` says {source}; both are kept");
        remarks.add("active-params-differ", "results.activeParamsB", node, message);
    }
    let version = results.get("integrity").and_then(|integrity| integrity.get("code")).and_then(|code| code.get("version"));
    if let Some(version) = version.filter(|version| version.as_str().is_some_and(|text| text.split('.').any(|part| part == "x")))
    {
        remarks.add(
            "version-not-exact",
            "results.integrity.code.version",
            version,
            "the version of the code names many versions",
        );
    }
    if document.kind() == Some(ENSEMBLE) && results.get("benchmarks").is_none() {
        remarks.add("ensemble-results", "results", results, "an ensemble's results are counts, not benchmarks");
    }
}

/// A correction of a base's score that did not reach the baselines.
fn corrections(document: &Document, results: &Node, remarks: &mut Remarks) {
    for benchmark in items(Some(results), "benchmarks") {
        let Some(name) = text(benchmark, "name") else { continue };
        let Some(previous) = benchmark.get("scoreCorrection").and_then(|it| it.get("previousBaseScore")?.as_number()) else {
            continue;
        };
        for (index, baseline) in items(Some(document.node()), "priorMetricBaselines").iter().enumerate() {
            let anchors = baseline.get("evaluation").and_then(|it| it.get("anchorReproduction")?.as_object());
            for anchor in anchors.into_iter().flatten() {
                if aliases::same_benchmark(&anchor.name, name) && anchor.value.as_number() == Some(previous) {
                    let mut path = format!("priorMetricBaselines[{index}].evaluation.anchorReproduction");
                    push_member(&mut path, &anchor.name);
                    let message = format!("it keeps {previous}, which the results have corrected");
                    remarks.add("stale-anchor", path, &anchor.value, message);
                }
            }
        }
    }
}

/// The trust level is a claim.
fn trust(document: &Document, remarks: &mut Remarks) {
    let Some(integrity) = document.integrity() else { return };
    let at = if document.node().get("integrity").is_some_and(|it| it.as_object().is_some()) {
        "integrity"
    } else {
        "results.integrity"
    };
    let Some(level) = integrity.get("trustLevel") else { return };
    let chain = integrity.get("signature").map_or(&[][..], |signature| items(Some(signature), "certificateChain"));
    let unproven = match level.as_str() {
        Some("verified") if chain.is_empty() => "no certificate chain",
        Some("enclave") => "no hardware attestation this program can check",
        _ => return,
    };
    let message = format!("the trust level is claimed, not proven: there is {unproven}");
    remarks.add("claimed-trust", format!("{at}.trustLevel"), level, message);
}
