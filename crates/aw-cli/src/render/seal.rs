//! How seals look: what was written, and verdicts with every finding first and the answer last.

use aw_commands::{FindingView, SealCheckResult, SealExportResult, SealImportResult, SealSignResult, Verdict, words};

use super::verify::mark;
use crate::page::Page;

pub(crate) fn sign(result: &SealSignResult, page: &mut Page) {
    page.heading(&format!("{} (signed)", result.signature.display()));
    let read = match result.hashed_bytes {
        0 => "none read: nothing was touched since it was last hashed".to_owned(),
        bytes => format!("{} read", words::bytes(bytes)),
    };
    page.pairs(&[
        ("folder", result.name.clone()),
        ("files", format!("{}, {}, {read}", words::count(result.files, "file"), words::bytes(result.bytes))),
        ("root", format!("sha256:{}", result.root)),
        ("key", format!("{} (SHA-256 of its PEM text: {})", result.key_id, result.key_hint)),
        ("left out", result.left_out.join(", ")),
    ]);
}

pub(crate) fn check(result: &SealCheckResult, page: &mut Page) {
    findings(&result.findings, page);
    let what = format!("{}, {} hashed", words::count(result.files, "file"), words::bytes(result.bytes));
    answer(result.verdict, &result.signature.display().to_string(), "every file is as it was signed", &result.findings, page);
    let who = result.key_id.as_ref().map_or("no good signature".to_owned(), |id| format!("signed by key {id}, one you named"));
    page.pairs(&[
        ("folder", result.name.clone()),
        ("checked", what),
        ("seal", format!("by {}, {}, {}", result.signed_by, result.method, result.hash)),
        ("signer", who),
    ]);
    notes(&result.not_checked, page);
}

pub(crate) fn export(result: &SealExportResult, page: &mut Page) {
    page.heading(&format!("{} ({})", result.file.display(), words::bytes(result.bytes)));
    let mut pairs = vec![("document", result.document.display().to_string())];
    pairs.extend(result.predicate_type.clone().map(|claim| ("claim", claim)));
    pairs.extend(result.subjects.map(|subjects| ("about", words::count(subjects, "file"))));
    pairs.extend(result.key_id.clone().map(|id| ("signed by", format!("key {id}"))));
    pairs.extend(result.link.clone().map(|link| ("link", link)));
    page.pairs(&pairs);
}

pub(crate) fn import(result: &SealImportResult, page: &mut Page) {
    findings(&result.findings, page);
    answer(result.verdict, &result.envelope.display().to_string(), "every file is as it was stated", &result.findings, page);
    let mut pairs = vec![
        ("claim", result.predicate_type.clone()),
        ("checked", format!("{}, {} hashed", words::count(result.files, "file"), words::bytes(result.bytes))),
    ];
    let who = match result.key_ids.as_slice() {
        [] => "no good signature".to_owned(),
        ids => format!("signed by key {}", ids.join(" and ")),
    };
    pairs.push(("signer", who));
    pairs.extend(result.builder.clone().map(|builder| ("made by", format!("{builder} (as the claim says)"))));
    pairs.extend(result.file.as_ref().map(|file| ("written", file.display().to_string())));
    page.pairs(&pairs);
    notes(&result.not_checked, page);
}

fn findings(findings: &[FindingView], page: &mut Page) {
    for finding in findings {
        let (style, word) = mark(finding.verdict);
        let file = finding.file.as_ref().map(|file| format!("  {file}")).unwrap_or_default();
        page.marked(style, &format!("{word:<8}"), &format!("{}{file}: {}", finding.place, finding.message));
    }
}

fn answer(verdict: Verdict, what: &str, good: &str, findings: &[FindingView], page: &mut Page) {
    let found = findings.iter().filter(|finding| finding.verdict == verdict).count();
    let sentence = match verdict {
        Verdict::Good => good.to_owned(),
        Verdict::Bad => format!("not what was signed: {}", words::count(found, "finding")),
        Verdict::Unknown => format!("cannot be told: {} cannot be checked", words::count(found, "thing")),
    };
    page.gap();
    let (style, word) = mark(verdict);
    page.marked(style, &format!("{word:<8}"), &format!("{what}: {sentence}"));
}

fn notes(notes: &[String], page: &mut Page) {
    for note in notes {
        page.pairs(&[("note    ", note.clone())]);
    }
}
