//! How a verdict looks: every finding first, the answer last.

use aw_commands::{Verdict, VerifyResult, words};

use crate::page::{Page, Style};

pub(crate) fn verify(result: &VerifyResult, page: &mut Page) {
    for finding in &result.findings {
        let (style, word) = mark(finding.verdict);
        let file = finding.file.as_ref().map(|file| format!("  {file}")).unwrap_or_default();
        page.marked(style, &format!("{word:<8}"), &format!("{}{file}: {}", finding.place, finding.message));
    }
    let what = format!(
        "{}, {}, {} hashed",
        words::count(result.links, "link"),
        words::count(result.files, "file"),
        words::bytes(result.bytes)
    );
    let who = match (&result.signer_id, result.signer_checked) {
        (Some(id), true) if result.verdict == Verdict::Good => format!("signed by key {id}, one you named"),
        (Some(id), _) => format!("signed by key {id}"),
        (None, _) => "no good signature".into(),
    };
    let document = result.document.display();
    page.gap();
    let (style, word) = mark(result.verdict);
    page.marked(style, &format!("{word:<8}"), &format!("{document}: {}", sentence(result)));
    page.pairs(&[("artifact", result.artifact.clone().unwrap_or_else(|| "unknown".into())), ("checked", what), ("signer", who)]);
    if let Some(signature) = &result.signature {
        let unknown = || "unknown".to_owned();
        let key = signature.key_id.clone().unwrap_or_else(unknown);
        let who = signature.owner.as_ref().map_or_else(unknown, |owner| format!("`{owner}`"));
        let when = signature.attested_at.clone().unwrap_or_else(unknown);
        let word = mark(signature.verdict).1;
        page.pairs(&[("signed  ", format!("{word}: by key {key}, owner {who}, {when}"))]);
    }
    for gap in &result.not_checked {
        page.pairs(&[("note    ", gap.clone())]);
    }
}

fn sentence(result: &VerifyResult) -> String {
    let found = |verdict: Verdict| result.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let mut bad = result.findings.iter().filter(|finding| finding.verdict == Verdict::Bad).peekable();
    match result.verdict {
        // Sealed well, and not for whoever asks: a revoked key, another audience.
        Verdict::Bad if bad.peek().is_some() && bad.all(|finding| finding.place == "integrity.signature") => {
            "as it was sealed, and its signature for others is bad".into()
        }
        Verdict::Good => "every link, signature and file is as it was sealed".into(),
        Verdict::Bad => format!("not what was sealed: {}", words::count(found(Verdict::Bad), "finding")),
        Verdict::Unknown => format!("cannot be told: {} cannot be checked", words::count(found(Verdict::Unknown), "thing")),
    }
}

pub(super) fn mark(verdict: Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Good => (Style::Good, "GOOD"),
        Verdict::Bad => (Style::Bad, "BAD"),
        Verdict::Unknown => (Style::Warn, "UNKNOWN"),
    }
}
