//! What a plan says of models that can be pruned and not run, are routed in groups, or have layers no profile covers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aw_alloy::recipe::{Notation, Recipe};
use aw_domain::{Domain as _, Estimate, Executor, PlanRequest, Problem, Source, SourceRequest};
use llm_forge::LlmForge;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::synthetic::write_weights;
use crate::table;
use crate::vocabulary::registry;

/// A folder with a recipe's model in `model`.
fn bench(architecture: &str, change: impl Fn(&mut table::Family, &mut Vec<table::Source>)) -> TempDir {
    let mut family = table::families().into_iter().find(|family| family.architecture == architecture).unwrap();
    let mut sources = family.sources("");
    change(&mut family, &mut sources);
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    fs::write(model.join("config.json"), family.config.to_string()).unwrap();
    write_weights(&model, &sources.into_iter().map(|source| source.made).collect::<Vec<_>>(), 1);
    folder
}

fn recipe(architecture: &str, stage: &Value) -> Recipe {
    let recipe = json!({
        "name": "made", "version": "1.0.0", "domains": ["llm-forge"],
        "source": {"baseModel": "model", "architecture": architecture, "isMoE": true, "totalExperts": table::EXPERTS},
        "calibrationCorpora": [{"id": "code", "path": "code.jsonl", "sha256": "00".repeat(32)}],
        "stages": [stage],
    });
    Recipe::read(recipe.to_string().as_bytes(), Notation::Json, &registry()).unwrap()
}

fn source(recipe: &Recipe, folder: &Path) -> Source {
    LlmForge::default().source(&SourceRequest { recipe, recipe_folder: folder, offline: true }).unwrap()
}

fn plan(architecture: &str, folder: &Path, stage: &Value) -> Result<Estimate, Vec<Problem>> {
    let recipe = recipe(architecture, stage);
    let source = source(&recipe, folder);
    let mut config = stage.clone();
    let name = config.as_object_mut().unwrap().remove("type").unwrap();
    let stage = LlmForge::default().stage_types().into_iter().find(|stage| stage.name == name).unwrap();
    let Executor::Here(executor) = stage.executor else { panic!("`{name}` does not run here") };
    let corpus = folder.join("code.jsonl");
    fs::write(&corpus, "{\"text\": \"x\"}\n").unwrap();
    let files = BTreeMap::from([("calibration:code".to_owned(), corpus.clone()), ("code".to_owned(), corpus)]);
    executor.plan(&PlanRequest { config: &config, recipe: &recipe, source: &source.folder, facts: &source.facts, files: &files })
}

fn refusal(architecture: &str, folder: &Path, stage: &Value) -> (String, String) {
    let problems = plan(architecture, folder, stage).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    (problems[0].code.to_string(), format!("{}: {}", problems[0].path, problems[0].message))
}

fn by_router(keep: usize) -> Value {
    json!({"type": "expert-prune", "strategy": "router-gate-l2", "keepExpertsPerLayer": keep})
}

/// Every family can be planned to half its experts; what a plan says is written is what is written.
#[test]
fn every_family_can_be_planned_without_a_forward_pass() {
    for family in table::families() {
        let folder = bench(family.architecture, |_, _| ());
        let estimate = plan(family.architecture, folder.path(), &by_router(4)).unwrap();
        assert!(estimate.bytes_out > 0 && estimate.bytes_out < estimate.bytes_in, "{}: {estimate:?}", family.architecture);
        let named = json!({"type": "expert-prune", "strategy": "random", "seed": 1, "keepExpertsPerLayer": 4,
            "expertTensorLayout": family.layout});
        assert!(plan(family.architecture, folder.path(), &named).is_ok(), "{}", family.layout);
    }
}

#[test]
fn a_profile_of_a_family_without_a_forward_pass_is_refused_by_name() {
    let folder = bench("granitemoe", |_, _| ());
    let profile = json!({"type": "expert-activation-profile", "calibrationCorpus": "code"});
    if llm_forge::families::family("granitemoe").unwrap().forward().is_none() {
        let (code, message) = refusal("granitemoe", folder.path(), &profile);
        assert_eq!(code, "forward");
        assert!(message.contains("architecture `granitemoe` has no forward pass here"), "{message}");
    }
    // A family with one, whose config asks for what it does not do, is refused for that; and can still be pruned.
    let folder = bench("mixtral", |family, _| family.config["hidden_act"] = "gelu".into());
    let (code, message) = refusal("mixtral", folder.path(), &profile);
    assert!(code == "forward" && message.contains("`hidden_act`: `\"gelu\"` is not supported"), "{message}");
    assert!(plan("mixtral", folder.path(), &by_router(4)).is_ok());
}

#[test]
fn a_budget_the_groups_cannot_share_is_refused_when_planned() {
    let folder = bench("deepseek_v3", |_, _| ());
    let (code, message) = refusal("deepseek_v3", folder.path(), &by_router(5));
    assert_eq!(code, "keep-by-group");
    assert!(message.starts_with("keepExpertsPerLayer: cannot keep 5") && message.ends_with("keep a multiple of 2"), "{message}");
    assert!(plan("deepseek_v3", folder.path(), &by_router(6)).is_ok());
}

#[test]
fn a_measured_prune_of_layers_no_profile_covers_is_refused_when_planned() {
    let folder = bench("qwen3_next", |family, sources| family.push_layer("mtp.layers.0.", 3, sources, &mut 0));
    fs::write(folder.path().join("importance.json"), "{}").unwrap();
    let measured = json!({"type": "expert-prune", "strategy": "calibration-aware-activation-count", "keepExpertsPerLayer": 4,
        "importanceJson": "importance.json"});
    let (code, message) = refusal("qwen3_next", folder.path(), &measured);
    assert_eq!(code, "unmeasured-layer");
    assert!(message.contains("layer 3 predicts further tokens with experts of its own"), "{message}");
    assert!(plan("qwen3_next", folder.path(), &by_router(4)).is_ok());
}
