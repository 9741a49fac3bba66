//! Finds every problem of a recipe at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{RUN_MEMBERS, StageSchema, Vocabulary};
use crate::document::schemas;
use crate::document::walk::{Step, name, path, walk};
use crate::text::{Node, Problem, Schema, SchemaError};

/// What is wrong all over gets no longer list than this, which bounds the memory a check takes.
pub(crate) const PROBLEMS_MAX: usize = 1000;

/// Members below the root that hold what only a run can know: hashes of what it made, and where that can be verified.
const PRODUCED: [&str; 7] = ["modelHash", "fileHashes", "alloyHash", "cardHash", "resultHash", "baseResultHash", "verifyUrl"];
/// The root members in which they are looked for. Baselines are not among them: their hashes were known before.
const AUTHORED: [&str; 4] = ["stages", "evaluationBenchmarks", "outputs", "quantTiers"];

/// Checks the whole tree; gives the domains it uses.
pub(super) fn check(node: &Node, vocabulary: &dyn Vocabulary) -> Result<Vec<String>, Vec<Problem>> {
    let Some(object) = node.as_object() else {
        let message =
            format!("a recipe is an object with `name`, `version`, `source` and `stages`; this is {}", node.value.kind());
        return Err(vec![Problem::new("recipe", "", message).at(node.at)]);
    };
    let mut problems = Vec::new();
    for member in object.iter().filter(|member| RUN_MEMBERS.contains(&member.name.as_str())) {
        problems.push(only_a_run_knows(&member.name, &member.name).at(member.name_at));
    }
    produced(node, &mut problems);
    let domains = domains(node, vocabulary, &mut problems);
    root(node, vocabulary, &domains, &mut problems);
    let mut stages = Stages::new(vocabulary, &domains, For::Recipe);
    for (index, stage) in node.get("stages").and_then(Node::as_array).unwrap_or_default().iter().enumerate() {
        if problems.len() > PROBLEMS_MAX {
            break;
        }
        stages.check(stage, &format!("stages[{index}]"), &mut problems);
    }
    if problems.is_empty() { Ok(domains) } else { Err(in_order(problems)) }
}

/// The domains a recipe declares, as far as they are registered.
pub(super) fn declared(node: &Node, vocabulary: &dyn Vocabulary) -> Vec<String> {
    domains(node, vocabulary, &mut Vec::new())
}

pub(crate) fn only_a_run_knows(name: &str, path: &str) -> Problem {
    let message = format!("`{name}` is something only a run can know, a recipe cannot carry it");
    Problem::new("recipe-holds-results", path, message).hint("remove it; the artifact of a run holds it")
}

/// Finds hashes of produced bytes below what an author writes.
pub(crate) fn produced(root: &Node, problems: &mut Vec<Problem>) {
    for (top, node) in AUTHORED.iter().filter_map(|name| Some((*name, root.get(name)?))) {
        walk(node, &mut vec![Step::Member(top)], &mut |steps, node| {
            let found = name(steps).filter(|name| PRODUCED.contains(name) && !node.is_null());
            if let Some(name) = found {
                problems.push(only_a_run_knows(name, &path(steps)).at(node.at));
            }
            found.is_none() && problems.len() <= PROBLEMS_MAX
        });
    }
}

/// The problems in the order of the text, of a very long list the first.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| problem.at);
    if problems.len() > PROBLEMS_MAX {
        problems.retain(|problem| problem.code != "more-problems");
        problems.truncate(PROBLEMS_MAX);
        let message = format!("there are more problems than the {PROBLEMS_MAX} listed");
        problems.push(Problem::new("more-problems", "", message).hint("put these right and check again"));
    }
    problems
}

pub(crate) fn domains(node: &Node, vocabulary: &dyn Vocabulary, problems: &mut Vec<Problem>) -> Vec<String> {
    let Some(declared) = node.get("domains").and_then(Node::as_array) else {
        let default = vocabulary.default_domains();
        type_byte(node, vocabulary, default.first(), problems);
        return default;
    };
    let registered = vocabulary.domains();
    let mut known = Vec::new();
    for (index, domain) in declared.iter().enumerate() {
        if problems.len() > PROBLEMS_MAX {
            break;
        }
        let Some(id) = domain.as_str() else { continue };
        if registered.iter().any(|it| it == id) {
            known.push(id.to_owned());
        } else {
            let problem = Problem::new("unknown-domain", format!("domains[{index}]"), format!("unknown domain `{id}`"));
            problems.push(problem.at(domain.at).suggest(id, registered.iter().map(String::as_str)));
        }
    }
    type_byte(node, vocabulary, known.first(), problems);
    known
}

