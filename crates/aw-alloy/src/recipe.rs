//! The recipe: the authored input. It never holds anything that only a run can know.
//!
//! Text is parsed to a tree with positions, the root is checked against the universal members and those that the declared
//! domains add, and every stage against its own stage type's schema. All problems are reported at once.

pub(crate) mod check;
mod derive;
mod root;

use serde_json::Value;

use crate::digest::{ContentId, Digest};
use crate::text::{Limits, Mark, Node, Problem, canonical, json, yaml};

pub use derive::DerivedStage;
pub use root::{RecipeRoot, RecipeSource};

/// The members that only a run can know; a recipe that carries one is refused.
pub const RUN_MEMBERS: &[&str] = &[
    "results",
    "receipt",
    "integrity",
    "alloyHash",
    "forgedModelIds",
    "hardwareVerified",
    "verifyUrl",
    "recipeId",
    "recipeVersion",
    "recipeName",
    "forgedAt",
    "forgedAtMs",
    "durationMinutes",
    "forgedParamsB",
    "activeParamsB",
    "chain",
    "seal",
    "artifactId",
];

/// The vocabulary a recipe is checked against. Implemented by the registry of domains.
pub trait Vocabulary {
    /// Ids of every registered domain, sorted.
    fn domains(&self) -> Vec<String>;
    /// The domains of a document that declares none.
    fn default_domains(&self) -> Vec<String>;
    /// Names of the stage types of these domains.
    fn stage_names(&self, domains: &[String]) -> Vec<String>;
    /// The JSON Schema of a stage type, `type` and `notes` left out.
    fn stage_schema(&self, domains: &[String], name: &str) -> StageSchema;
    /// The root members these domains add, with their schemas.
    fn root_members(&self, domains: &[String]) -> Vec<(String, Value)>;
    /// The type byte of a domain.
    fn type_byte(&self, domain: &str) -> Option<u8>;

    /// As [`Vocabulary::stage_schema`], for documents of any origin: every published member is known, unknown ones are legal.
    fn stage_document_schema(&self, domains: &[String], name: &str) -> StageSchema {
        self.stage_schema(domains, name)
    }

    /// As [`Vocabulary::root_members`], for documents of any origin.
    fn root_document_members(&self, domains: &[String]) -> Vec<(String, Value)> {
        self.root_members(domains)
    }

    /// The stages that turn the recipe's `source` into its `target`, in the order they run.
    ///
    /// # Errors
    /// What cannot be derived, with its path in the recipe.
    fn derive_stages(&self, domains: &[String], recipe: &Value) -> Result<Vec<DerivedStage>, Vec<Problem>> {
        let _ = recipe;
        let first = domains.first().map_or("", String::as_str);
        let message = format!("domain `{first}` derives no stages from a target, and the recipe has none");
        Err(vec![Problem::new("not-derivable", "target", message).hint("write the stages out in `stages`")])
    }

    /// Where `target` says otherwise than the stages do, when a recipe has both.
    fn target_disagreements(&self, domains: &[String], recipe: &Value) -> Vec<Problem> {
        let _ = (domains, recipe);
        Vec::new()
    }
}

/// What a vocabulary knows of a stage type's name.
pub enum StageSchema {
    /// Its schema.
    Found(Value),
    /// It belongs to a domain the document does not declare.
    Undeclared(String),
    /// No registered domain has it.
    Unknown,
}

/// The notation of a recipe's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// YAML 1.2, the core schema, without anchors and tags.
    Yaml,
    /// JSON.
    Json,
}

/// A checked recipe.
#[derive(Clone, Debug)]
pub struct Recipe {
    node: Node,
    root: RecipeRoot,
    domains: Vec<String>,
    stages: Vec<RecipeStage>,
    derived: Vec<String>,
}

/// One stage of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipeStage {
    /// Its stage type.
    pub name: String,
    /// Its members without `type` and `notes`.
    pub config: Value,
    /// The author's words on it.
    pub notes: Option<String>,
    /// Where it stands in the text.
    pub at: Mark,
}

