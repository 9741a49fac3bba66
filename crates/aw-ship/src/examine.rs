//! Looks at a bundle: everything a decision needs, read once.

use std::path::Path;

use aw_alloy::artifact::Verification;
use aw_alloy::digest::Digest;
use aw_alloy::document::Document;
use aw_alloy::gates::{Verdicts, judge};
use aw_alloy::keys::PublicKey;
use aw_domain::Registry;
use aw_foundry::{EvidenceOptions, corpora_at_hand, gather, verify_folder};

use crate::approval::{Approval, Approved};
use crate::bundle::Bundle;
use crate::contents::Contents;
use crate::decision::{Reason, Standing};
use crate::error::ShipError;
use crate::{branding, files, safety};

/// What was found of a bundle.
#[derive(Debug)]
pub struct Examined {
    /// What would be published.
    pub contents: Contents,
    /// The document.
    pub document: Document,
    /// What verifying found.
    pub verification: Verification,
    /// What the criteria and the gates say.
    pub verdicts: Verdicts,
    /// What may not go to others: what was seen to run nowhere, a card that says something else than the document, what is not safe.
    pub safety: Vec<Reason>,
}

/// Verifies every hash and signature of a bundle and puts it through the gates. With `trusted`, only those keys may have sealed it.
/// `corpora` is the folder that declared paths start from, where it is not the bundle's own; `registry` has the domains that know what
/// speaks against an artifact of theirs, and what its card must be.
///
/// # Errors
/// [`ShipError`] for what cannot be read or is no artifact; everything else is part of what was found.
pub fn examine(
    bundle: &Bundle,
    registry: &Registry,
    trusted: &[PublicKey],
    corpora: Option<&Path>,
    threads: usize,
) -> Result<Examined, ShipError> {
    let folder = bundle.artifact_folder();
    let verdict = verify_folder(folder, trusted, threads)?;
    let verification = verdict.verification;
    let contents = Contents::of(folder, &verdict.document, &verification)?;
    let bytes = files::read(&verdict.document)?.unwrap_or_default();
    let refused = |problems: Vec<aw_alloy::text::Problem>| ShipError::Bundle {
        path: verdict.document.clone(),
        reason: problems.first().map(|problem| problem.message.clone()).unwrap_or_default(),
    };
    let document = Document::read(&bytes).map_err(refused)?;
    if Digest::of(&bytes) != contents.document_digest {
        let (expected, found) = (contents.document_digest.to_string(), Digest::of(&bytes).to_string());
        return Err(ShipError::Changed { path: verdict.document, expected, found });
    }
    let corpora = corpora.unwrap_or_else(|| bundle.corpora_folder());
    let options = EvidenceOptions { folder, corpora, items: &[] };
    let evidence = gather(&document, Some(&verification), &options)?;
    let verdicts = judge(&document, &evidence);
    let mut safety = bundle.agrees(&contents)?;
    // Files that are not as they were sealed are refused as such, and not looked into.
    if verification.findings.is_empty() {
        safety.extend(deployment(registry, &contents));
        safety.extend(safety::judge(&contents, &corpora_at_hand(&document, corpora))?);
        safety.extend(branding::judge(registry, &contents));
    }
    Ok(Examined { contents, document, verification, verdicts, safety })
}

/// What the domains of an artifact say against it. One that is not known here could say anything, and the card's gate refuses it.
fn deployment(registry: &Registry, contents: &Contents) -> Vec<Reason> {
    let domains = registry.domains_of(&contents.artifact).unwrap_or_default();
    let objections = domains.into_iter().flat_map(|domain| domain.objections(&contents.artifact));
    objections.map(|it| Reason::of(it.gate, it.rule, it.message)).collect()
}

/// What a person said of these contents, as the record beside the bundle has it.
pub(crate) fn standing(
    bundle: &Bundle,
    contents: &Contents,
    approvers: &[PublicKey],
) -> Result<(Standing, Option<Approval>), ShipError> {
    let Some(bytes) = files::read(&bundle.sidecar("approval"))? else { return Ok((Standing::None, None)) };
    let checked = Approval::read(&bytes).and_then(|approval| {
        let key = approval.check(&Approved::of(contents), approvers)?;
        Ok((key, approval))
    });
    Ok(match checked {
        Ok((key, approval)) => (Standing::Approved { key: key.to_string(), approval: Digest::of(&bytes) }, Some(approval)),
        Err(reason) => (Standing::Invalid { reason }, None),
    })
}
