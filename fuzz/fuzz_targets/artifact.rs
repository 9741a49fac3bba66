//! Artifact documents: never a panic, nothing good that is not its own serialisation, and whatever can be read can be sealed
//! honestly and is then good but for what no seal mends.
#![no_main]

use aw_alloy::artifact::{Artifact, Finding, pipeline_hash, verify};
use aw_alloy::chain::{Chain, replay, stage_key};
use aw_alloy::digest::LinkDigest;
use aw_alloy::keys::SecretKey;
use aw_alloy::text::{Node, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let found = verify(bytes, "cup.alloy.json", &[]);
    let Some(artifact) = found.artifact else {
        return assert!(!found.findings.is_empty(), "no artifact and no reason");
    };
    if found.findings.is_empty() {
        assert_eq!(artifact.to_bytes(), bytes, "a good document is its own serialisation");
        assert!(found.signer.is_some(), "a good document has a signer");
    }
    assert!(found.files.is_sorted_by_key(|file| &file.path));
    let key = SecretKey::from_bytes(&[3; 32]);
    let Some(sealed) = resealed(&artifact, &key) else { return };
    let found = verify(&sealed, &format!("{}.alloy.json", artifact.name()), &[key.public()]);
    let unmended: Vec<&Finding> = found.findings.iter().filter(|it| !beyond_a_seal(it)).collect();
    assert!(unmended.is_empty(), "{unmended:?}");
});

/// What an honest seal over a dishonest document still leaves.
fn beyond_a_seal(finding: &Finding) -> bool {
    let unmended =
        ["its configuration is not that of", "`integrity.cardHash`", "`name` holds", "its record `", "its files cannot lie"];
    unmended.iter().any(|start| finding.message.starts_with(start))
}

/// The document with every root, key, digest and signature made anew; none where its links make no trees.
fn resealed(artifact: &Artifact, key: &SecretKey) -> Option<Vec<u8>> {
    let mut chain: Chain = artifact.chain().clone();
    chain.source.root = chain.source.files.root();
    let mut tree = chain.source.first_tree().ok()?;
    let mut previous = LinkDigest::of_source(chain.source.root);
    for (position, link) in chain.links.iter_mut().enumerate() {
        let after = replay(&tree, &link.replaces, &link.carries, &link.writes).ok()?;
        link.index = u32::try_from(position).ok()?;
        (link.previous, link.input, link.output) = (previous, tree.root(), after.root());
        link.stage_key = stage_key(&link.stage_type, link.code_version, &link.configuration, &link.read).ok()?;
        link.sign(key).ok()?;
        previous = link.digest();
        tree = after;
    }
    let mut node = artifact.node().clone();
    let hash = pipeline_hash(&node).to_string();
    let object = node.as_object_mut()?;
    object.remove("seal");
    object.insert("chain", Node::from_serde(&serde_json::to_value(chain).ok()?));
    object.get_mut("integrity")?.as_object_mut()?.insert("alloyHash", hash);
    let mut text = json::publish(&node);
    text.push('\n');
    Some(Artifact::read(text.as_bytes()).ok()?.seal(None, key).to_bytes())
}
