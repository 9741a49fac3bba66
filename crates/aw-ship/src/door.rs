//! The door itself: examine, decide, publish, receipt.

use std::path::Path;

use aw_alloy::artifact::Artifact;
use aw_alloy::keys::{PublicKey, SecretKey, Signature};
use aw_domain::Registry;
use aw_line::{Entry, Outcome};
use serde_json::{Map, Value, json};

use crate::approval::{Approval, Approved};
use crate::bundle::Bundle;
use crate::contents::Contents;
use crate::decision::{Decision, Judgement, Policy, Provenance, decide};
use crate::error::ShipError;
use crate::examine::{Examined, examine, standing};
use crate::publish::{Plan, Publication, PublishedFile, Publisher, Watch, step};
use crate::receipt::{RECEIPT_FORMAT, Receipt};
use crate::refusal::{Refusal, note, record};
use crate::{files, signed};

/// The shipping role of a node: its key, its policy, and where things go.
pub struct Door<'a> {
    /// Signs receipts, refusals and approvals.
    pub key: &'a SecretKey,
    /// Who says that what passed may go.
    pub policy: Policy,
    /// Keys that may approve.
    pub approvers: &'a [PublicKey],
    /// Keys that may have sealed what ships; any, when none is named.
    pub trusted: &'a [PublicKey],
    /// The folder that declared corpora start from, where it is not the bundle's own.
    pub corpora: Option<&'a Path>,
    /// The domains: what speaks against an artifact of theirs, and what its card must be.
    pub registry: &'a Registry,
    /// Threads to hash with.
    pub threads: usize,
    /// Says whether the recipe of an artifact is there.
    pub resolve: &'a dyn Fn(&Artifact) -> Result<Provenance, String>,
    /// What time it is: RFC 3339, UTC.
    pub now: &'a dyn Fn() -> String,
    /// Is told every step and says whether to go on.
    pub watch: Watch<'a>,
}

/// What shipping one bundle came to.
#[derive(Debug)]
pub struct Shipped {
    /// The artifact.
    pub artifact: Approved,
    /// The decision.
    pub decision: Decision,
    /// What would be published where, in a dry run.
    pub plans: Vec<Plan>,
    /// What was published.
    pub receipt: Option<Receipt>,
    /// What was recorded of a refusal.
    pub refusal: Option<Refusal>,
    /// Bytes that were sent now.
    pub sent: u64,
}

