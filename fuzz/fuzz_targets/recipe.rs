//! Recipes in both notations: problems have places in the text, what is accepted means the same in the other notation, and
//! can be sealed into an artifact that verifies.
#![no_main]

use alloyworks_fuzz::Pottery;
use aw_alloy::artifact::{ARTIFACT_SUFFIX, Artifact, Forged, verify};
use aw_alloy::chain::{CHAIN_FORMAT, Chain, ChainSource};
use aw_alloy::keys::SecretKey;
use aw_alloy::recipe::{Notation, Recipe};
use aw_alloy::text::json;
use aw_alloy::tree::Tree;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, json};

fuzz_target!(|bytes: &[u8]| {
    for notation in [Notation::Json, Notation::Yaml] {
        match Recipe::read(bytes, notation, &Pottery) {
            Ok(recipe) => {
                let published = json::publish(recipe.node());
                let again = Recipe::read(published.as_bytes(), Notation::Json, &Pottery).expect("the same recipe in JSON");
                assert_eq!((again.digest(), again.id()), (recipe.digest(), recipe.id()));
                assert_eq!(again.stages().len(), recipe.stages().len());
                seal(&recipe);
            }
            Err(problems) => {
                assert!(!problems.is_empty(), "refused without a reason");
                let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
                for problem in problems {
                    assert!(!problem.message.is_empty());
                    assert!(
                        problem.at.is_none_or(|at| at.line as usize <= lines && at.column >= 1),
                        "{problem} in {lines} lines"
                    );
                }
            }
        }
    }
});

/// A run of no stages.
fn seal(recipe: &Recipe) {
    let source = ChainSource { root: Tree::default().root(), placed_under: String::new(), files: Tree::default() };
    let output = source.root;
    let chain = Chain { format: CHAIN_FORMAT.into(), source, links: Vec::new() };
    let forged = Forged { recipe, chain, output, forged_at: "2026-01-02T03:04:05Z", code: json!({}), learned: Map::new() };
    let bytes = Artifact::assemble(forged).expect("a checked recipe").seal(None, &SecretKey::from_bytes(&[3; 32])).to_bytes();
    let found = verify(&bytes, &format!("{}{ARTIFACT_SUFFIX}", recipe.root().name), &[]);
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}
