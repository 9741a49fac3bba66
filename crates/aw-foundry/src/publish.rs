//! The end of a run: the artifact is put together, sealed, kept in the store and placed in a folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aw_alloy::artifact::{ARTIFACT_SUFFIX, Artifact, CARD_FILE, Forged};
use aw_alloy::chain::Chain;
use aw_alloy::signing::{Attestation, base64};
use aw_alloy::tree::{Tree, TreeEntry};
use aw_store::{KeepError, Kept, KeptId, Link, Needs, Writer};

use crate::Foundry;
use crate::clock;
use crate::error::RunError;
use crate::inputs::{self, RunSource};
use crate::plan::Plan;
use crate::run::{RunOptions, Signer, learned, own_path};

/// How often a place that runs at the same time take from each other is tried for.
const KEEP_TRIES: u32 = 100;

/// An artifact that is sealed and kept.
pub(crate) struct Sealed {
    pub(crate) artifact: Artifact,
    /// Everything that lies in the artifact's folder, the document and the card included.
    pub(crate) files: Tree,
    pub(crate) unchanged: bool,
}

#[expect(clippy::too_many_arguments, reason = "the one place where all that a run knows comes together")]
pub(crate) fn seal(
    foundry: Foundry<'_>,
    plan: &Plan,
    options: &RunOptions<'_>,
    writer: &Writer,
    source: &RunSource<'_>,
    chain: Chain,
    tree: &Tree,
    forged_at: &str,
) -> Result<Sealed, RunError> {
    inputs::import(writer, tree, source)?;
    let records: Vec<TreeEntry> = chain.links.iter().flat_map(|link| link.records.clone()).collect();
    let learned = learned(foundry, plan, &chain, tree);
    let forged = Forged { recipe: &plan.recipe, chain, output: tree.root(), forged_at, code: options.code.clone(), learned };
    let artifact = Artifact::assemble(forged)?;
    let id = KeptId::new(artifact.id().to_string()).expect("an artifact's id is a UUID");
    let kept = writer.kept(&id)?;
    if let Some(sealed) = kept.as_ref().and_then(|kept| reuse(writer, kept, &artifact, tree, &records, options)) {
        return Ok(sealed);
    }
    let artifact = match &options.signer {
        Some(Signer { key, nonce, audience }) => {
            let attestation = Attestation { key, at: clock::instant(), nonce: *nonce, audience: *audience };
            artifact.attest(&attestation).map_err(RunError::Sign)?
        }
        None => artifact,
    };
    let card = card(foundry, plan, &artifact);
    let artifact = artifact.seal(card.as_deref().map(str::as_bytes), options.key);
    let files = everything(writer, tree, &records, &artifact, card.as_deref())?;
    let needs = Needs { trees: vec![writer.put_tree(&files)?], ..Needs::default() };
    keep(writer, &Kept { id, name: artifact.name().into(), needs, document: artifact.to_bytes() })?;
    Ok(Sealed { artifact, files, unchanged: false })
}

/// Keeps an artifact in the place of one with the same content under another seal: of another key, or of a run at the same time.
fn keep(writer: &Writer, kept: &Kept) -> Result<(), RunError> {
    for _ in 0..KEEP_TRIES {
        match writer.keep(kept) {
            Err(KeepError::Taken { .. }) => writer.unkeep(&kept.id)?,
            other => return Ok(other?),
        };
    }
    Ok(writer.keep(kept)?)
}

/// The kept artifact, when it is the same one, sealed with the same key, signed as is asked for, and whole. Where no signature is asked for,
/// one that is there does no harm.
fn reuse(
    writer: &Writer,
    kept: &Kept,
    fresh: &Artifact,
    tree: &Tree,
    records: &[TreeEntry],
    options: &RunOptions<'_>,
) -> Option<Sealed> {
    let artifact = Artifact::read(&kept.document).ok()?;
    let same_links =
        artifact.chain().links.iter().map(|link| &link.stage_key).eq(fresh.chain().links.iter().map(|link| &link.stage_key));
    let same_key = artifact.seal_member()?.signature.public_key == options.key.public().to_string();
    let same_records = artifact.chain().links.iter().flat_map(|link| &link.records).eq(records);
    let (root, tree_is) = (kept.needs.trees.first()?, |files: &Tree| {
        tree.entries().iter().all(|entry| files.get(entry.path.as_str()) == Some(entry))
    });
    let (files, faults) = writer.check_root(root).ok()?;
    let files = files.filter(|files| faults.is_empty() && tree_is(files))?;
    let same_signature = options.signer.as_ref().is_none_or(|signer| signed_as_asked(&artifact, signer));
    (same_links && same_key && same_records && same_signature).then_some(Sealed { artifact, files, unchanged: true })
}

