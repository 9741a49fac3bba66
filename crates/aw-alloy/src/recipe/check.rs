//! Finds every problem of a recipe at once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{RUN_MEMBERS, RecipeRoot, StageSchema, Vocabulary};
use crate::text::{Node, Problem, Schema, SchemaError};

/// A recipe that is wrong all over gets no longer list than this, which bounds the memory a check takes.
const PROBLEMS_MAX: usize = 1000;

/// Checks the whole tree; gives the domains it uses.
pub(super) fn check(node: &Node, vocabulary: &dyn Vocabulary) -> Result<Vec<String>, Vec<Problem>> {
    let Some(object) = node.as_object() else {
        let message =
            format!("a recipe is an object with `name`, `version`, `source` and `stages`; this is {}", node.value.kind());
        return Err(vec![Problem::new("recipe", "", message).at(node.at)]);
    };
    let mut problems = Vec::new();
    for member in object.iter().filter(|member| RUN_MEMBERS.contains(&member.name.as_str())) {
        let message = format!("`{}` is something only a run can know, a recipe cannot carry it", member.name);
        let hint = "remove it; the artifact of a run holds it";
        problems.push(Problem::new("recipe-holds-results", &member.name, message).at(member.name_at).hint(hint));
    }
    let domains = domains(node, vocabulary, &mut problems);
    root(node, vocabulary, &domains, &mut problems);
    let mut stages = Stages { vocabulary, domains: &domains, names: vocabulary.stage_names(&domains), schemas: BTreeMap::new() };
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

/// The problems in the order of the text, of a very long list the first.
fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| problem.at);
    if problems.len() > PROBLEMS_MAX {
        problems.retain(|problem| problem.code != "more-problems");
        problems.truncate(PROBLEMS_MAX);
        let message = format!("there are more problems than the {PROBLEMS_MAX} listed");
        problems.push(Problem::new("more-problems", "", message).hint("put these right and check again"));
    }
    problems
}

fn domains(node: &Node, vocabulary: &dyn Vocabulary, problems: &mut Vec<Problem>) -> Vec<String> {
    let Some(declared) = node.get("domains").and_then(Node::as_array) else {
        return vocabulary.default_domains();
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
    if stated.as_str().is_some_and(|stated| !stated.eq_ignore_ascii_case(&expected)) {
        let message = format!("`typeByte` does not fit the first domain, whose type byte is `{expected}`");
        problems.push(Problem::new("type-byte", "typeByte", message).at(stated.at));
    }
}

/// The universal members, with names of domain members let through: those have schemas of their own.
fn root(node: &Node, vocabulary: &dyn Vocabulary, domains: &[String], problems: &mut Vec<Problem>) {
    static UNIVERSAL: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(RecipeRoot).to_value());
    let mut schema = UNIVERSAL.clone();
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

/// Checks stages against their stage types, each stage type's schema compiled once.
struct Stages<'a> {
    vocabulary: &'a dyn Vocabulary,
    domains: &'a [String],
    names: Vec<String>,
    schemas: BTreeMap<String, Result<Schema, SchemaError>>,
}

impl Stages<'_> {
    fn check(&mut self, stage: &Node, path: &str, problems: &mut Vec<Problem>) {
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
            match self.vocabulary.stage_schema(self.domains, name) {
                StageSchema::Found(schema) => drop(self.schemas.insert(name.to_owned(), compile(schema))),
                StageSchema::Undeclared(domain) => {
                    let message = format!("stage type `{name}` belongs to domain `{domain}`, which this recipe does not declare");
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
}

/// A stage type's schema with the two members every stage may have.
fn compile(mut schema: Value) -> Result<Schema, SchemaError> {
    schema["properties"]["type"] = json!({"type": "string"});
    schema["properties"]["notes"] = json!({"type": "string"});
    Schema::compile(&schema)
}

fn check_against(schema: &Value, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    check_compiled(&Schema::compile(schema), node, path, problems);
}

fn check_compiled(schema: &Result<Schema, SchemaError>, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    match schema {
        Ok(schema) => problems.extend(schema.check(node, path)),
        Err(error) => {
            let message = format!("this is a bug: the schema of `{path}` does not compile: {error}");
            problems.push(Problem::new("bug", path, message).at(node.at));
        }
    }
}
