//! Takes the recipe out of a document of another program.
//!
//! What is known before a run belongs to the recipe, what is known only after it to the artifact. The document keeps everything: what has
//! no place in the recipe is named, not lost.
//!
//! # Source
//! The alloy format, section 10.

use aw_alloy::digest::ContentId;
use aw_alloy::document::{Document, validate};
use aw_alloy::recipe::{RUN_MEMBERS, Recipe, Vocabulary};
use aw_alloy::text::{Node, Object, Problem, json};

use super::data_rules::digest;

/// Root members that belong to the artifact alone.
const ARTIFACT_MEMBERS: [&str; 2] = ["id", "coverage"];

/// Rounds of taking out what has no place, at most: each takes something out.
const ROUNDS_MAX: usize = 100;

/// What became of a member of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is in the recipe.
    Recipe,
    /// Only a run can know it: it is in the artifact alone.
    Artifact,
    /// Recipes have no such member.
    Nowhere,
    /// It is `null`, which says nothing.
    Null,
}

/// The recipe in a document.
pub(super) struct Projected {
    /// The recipe, with an id.
    pub(super) node: Node,
    /// The recipe's id: the document's own where it is a recipe that states one, else made from the recipe's content.
    pub(super) id: String,
    /// The recipe as its reader has it, or what stands against running it here.
    pub(super) recipe: Result<Recipe, Vec<Problem>>,
    /// What is wrong with it by the format itself.
    pub(super) problems: Vec<Problem>,
    /// Every root member, and every deeper one that is not in the recipe, with where it went.
    pub(super) places: Vec<(String, Place)>,
    /// Whether the recipe is the document itself.
    pub(super) whole: bool,
}

/// Takes the recipe out of a document.
pub(super) fn project(document: &Document, vocabulary: &dyn Vocabulary) -> Result<Projected, Vec<Problem>> {
    if !document.is_artifact()
        && let Ok(recipe) = Recipe::from_node(document.node().clone(), vocabulary)
    {
        let places = members(document).map(|(name, _)| (name.to_owned(), Place::Recipe)).collect();
        return Ok(Projected {
            node: document.node().clone(),
            id: recipe.id(),
            recipe: Ok(recipe),
            problems: Vec::new(),
            places,
            whole: true,
        });
    }
    let mut kept = Object::new();
    let mut places = Vec::new();
    let mut stated = None;
    for (name, value) in members(document) {
        let place = if value.is_null() {
            Place::Null
        } else if name == "id" && !document.is_artifact() {
            stated = value.as_str().map(str::to_owned);
            Place::Recipe
        } else if RUN_MEMBERS.contains(&name) || ARTIFACT_MEMBERS.contains(&name) {
            Place::Artifact
        } else {
            Place::Recipe
        };
        places.push((name.to_owned(), place));
        // An id comes first, below.
        if place == Place::Recipe && name != "id" {
            kept.insert(name, value.clone());
        }
    }
    let mut node = Node::from(kept);
    let found = settle(&mut node, vocabulary, &mut places);
    let id = match stated.filter(|id| aw_store::entities::IdRule::Uuid.accepts(id)) {
        Some(id) => id,
        None => ContentId::of(&digest(&node)?).to_string(),
    };
    let own = node.as_object().into_iter().flatten().map(|member| (member.name.clone(), member.value.clone()));
    let node: Node = [("id".to_owned(), Node::from(id.as_str()))].into_iter().chain(own).collect::<Object>().into();
    let recipe = match found {
        Ok(()) => Recipe::from_node(node.clone(), vocabulary),
        Err(problems) => Err(problems),
    };
    let problems = match &recipe {
        Ok(_) => Vec::new(),
        Err(_) => validate(&Document::read(&text(&node))?, vocabulary),
    };
    Ok(Projected { node, id, recipe, problems, places, whole: false })
}