impl Door<'_> {
    /// Says what would be done, and does nothing.
    ///
    /// # Errors
    /// [`ShipError`] when that cannot be told.
    pub fn look(&self, bundle: &Bundle, publishers: &[Box<dyn Publisher>]) -> Result<Shipped, ShipError> {
        let (examined, decision, _) = self.decide(bundle)?;
        let plans: Result<Vec<_>, _> = publishers.iter().map(|publisher| publisher.plan(&examined.contents)).collect();
        let artifact = Approved::of(&examined.contents);
        Ok(Shipped { artifact, decision, plans: plans?, receipt: None, refusal: None, sent: 0 })
    }

    /// Ships a bundle: what may go is published and receipted, what may not leaves a refusal, what waits for a person leaves nothing.
    /// Stopped at any point, the same call goes on there.
    ///
    /// # Errors
    /// [`ShipError`]. A refusal is none.
    pub fn ship(&self, bundle: &Bundle, publishers: &[Box<dyn Publisher>]) -> Result<Shipped, ShipError> {
        let _held = bundle.lock()?;
        let (examined, decision, approval) = self.decide(bundle)?;
        let contents = &examined.contents;
        let mut shipped =
            Shipped { artifact: Approved::of(contents), decision, plans: Vec::new(), receipt: None, refusal: None, sent: 0 };
        match shipped.decision.judgement {
            Judgement::AwaitsApproval => return Ok(shipped),
            Judgement::Refuse => {
                step(self.watch, "record", Some("refusal"))?;
                shipped.refusal = Some(record(bundle, contents, &shipped.decision, &(self.now)(), self.key)?);
                return Ok(shipped);
            }
            Judgement::Ship => {}
        }
        let mut receipt = self.begin_receipt(bundle, contents)?;
        for publisher in publishers {
            let published = publisher.publish(contents, self.watch)?;
            shipped.sent = shipped.sent.saturating_add(published.sent);
            let publication = Publication {
                target: publisher.target().to_string(),
                url: published.url,
                revision: published.revision,
                files: contents.files.iter().map(file).collect(),
                published_at: (self.now)(),
            };
            receipt = Some(self.record(bundle, contents, receipt, publication, &shipped.decision, approval.as_ref())?);
        }
        if let Some(receipt) = &receipt {
            self.finish(bundle, contents, receipt)?;
        }
        shipped.receipt = receipt;
        Ok(shipped)
    }

    /// Writes a person's approval of exactly these bytes beside a bundle. What the gates refuse cannot be approved.
    ///
    /// # Errors
    /// [`ShipError`].
    pub fn approve(&self, bundle: &Bundle, approver: &str, reason: Option<&str>) -> Result<(Approval, Decision), ShipError> {
        let _held = bundle.lock()?;
        let examined = examine(bundle, self.registry, self.trusted, self.corpora, self.threads)?;
        let refused = |reason: String| ShipError::Bundle { path: bundle.shown(), reason };
        let path = bundle.sidecar("approval");
        let provenance = (self.resolve)(&examined.contents.artifact).map_err(refused)?;
        let none = crate::decision::Standing::None;
        let decision = decide(examined.verdicts.clone(), &examined.safety, provenance, none, self.policy);
        if decision.judgement == Judgement::Refuse {
            let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
            return Err(refused(format!("the gates refuse it, which nobody can approve away: {}", reasons.join("; "))));
        }
        let approval = Approval::make(&examined.contents, approver, &(self.now)(), reason, self.key).map_err(refused)?;
        files::replace(&path, &approval.to_bytes())?;
        Ok((approval, decision))
    }

    fn decide(&self, bundle: &Bundle) -> Result<(Examined, Decision, Option<Approval>), ShipError> {
        let examined = examine(bundle, self.registry, self.trusted, self.corpora, self.threads)?;
        let provenance = (self.resolve)(&examined.contents.artifact);
        let provenance = provenance.map_err(|reason| ShipError::Bundle { path: bundle.shown(), reason })?;
        let (standing, approval) = standing(bundle, &examined.contents, self.approvers)?;
        let decision = decide(examined.verdicts.clone(), &examined.safety, provenance, standing, self.policy);
        Ok((examined, decision, approval))
    }

    /// The receipt so far, of exactly these bytes and by this key. One of other bytes is put aside.
    fn begin_receipt(&self, bundle: &Bundle, contents: &Contents) -> Result<Option<Receipt>, ShipError> {
        let path = bundle.sidecar("receipt");
        let Some(bytes) = files::read(&path)? else { return Ok(None) };
        let unsound = |reason: String| ShipError::Bundle {
            path: path.clone(),
            reason: format!("the receipt that is there is not sound ({reason}); move it away"),
        };
        let receipt = Receipt::read(&bytes).map_err(unsound)?;
        let signer = receipt.signer().map_err(unsound)?;
        if signer != self.key.public() {
            return Err(unsound(format!("it is signed with key {}, this node's is {}", signer.id(), self.key.public().id())));
        }
        if receipt.artifact == Approved::of(contents) {
            return Ok(Some(receipt));
        }
        let hex = receipt.artifact.file_hash.hex();
        let aside = bundle.sidecar(&format!("receipt-{}", hex.get(..12).unwrap_or(&hex)));
        aw_disk::rename(&path, &aside)?;
        Ok(None)
    }

    /// Adds a publication to the receipt and writes it. What is in it already keeps its time.
    fn record(
        &self,
        bundle: &Bundle,
        contents: &Contents,
        before: Option<Receipt>,
        mut publication: Publication,
        decision: &Decision,
        approval: Option<&Approval>,
    ) -> Result<Receipt, ShipError> {
        let mut publications = before.as_ref().map(|receipt| receipt.publications.clone()).unwrap_or_default();
        let known = publications.iter().position(|known| known.target == publication.target && known.url == publication.url);
        if let Some(known) = known.map(|at| publications.remove(at)) {
            publication.published_at = known.published_at;
        }
        let shipped_at = publication.published_at.clone();
        publications.push(publication);
        publications.sort_by(|a, b| (&a.target, &a.url).cmp(&(&b.target, &b.url)));
        let digest = decision.digest();
        let before = match before {
            Some(before) if before.publications == publications && before.decision == digest => return Ok(before),
            before => before,
        };
        step(self.watch, "record", Some("receipt"))?;
        let receipt = Receipt {
            format: RECEIPT_FORMAT.to_owned(),
            artifact: Approved::of(contents),
            decision: digest,
            policy: decision.policy,
            approval: approval.cloned(),
            publications,
            // Equal forms of one zone compare as the moments do.
            shipped_at: before.map_or(shipped_at.clone(), |before| before.shipped_at.max(shipped_at)),
            signature: Signature { algorithm: String::new(), public_key: String::new(), value: String::new() },
        };
        let unsigned = |reason: String| ShipError::Bundle { path: bundle.shown(), reason };
        let receipt = receipt.sign(self.key).map_err(unsigned)?;
        files::replace(&bundle.sidecar("receipt"), &receipt.to_bytes())?;
        Ok(receipt)
    }

    /// What the line is told: the members that shipping adds to the result, and a line in the log for each publication. A refusal of an
    /// earlier decision no longer stands.
    fn finish(&self, bundle: &Bundle, contents: &Contents, receipt: &Receipt) -> Result<(), ShipError> {
        step(self.watch, "record", Some("result"))?;
        aw_disk::remove_file(&bundle.sidecar("refusal"))?;
        let Some(part) = &bundle.part else { return Ok(()) };
        let path = bundle.sidecar("result");
        let bytes = files::read(&path)?.unwrap_or_default();
        let odd = |error: serde_json::Error| ShipError::Bundle { path: path.clone(), reason: error.to_string() };
        let mut result: Map<String, Value> = serde_json::from_slice(&bytes).map_err(odd)?;
        let before = result.clone();
        result.insert("published".into(), true.into());
        let hub = receipt.publications.iter().find(|publication| publication.target.starts_with("hf://"));
        if let Some(hub) = hub {
            let page = hub.url.split("/tree/").next().unwrap_or(&hub.url);
            result.insert("hf_repo_url".into(), page.into());
        }
        let alloy =
            contents.artifact.text("integrity.alloyHash").map_or_else(|| contents.document_digest.to_string(), str::to_owned);
        result.insert("alloyChainHash".into(), alloy.into());
        // The receipt's signature covers every publication; the chain ends at whoever sealed the artifact.
        let sealed = contents.artifact.seal_member().map(|seal| seal.signature.public_key);
        result.insert(
            "signatureBundle".into(),
            json!({
                "signer": receipt.signature.public_key,
                "signature": receipt.signature.value,
                "chain": sealed.into_iter().collect::<Vec<_>>(),
            }),
        );
        if result != before {
            files::replace(&path, &signed::to_bytes(&result))?;
        }
        step(self.watch, "record", Some("log"))?;
        let shipped = |publication: &Publication| {
            let (alloy, url) = (part.name.file(), Some(publication.url.clone()));
            Entry { at: publication.published_at.clone(), outcome: Outcome::Shipped { alloy, reasons: Vec::new(), url } }
        };
        note(&part.root.hold()?, part, receipt.publications.iter().map(shipped).collect())
    }
}

fn file(file: &crate::contents::ContentFile) -> PublishedFile {
    PublishedFile { path: file.path.to_string(), sha256: file.digest, bytes: file.bytes }
}
