//! Stages that a recipe leaves to its target.
//!
//! Derived stages become part of the recipe as if they had been written: they are checked like any other, enter its digest and
//! are frozen in the artifact. What is found wrong with one stands at the member of the target that asked for it.

use serde_json::Value;

use super::{Recipe, Vocabulary, check};
use crate::text::{Mark, Node, Problem, Value as NodeValue};

/// A stage made from the difference between source and target.
#[derive(Clone, Debug, PartialEq)]
pub struct DerivedStage {
    /// The stage as a recipe would hold it, `type` included.
    pub stage: Value,
    /// Path of the member of the target that asked for it, such as `target.experts`.
    pub from: String,
}

/// Adds the stages the target asks for when the recipe names none; gives the paths they were derived from.
pub(super) fn derive(node: &mut Node, vocabulary: &dyn Vocabulary) -> Result<Vec<String>, Vec<Problem>> {
    let stages = node.get("stages");
    let left_out = stages.is_none_or(|stages| stages.as_array().is_some_and(<[Node]>::is_empty));
    let wanted = node.get("target").is_some_and(|target| target.as_object().is_some());
    if !left_out || !wanted {
        return Ok(Vec::new());
    }
    // Everything else must be in order first: from a target that is wrong, stages would only be guessed.
    if let Err(mut problems) = check::check(node, vocabulary) {
        problems.retain(|problem| problem.path != "stages");
        if !problems.is_empty() {
            return Err(problems);
        }
    }
    let domains = check::declared(node, vocabulary);
    let derived = vocabulary.derive_stages(&domains, &node.to_serde()).map_err(|problems| place_all(node, problems))?;
    if derived.is_empty() {
        let message = "the target asks for nothing that the source is not already, and the recipe has no stages";
        let problem =
            Problem::new("nothing-derived", "target", message).hint("say in `target` what should change, or add `stages`");
        return Err(place_all(node, vec![problem]));
    }
    let from: Vec<String> = derived.iter().map(|stage| stage.from.clone()).collect();
    let written = derived.iter().map(|derived| {
        let mut stage = Node::from_serde(&derived.stage);
        set_place(&mut stage, place(node, &derived.from).unwrap_or(Mark::NONE));
        stage
    });
    let stages = Node::from(NodeValue::Array(written.collect()));
    if let Some(object) = node.as_object_mut() {
        object.insert("stages", stages);
    }
    Ok(from)
}

/// Where stages and target are both given the stages are what runs; what the target says otherwise is a problem.
pub(super) fn hold_against_target(recipe: &Recipe, vocabulary: &dyn Vocabulary) -> Result<(), Vec<Problem>> {
    let authored = recipe.derived.is_empty() && recipe.node.get("target").is_some_and(|target| !target.is_null());
    if !authored {
        return Ok(());
    }
    let problems = vocabulary.target_disagreements(&recipe.domains, &recipe.node.to_serde());
    if problems.is_empty() { Ok(()) } else { Err(place_all(&recipe.node, problems)) }
}

/// Says of every problem below a derived stage which member of the target it came from.
pub(super) fn blame(problems: Vec<Problem>, derived: &[String]) -> Vec<Problem> {
    let blame = |mut problem: Problem| {
        let index = problem.path.strip_prefix("stages[").and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
        if let Some(from) = index.and_then(|index| derived.get(index)) {
            let reason = format!(" (the stage is derived from `{from}`)");
            if !problem.message.ends_with(&reason) {
                problem.message += &reason;
            }
        }
        problem
    };
    problems.into_iter().map(blame).collect()
}

/// Where a path such as `stages[2].level` or `source.baseModel` stands in the text; the nearest parent when it is absent.
pub(super) fn place(node: &Node, path: &str) -> Option<Mark> {
    let mut node = node;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        let next = match step.strip_suffix(']') {
            Some(index) => index.parse().ok().and_then(|index: usize| node.as_array()?.get(index)),
            None => node.get(step),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node.at.known()
}

fn place_all(node: &Node, problems: Vec<Problem>) -> Vec<Problem> {
    let place = |mut problem: Problem| {
        problem.at = problem.at.or_else(|| place(node, &problem.path));
        problem
    };
    problems.into_iter().map(place).collect()
}

/// A derived value stands nowhere in the text; what asked for it does.
fn set_place(node: &mut Node, at: Mark) {
    node.at = at;
    match &mut node.value {
        NodeValue::Array(items) => items.iter_mut().for_each(|item| set_place(item, at)),
        NodeValue::Object(object) => object.values_mut().for_each(|value| set_place(value, at)),
        _ => {}
    }
}
