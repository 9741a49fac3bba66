//! Recipes in both notations: problems have places in the text, what is accepted means the same in the other notation, and
//! can be sealed into an artifact that verifies.
#![no_main]

use aw_alloy::artifact::{ARTIFACT_SUFFIX, Artifact, Forged, verify};
use aw_alloy::chain::{CHAIN_FORMAT, Chain, ChainSource};
use aw_alloy::keys::SecretKey;
use aw_alloy::recipe::{Notation, Recipe, StageSchema, Vocabulary};
use aw_alloy::text::json;
use aw_alloy::tree::Tree;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

/// Two domains, of which one knows two stage types.
struct Pottery;

impl Vocabulary for Pottery {
    fn domains(&self) -> Vec<String> {
        vec!["glass".into(), "pottery".into()]
    }
    fn default_domains(&self) -> Vec<String> {
        vec!["pottery".into()]
    }
    fn stage_names(&self, domains: &[String]) -> Vec<String> {
        if domains.iter().any(|it| it == "pottery") { vec!["fire".into(), "glaze".into()] } else { Vec::new() }
    }
    fn stage_schema(&self, _: &[String], name: &str) -> StageSchema {
        match name {
            "fire" => StageSchema::Found(json!({"type": "object", "additionalProperties": false, "required": ["degrees"],
                "properties": {"degrees": {"type": "integer", "minimum": 600}, "kiln": {"enum": ["gas", "wood"]}}})),
            "glaze" => StageSchema::Found(json!({"type": "object"})),
            "blow" => StageSchema::Undeclared("glass".into()),
            _ => StageSchema::Unknown,
        }
    }
    fn root_members(&self, _: &[String]) -> Vec<(String, Value)> {
        vec![("clays".into(), json!({"type": "array", "items": {"type": "string"}}))]
    }
    fn type_byte(&self, _: &str) -> Option<u8> {
        Some(0xff)
    }
}

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