/// Whether an artifact was signed with this key, for this nonce and this audience.
fn signed_as_asked(artifact: &Artifact, signer: &Signer<'_>) -> bool {
    let key = base64::standard(&signer.key.public().to_der());
    artifact.text("integrity.signature.publicKey") == Some(key.as_str())
        && artifact.text("integrity.nonce") == signer.nonce
        && artifact.text("integrity.audience") == signer.audience
}

fn card(foundry: Foundry<'_>, plan: &Plan, artifact: &Artifact) -> Option<String> {
    let domains = plan.recipe.domains().iter().filter_map(|id| foundry.registry.domain(id).ok());
    domains.filter_map(|domain| domain.card(artifact)).next()
}

fn everything(
    writer: &Writer,
    tree: &Tree,
    records: &[TreeEntry],
    artifact: &Artifact,
    card: Option<&str>,
) -> Result<Tree, RunError> {
    let mut entries: Vec<TreeEntry> = tree.entries().iter().chain(records).cloned().collect();
    let mut add = |path: &str, bytes: &[u8]| -> Result<(), RunError> {
        let digest = writer.put_bytes(bytes)?;
        entries.push(TreeEntry { path: own_path(path), digest, bytes: bytes.len() as u64 });
        Ok(())
    };
    add(&format!("{}{ARTIFACT_SUFFIX}", artifact.name()), &artifact.to_bytes())?;
    if let Some(card) = card {
        add(CARD_FILE, card.as_bytes())?;
    }
    Tree::new(entries).map_err(|error| RunError::Output { index: 0, stage: "seal".into(), problem: error.to_string() })
}

/// Refuses a folder that holds anything but an artifact.
pub(crate) fn check_out(out: &Path) -> Result<(), RunError> {
    let place = |source| RunError::Place { folder: out.to_owned(), source };
    let entries = match fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(place(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(place)?.file_name());
    }
    let is_document = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(ARTIFACT_SUFFIX);
    if names.is_empty() || names.iter().any(is_document) { Ok(()) } else { Err(RunError::OutOccupied { folder: out.to_owned() }) }
}

/// Places the artifact's files in `out`: whole beside it first, then in its place, so that `out` never holds half of one.
pub(crate) fn place(writer: &Writer, sealed: &Sealed, out: &Path) -> Result<(), RunError> {
    let place = |source| RunError::Place { folder: out.to_owned(), source };
    let out = std::path::absolute(out).map_err(place)?;
    check_out(&out)?;
    if is_placed(writer, &sealed.files, &out) {
        return Ok(());
    }
    let parent = out.parent().ok_or_else(|| place(io::Error::other("it has no parent folder")))?;
    fs::create_dir_all(parent).map_err(place)?;
    let (new, old) = (beside(&out, "new"), beside(&out, "old"));
    for leftover in [&new, &old] {
        remove(leftover).map_err(place)?;
    }
    writer.export(&sealed.files, &new, Link::HardLink)?;
    if out.exists() {
        fs::rename(&out, &old).map_err(place)?;
    }
    fs::rename(&new, &out).map_err(place)?;
    fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(place)?;
    remove(&old).map_err(place)
}

/// Whether `out` already holds exactly these files as hard links to the store's blobs, which are known to be whole.
fn is_placed(writer: &Writer, files: &Tree, out: &Path) -> bool {
    let same = |entry: &TreeEntry| -> io::Result<bool> {
        let (placed, blob) =
            (fs::symlink_metadata(out.join(&entry.path))?, fs::symlink_metadata(writer.blob_path(&entry.digest))?);
        Ok((placed.dev(), placed.ino()) == (blob.dev(), blob.ino()))
    };
    files.entries().iter().all(|entry| same(entry).unwrap_or(false))
        && count_files(out).is_ok_and(|found| found == files.entries().len())
}

/// Counts what is not a folder below `folder`.
fn count_files(folder: &Path) -> io::Result<usize> {
    let mut found = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        found += if entry.file_type()?.is_dir() { count_files(&entry.path())? } else { 1 };
    }
    Ok(found)
}

fn beside(out: &Path, what: &str) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.{what}"))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