fn members(document: &Document) -> impl Iterator<Item = (&str, &Node)> {
    document.node().as_object().into_iter().flatten().map(|member| (member.name.as_str(), &member.value))
}

/// Takes out what recipes have no place for, until the reader accepts the rest or has something else against it.
fn settle(node: &mut Node, vocabulary: &dyn Vocabulary, places: &mut Vec<(String, Place)>) -> Result<(), Vec<Problem>> {
    for _ in 0..ROUNDS_MAX {
        let Err(problems) = Recipe::from_node(node.clone(), vocabulary) else { return Ok(()) };
        let mut taken = false;
        for problem in &problems {
            let place = match problem.code {
                "unknown-field" => Place::Nowhere,
                "recipe-holds-results" => Place::Artifact,
                _ if at(node, &problem.path).is_some_and(Node::is_null) => Place::Null,
                _ => continue,
            };
            if take(node, &problem.path) {
                taken = true;
                places.retain(|(path, _)| *path != problem.path);
                places.push((problem.path.clone(), place));
            }
        }
        if !taken {
            return Err(problems);
        }
    }
    Recipe::from_node(node.clone(), vocabulary).map(drop)
}

/// One step of a path such as `stages[2]["odd name"].level`.
enum Step {
    Member(String),
    Item(usize),
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inner) = rest.strip_prefix('[') {
            if inner.starts_with('"') {
                // Names are written with the escapes of Rust's `Debug`, which are those of JSON for what such names hold.
                let mut texts = serde_json::Deserializer::from_str(inner).into_iter::<String>();
                let name = texts.next()?.ok()?;
                rest = inner.get(texts.byte_offset()..)?.strip_prefix(']')?;
                steps.push(Step::Member(name));
            } else {
                let (index, after) = inner.split_once(']')?;
                steps.push(Step::Item(index.parse().ok()?));
                rest = after;
            }
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Member(rest.get(..end).filter(|name| !name.is_empty())?.to_owned()));
            rest = &rest[end..];
        }
    }
    Some(steps)
}

fn below<'a>(node: &'a Node, step: &Step) -> Option<&'a Node> {
    match step {
        Step::Member(name) => node.get(name),
        Step::Item(index) => node.as_array()?.get(*index),
    }
}

fn at<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
    steps(path)?.iter().try_fold(node, below)
}

/// Removes the member at a path; false when there is none, or it is an item of a list.
fn take(node: &mut Node, path: &str) -> bool {
    let Some(mut steps) = steps(path) else { return false };
    let Some(Step::Member(last)) = steps.pop() else { return false };
    let mut here = node;
    for step in &steps {
        let next = match step {
            Step::Member(name) => here.get_mut(name),
            Step::Item(index) => here.as_array_mut().and_then(|items| items.get_mut(*index)),
        };
        match next {
            Some(next) => here = next,
            None => return false,
        }
    }
    here.as_object_mut().is_some_and(|object| object.remove(&last).is_some())
}

/// The recipe as text.
pub(super) fn text(node: &Node) -> Vec<u8> {
    format!("{}\n", json::publish(node)).into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aw_alloy::text::Limits;

    #[test]
    fn members_are_taken_out_by_their_paths() {
        let text = br#"{"a": [{"b": 1, "c d": {"e": null}}], "x\"y": 2}"#;
        for (path, taken) in [
            ("a[0].b", true),
            ("a[0][\"c d\"].e", true),
            ("a[0][\"c d\"]", true),
            ("[\"x\\\"y\"]", true),
            ("a", true),
            ("a[0]", false),
            ("a[1].b", false),
            ("a[x].b", false),
            ("a[0].missing", false),
            ("", false),
            ("..", false),
            ("a[", false),
            ("[\"", false),
        ] {
            let mut node = json::parse(text, &Limits::DOCUMENT).unwrap();
            assert_eq!(take(&mut node, path), taken, "{path}");
            assert!(at(&node, path).is_none() || !taken, "{path}");
        }
    }
}