fn type_byte(node: &Node, vocabulary: &dyn Vocabulary, first: Option<&String>, problems: &mut Vec<Problem>) {
    let Some(stated) = node.get("typeByte") else { return };
    let Some(expected) = first.and_then(|id| vocabulary.type_byte(id)) else { return };
    let expected = format!("0x{expected:02X}");
    // What has another form is no type byte at all; the root's schema says so.
    let is_one = |text: &str| text.len() == expected.len() && text.starts_with("0x");
    if stated.as_str().is_some_and(|stated| is_one(stated) && !stated.eq_ignore_ascii_case(&expected)) {
        let message = format!("`typeByte` does not fit the first domain, whose type byte is `{expected}`");
        problems.push(Problem::new("type-byte", "typeByte", message).at(stated.at));
    }
}

/// The universal members, with names of domain members let through: those have schemas of their own.
fn root(node: &Node, vocabulary: &dyn Vocabulary, domains: &[String], problems: &mut Vec<Problem>) {
    let mut schema = schemas::recipe().clone();
    schema["additionalProperties"] = json!(false);
    let members = vocabulary.root_members(domains);
    let let_through = members.iter().map(|(name, _)| name.as_str()).chain(RUN_MEMBERS.iter().copied());
    for name in let_through {
        schema["properties"][name] = json!(true);
    }
    check_against(&schema, node, "", problems);
    for (name, schema) in &members {
        if let Some(node) = node.get(name) {
            check_against(schema, node, name, problems);
        }
    }
}

/// What stages are checked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// To be run: unknown members are refused.
    Recipe,
    /// Published by anyone: unknown members are legal.
    Document,
}

/// Checks stages against their stage types, each stage type's schema compiled once.
pub(crate) struct Stages<'a> {
    vocabulary: &'a dyn Vocabulary,
    domains: &'a [String],
    checked_for: For,
    names: Vec<String>,
    schemas: BTreeMap<String, Result<Schema, SchemaError>>,
}

impl<'a> Stages<'a> {
    pub(crate) fn new(vocabulary: &'a dyn Vocabulary, domains: &'a [String], checked_for: For) -> Self {
        let names = vocabulary.stage_names(domains);
        Self { vocabulary, domains, checked_for, names, schemas: BTreeMap::new() }
    }

    pub(crate) fn check(&mut self, stage: &Node, path: &str, problems: &mut Vec<Problem>) {
        if stage.as_object().is_none() {
            return; // the root's schema says so
        }
        let type_path = format!("{path}.type");
        let Some(named) = stage.get("type") else {
            let problem = Problem::new("missing-field", type_path, "a stage names its stage type in `type`");
            problems.push(problem.at(stage.at).suggest("", self.names.iter().map(String::as_str)));
            return;
        };
        let Some(name) = named.as_str() else {
            let message = format!("`type` is the stage type's name, expected a string, got {}", named.value.kind());
            problems.push(Problem::new("wrong-type", type_path, message).at(named.at));
            return;
        };
        if !self.schemas.contains_key(name) {
            let found = match self.checked_for {
                For::Recipe => self.vocabulary.stage_schema(self.domains, name),
                For::Document => self.vocabulary.stage_document_schema(self.domains, name),
            };
            match found {
                StageSchema::Found(schema) => drop(self.schemas.insert(name.to_owned(), self.compile(schema))),
                StageSchema::Undeclared(domain) => {
                    let message = format!("stage type `{name}` belongs to domain `{domain}`, which `domains` does not declare");
                    let hint = format!("add `{domain}` to `domains`");
                    return problems.push(Problem::new("undeclared-domain", type_path, message).at(named.at).hint(hint));
                }
                StageSchema::Unknown => {
                    let problem = Problem::new("unknown-stage", type_path, format!("unknown stage type `{name}`"));
                    return problems.push(problem.at(named.at).suggest(name, self.names.iter().map(String::as_str)));
                }
            }
        }
        check_compiled(&self.schemas[name], stage, path, problems);
    }

    /// A stage type's schema with the two members every stage may have.
    fn compile(&self, schema: Value) -> Result<Schema, SchemaError> {
        let (mut schema, notes) = match self.checked_for {
            For::Recipe => (schema, json!({"type": "string"})),
            For::Document => (schemas::opened(schema), json!({"type": ["string", "null"]})),
        };
        schema["properties"]["type"] = json!({"type": "string"});
        schema["properties"]["notes"] = notes;
        Schema::compile(&schema)
    }
}

pub(crate) fn check_against(schema: &Value, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    check_compiled(&Schema::compile(schema), node, path, problems);
}

pub(crate) fn check_compiled(schema: &Result<Schema, SchemaError>, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    match schema {
        Ok(schema) => problems.extend(schema.check(node, path)),
        Err(error) => {
            let message = format!("this is a bug: the schema of `{path}` does not compile: {error}");
            problems.push(Problem::new("bug", path, message).at(node.at));
        }
    }
}