impl Recipe {
    /// Reads a recipe's text and checks all of it.
    ///
    /// # Errors
    /// Every problem found, in the order of the text, with line and column.
    pub fn read(text: &[u8], notation: Notation, vocabulary: &dyn Vocabulary) -> Result<Self, Vec<Problem>> {
        let parsed = match notation {
            Notation::Json => json::parse(text, &Limits::DOCUMENT),
            Notation::Yaml => match std::str::from_utf8(text) {
                Ok(text) => yaml::parse(text, &Limits::DOCUMENT),
                Err(error) => {
                    let message =
                        format!("the recipe is not UTF-8 text: byte {} is not part of a character", error.valid_up_to());
                    return Err(vec![Problem::new("syntax", "", message)]);
                }
            },
        };
        let node = parsed.map_err(|error| vec![Problem::from(error)])?;
        Self::from_node(node, vocabulary)
    }

    /// Checks a recipe already parsed. One without stages gets those its target asks for.
    ///
    /// # Errors
    /// Every problem found, in the order of the text.
    pub fn from_node(mut node: Node, vocabulary: &dyn Vocabulary) -> Result<Self, Vec<Problem>> {
        let derived = derive::derive(&mut node, vocabulary)?;
        let domains = check::check(&node, vocabulary).map_err(|problems| derive::blame(problems, &derived))?;
        // What the schema let through deserialises; a mismatch of the two is reported, not trusted.
        let root: RecipeRoot = serde_json::from_value(node.to_serde())
            .map_err(|error| vec![Problem::new("recipe", "", format!("the recipe cannot be read: {error}"))])?;
        let stages = node.get("stages").and_then(Node::as_array).unwrap_or_default().iter().map(stage).collect();
        let recipe = Self { node, root, domains, stages, derived };
        derive::hold_against_target(&recipe, vocabulary)?;
        Ok(recipe)
    }

    /// The tree as read, positions included.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The universal members.
    pub fn root(&self) -> &RecipeRoot {
        &self.root
    }

    /// The domains it uses, in order.
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Its stages, in order.
    pub fn stages(&self) -> &[RecipeStage] {
        &self.stages
    }

    /// A root member as plain JSON.
    pub fn member(&self, name: &str) -> Option<Value> {
        self.node.get(name).map(Node::to_serde)
    }

    /// The member of the target that the stage at this position was derived from; `None` when the author wrote it.
    pub fn derived_from(&self, stage: usize) -> Option<&str> {
        self.derived.get(stage).map(String::as_str)
    }

    /// Where a path such as `stages[2].level` or `source.baseModel` stands in the text; the nearest parent when it is absent.
    pub fn place(&self, path: &str) -> Option<Mark> {
        derive::place(&self.node, path)
    }

    /// Gives each problem the line and column of its path.
    pub fn locate(&self, problems: Vec<Problem>) -> Vec<Problem> {
        let locate = |mut problem: Problem| {
            problem.at = problem.at.or_else(|| self.place(&problem.path));
            problem
        };
        derive::blame(problems.into_iter().map(locate).collect(), &self.derived)
    }

    /// Its digest: SHA-256 of the RFC 8785 form, so YAML and JSON of the same recipe agree.
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical::to_bytes(&self.node).expect("a checked recipe holds only finite numbers and unique names"))
    }

    /// Its id: the one it states, else one made from its content.
    pub fn id(&self) -> String {
        self.root.id.clone().unwrap_or_else(|| ContentId::of(&self.digest()).to_string())
    }
}

fn stage(node: &Node) -> RecipeStage {
    let mut config = node.to_serde();
    let mut take = |name: &str| match config.as_object_mut()?.shift_remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    };
    let name = take("type").unwrap_or_default();
    let notes = take("notes");
    RecipeStage { name, config, notes, at: node.at }
}

#[cfg(test)]
mod tests;
