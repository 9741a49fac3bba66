//! What is refused before anything runs.

use aw_foundry::PlanError;

use crate::pottery::{RECIPE, Workshop};

fn problems(shop: &Workshop, recipe: &str) -> Vec<String> {
    match shop.plan(recipe) {
        Err(PlanError::Refused(problems)) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn stages_refuse_with_their_place() {
    let shop = Workshop::new();
    assert_eq!(
        problems(&shop, &RECIPE.replace("1000", "2000")),
        ["line 5, column 27: `stages[0].degrees`: the kiln reaches 1300 degrees"]
    );
    assert_eq!(shop.ran(), 0);
}

#[test]
fn a_declared_stage_says_so() {
    let shop = Workshop::new();
    let found = problems(&shop, &RECIPE.replace("type: pack", "type: sell"));
    assert!(found[0].contains("`sell` is declared, cannot run here"), "{found:?}");
}

#[test]
fn cycles_repeat_what_transforms() {
    let shop = Workshop::new();
    let plan = shop.plan(&RECIPE.replace("stages:", "cycles: 3\nstages:")).unwrap();
    let steps: Vec<String> = plan.steps.iter().map(|step| format!("{} {}", step.stage_type, step.cycle)).collect();
    assert_eq!(steps, ["fire 1", "fire 2", "fire 3", "weigh 1", "pack 1"]);
    let run = shop.run(&RECIPE.replace("stages:", "cycles: 3\nstages:")).unwrap();
    assert_eq!(run.artifact.chain().links.len(), 5);
    let apart = RECIPE.replace("stages:", "cycles: 2\nstages:").replace("  - {type: pack}", "  - {type: fire, degrees: 1}");
    assert!(problems(&shop, &apart)[0].contains("must stand together"));
}

#[test]
fn a_missing_source_is_an_error() {
    let shop = Workshop::new();
    assert!(matches!(shop.plan(&RECIPE.replace("baseModel: source", "baseModel: nowhere")), Err(PlanError::Source(_))));
}
