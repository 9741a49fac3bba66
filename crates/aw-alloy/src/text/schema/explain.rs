//! Validator errors in, problems people can act on out.

use std::collections::HashMap;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value as Json;

use super::super::problem::{push_item, push_member};
use super::super::{Node, Problem, Value, canonical, json, names};
use super::choose;

/// Turns the errors of one check into problems.
pub(super) struct Explainer<'a> {
    /// The value that was checked.
    pub root: &'a Node,
    /// Where it stands in its document.
    pub path: &'a str,
    /// The schema, for the names it knows.
    pub schema: &'a Json,
}

/// A document that is wrong all over gets no longer list than this, which bounds the memory a check takes.
const PROBLEMS_MAX: usize = 1000;

/// A value something is wrong with: the node itself and its path.
struct Place<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> Explainer<'a> {
    /// Returns the problems in the order of the text, each once.
    pub fn explain(&self, errors: &[ValidationError<'_>]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for error in errors {
            self.one(error, &mut problems);
            if problems.len() >= PROBLEMS_MAX {
                break;
            }
        }
        problems.sort_by_key(|problem| problem.at);
        let mut unique: Vec<Problem> = Vec::with_capacity(problems.len());
        for problem in problems {
            // Equal problems share their place and therefore stand close together.
            let same_place = unique.iter().rev().take_while(|earlier| earlier.at == problem.at);
            if !same_place.into_iter().any(|earlier| *earlier == problem) {
                unique.push(problem);
            }
        }
        if unique.len() >= PROBLEMS_MAX {
            unique.truncate(PROBLEMS_MAX);
            let message = format!("there are more problems than the {PROBLEMS_MAX} listed");
            unique.push(Problem::new("more-problems", self.path, message).hint("put these right and check again"));
        }
        unique
    }

    fn one(&self, error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
        let place = self.place(error);
        match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.alternatives(error, context, &place, problems);
            }
            Kind::AdditionalProperties { unexpected } => self.unknown(error, unexpected, false, &place, problems),
            Kind::UnevaluatedProperties { unexpected } => self.unknown(error, unexpected, true, &place, problems),
            Kind::Required { property } => problems.push(self.missing(&[error], property, &place)),
            Kind::PropertyNames { error } => {
                let message = format!("a field name is not accepted: {error}");
                problems.push(place.problem("wrong-field-name", message, None));
            }
            kind => problems.push(place.leaf(kind, error)),
        }
    }

    /// Finds the value an error is about. A path that leads nowhere would be a fault of the validator; the error is
    /// then placed at the last value that exists.
    fn place(&self, error: &ValidationError<'_>) -> Place<'a> {
        let mut place = Place { node: self.root, path: self.path.to_owned() };
        for segment in error.instance_path().segments() {
            let text = segment.to_string();
            let next = match &place.node.value {
                Value::Array(items) => text.parse().ok().and_then(|position: usize| items.get(position)),
                Value::Object(object) => object.get(&text),
                _ => None,
            };
            let Some(next) = next else { break };
            match &place.node.value {
                Value::Array(_) => push_item(&mut place.path, text.parse().expect("it was an index above")),
                _ => push_member(&mut place.path, &text),
            }
            place.node = next;
        }
        place
    }

    fn unknown(
        &self,
        error: &ValidationError<'_>,
        unexpected: &[String],
        deep: bool,
        place: &Place<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let accepted = match self.parent_schema(error) {
            Some(schema) => names::accepted(self.schema, schema, deep),
            None => Vec::new(),
        };
        let object = place.node.as_object();
        let unused = accepted.iter().filter(|name| !object.is_some_and(|object| object.contains(name)));
        let unused: Vec<&str> = unused.map(String::as_str).collect();
        for name in unexpected.iter().take(PROBLEMS_MAX) {
            let mut message = format!("unknown field `{name}`");
            if let Some(meant) = names::suggest(name, unused.iter().copied()) {
                message += &format!("; did you mean `{meant}`?");
            }
            let hint = match accepted.as_slice() {
                [] => "no fields are accepted here".to_owned(),
                accepted => format!("accepted fields: {}", names::list(accepted, "and")),
            };
            let mut problem = place.problem("unknown-field", message, Some(hint));
            push_member(&mut problem.path, name);
            let member = object.and_then(|object| object.member(name));
            problem.at = member.map_or(problem.at, |member| member.name_at.known());
            problems.push(problem);
        }
    }

    /// Explains that a field is missing; of several `errors` each comes from another form the object could have.
    fn missing(&self, errors: &[&ValidationError<'_>], property: &Json, place: &Place<'_>) -> Problem {
        let name = property.as_str().unwrap_or_default();
        let schemas = errors.iter().filter_map(|error| self.parent_schema(error)?.get("properties")?.get(name));
        let schemas: Vec<&Json> = schemas.collect();
        let options: Vec<String> = schemas.iter().flat_map(|schema| listed_values(schema)).map(option_text).collect();
        let hint = match (schemas.first().and_then(|schema| schema.get("type")), options.as_slice()) {
            (_, [_, ..]) => Some(format!("add `{name}`: {}", names::list(&options, "or"))),
            (Some(kind), []) => Some(format!("add `{name}`: {}", type_text(kind))),
            (None, []) => None,
        };
        let mut problem = place.problem("missing-field", format!("missing field `{name}`"), hint);
        push_member(&mut problem.path, name);
        problem
    }

    /// Returns the schema object that holds the keyword an error comes from.
    fn parent_schema(&self, error: &ValidationError<'_>) -> Option<&'a Json> {
        let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
        self.schema.pointer(parent)
    }

    /// Explains a value that fits none of several alternatives by the one that was most likely meant.
    fn alternatives(
        &self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
        place: &Place<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let here = error.instance_path().as_str();
        match choose::among(context, here, error.instance()) {
            choose::Choice::Branch(errors) => errors.iter().for_each(|error| self.one(error, problems)),
            choose::Choice::Values(options) => problems.push(place.not_among(&options)),
            choose::Choice::Types(types) => problems.push(place.wrong_type(&types.join(" or "))),
            choose::Choice::Tag { name, options } => {
                let inner = place.node.get(&name).map(|node| {
                    let mut path = place.path.clone();
                    push_member(&mut path, &name);
                    Place { node, path }
                });
                // The errors came from a value at the tag, so it is there.
                problems.push(inner.as_ref().unwrap_or(place).not_among(&options));
            }
            choose::Choice::SameMember(errors) => {
                let Some(Kind::Required { property }) = errors.first().map(|error| error.kind()) else { return };
                let errors: Vec<&ValidationError<'_>> = errors;
                problems.push(self.missing(&errors, property, place));
            }
            choose::Choice::OneMember(members) => {
                let message = format!("no accepted form fits, expected one of the fields {}", names::list(&members, "or"));
                problems.push(place.problem("no-form-fits", message, None));
            }
        }
    }
}

impl Place<'_> {
    fn problem(&self, code: &'static str, message: String, hint: Option<String>) -> Problem {
        Problem { code, path: self.path.clone(), at: self.node.at.known(), message, hint }
    }

    fn leaf(&self, kind: &Kind, error: &ValidationError<'_>) -> Problem {
        let length = |what: &str, bound: &str, limit: u64, got: usize| {
            let plural = if limit == 1 { "" } else { "s" };
            self.problem("wrong-length", format!("expected {bound} {limit} {what}{plural}, got {got}"), None)
        };
        let chars = self.node.as_str().map_or(0, |text| text.chars().count());
        let items = self.node.as_array().map_or(0, <[Node]>::len);
        let members = self.node.as_object().map_or(0, |object| object.len());
        match kind {
            Kind::Type { kind } => self.wrong_type(&types(kind).join(" or ")),
            Kind::Enum { options } => self.not_among(options.as_array().map_or(&[], Vec::as_slice)),
            Kind::Constant { expected_value } => self.not_among(std::slice::from_ref(expected_value)),
            Kind::Minimum { limit } => self.out_of_range("at least", limit),
            Kind::Maximum { limit } => self.out_of_range("at most", limit),
            Kind::ExclusiveMinimum { limit } => self.out_of_range("more than", limit),
            Kind::ExclusiveMaximum { limit } => self.out_of_range("less than", limit),
            Kind::MultipleOf { multiple_of } => self.out_of_range("a multiple of", &(*multiple_of).into()),
            Kind::MinLength { limit } => length("character", "at least", *limit, chars),
            Kind::MaxLength { limit } => length("character", "at most", *limit, chars),
            Kind::MinItems { limit } => length("item", "at least", *limit, items),
            Kind::MaxItems { limit } => length("item", "at most", *limit, items),
            Kind::MinProperties { limit } => length("field", "at least", *limit, members),
            Kind::MaxProperties { limit } => length("field", "at most", *limit, members),
            Kind::AdditionalItems { limit } => length("item", "at most", *limit as u64, items),
            Kind::Pattern { pattern } => {
                let message = format!("expected text that matches `{pattern}`, got {}", describe(self.node));
                self.problem("pattern-mismatch", message, None)
            }
            Kind::Format { format } => {
                self.problem("format-mismatch", format!("expected {format}, got {}", describe(self.node)), None)
            }
            Kind::UniqueItems => self.repeated(),
            Kind::FalseSchema => self.problem("refused-field", "this field is not accepted here".to_owned(), None),
            Kind::OneOfMultipleValid { .. } => {
                let message = "fits several of the accepted forms, expected exactly one".to_owned();
                self.problem("ambiguous-form", message, None)
            }
            _ => self.problem("invalid-value", error.to_string(), None),
        }
    }

    fn wrong_type(&self, expected: &str) -> Problem {
        let message = format!("expected {expected}, got {}", describe(self.node));
        self.problem("wrong-type", message, self.type_hint(expected).map(str::to_owned))
    }

    fn type_hint(&self, expected: &str) -> Option<&'static str> {
        let takes = |kind: &str| expected.split(" or ").any(|one| one == kind);
        match &self.node.value {
            Value::String(text) if takes("boolean") => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "true" | "1" => Some("write `true` without quotes"),
                "no" | "off" | "n" | "false" | "0" => Some("write `false` without quotes"),
                _ => None,
            },
            Value::String(text) if takes("integer") || takes("number") => {
                super::super::Number::from_lexeme(text).map(|_| "remove the quotes")
            }
            Value::Number(_) | Value::Bool(_) if takes("string") => Some("put it in quotes"),
            Value::Number(_) | Value::Bool(_) | Value::String(_) | Value::Object(_) if takes("array") => {
                Some("put it in `[` `]`")
            }
            Value::Null => Some("leave the field out or give it a value"),
            _ => None,
        }
    }

    fn out_of_range(&self, bound: &str, limit: &Json) -> Problem {
        self.problem("out-of-range", format!("expected {bound} {limit}, got {}", written(self.node)), None)
    }

    fn not_among(&self, options: &[Json]) -> Problem {
        let texts: Vec<String> = options.iter().map(option_text).collect();
        if let [only] = texts.as_slice() {
            return self.problem("unknown-value", format!("expected `{only}`, got {}", describe(self.node)), None);
        }
        let hint = Some(format!("accepted values: {}", names::list(&texts, "and")));
        let same_kind = options.iter().any(|option| Node::from_serde(option).value.kind() == self.node.value.kind());
        if !same_kind {
            let mut kinds: Vec<&str> = Vec::new();
            for kind in options.iter().map(|option| Node::from_serde(option).value.kind()) {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            let message = format!("expected {}, got {}", kinds.join(" or "), describe(self.node));
            return self.problem("wrong-type", message, hint);
        }
        let mut message = format!("unknown value {}", written(self.node));
        let meant = self.node.as_str().and_then(|text| names::suggest(text, texts.iter().map(String::as_str)));
        if let Some(meant) = meant {
            message += &format!("; did you mean `{meant}`?");
        }
        self.problem("unknown-value", message, hint)
    }

    fn repeated(&self) -> Problem {
        let items = self.node.as_array().unwrap_or_default();
        let mut seen = HashMap::new();
        let twice = items.iter().enumerate().find_map(|(position, item)| {
            // The canonical form is what makes two values one; an integer too large for it is told by its spelling.
            let identity = canonical::to_bytes(item).unwrap_or_else(|_| json::compact(item).into_bytes());
            seen.insert(identity, position).map(|first| (first, position, item))
        });
        let Some((first, position, item)) = twice else {
            return self.problem("repeated-item", "items repeat, expected each once".to_owned(), None);
        };
        let message = format!("item {} repeats item {first}, expected each once", written(item));
        let mut problem = self.problem("repeated-item", message, Some("remove one of the two".to_owned()));
        push_item(&mut problem.path, position);
        problem.at = item.at.known().or(problem.at);
        problem
    }
}

/// Names the types a `type` keyword accepts.
pub(super) fn types(kind: &TypeKind) -> Vec<&'static str> {
    match kind {
        TypeKind::Single(kind) => vec![kind.as_str()],
        TypeKind::Multiple(kinds) => {
            let mut kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            // An optional value is first of all a value.
            kinds.sort_by_key(|kind| *kind == "null");
            kinds
        }
    }
}

fn type_text(kind: &Json) -> String {
    match kind {
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(" or "),
        _ => kind.as_str().unwrap_or_default().to_owned(),
    }
}

/// Returns the values a schema lists in `const` or `enum`.
fn listed_values(schema: &Json) -> impl Iterator<Item = &Json> {
    let one = schema.get("const").into_iter();
    one.chain(schema.get("enum").and_then(Json::as_array).into_iter().flatten())
}

fn option_text(option: &Json) -> String {
    option.as_str().map_or_else(|| option.to_string(), str::to_owned)
}

/// Names the kind of a value and, for scalars, how it was written.
fn describe(node: &Node) -> String {
    match node.value {
        Value::Null | Value::Array(_) | Value::Object(_) => node.value.kind().to_owned(),
        _ => format!("{} {}", node.value.kind(), written(node)),
    }
}

/// Of a value a message quotes no more than this many characters.
const SHOWN_MAX: usize = 60;

fn written(node: &Node) -> String {
    let text = match &node.value {
        Value::Array(_) | Value::Object(_) => return node.value.kind().to_owned(),
        // Not `json::compact`: a message keeps characters readable.
        Value::String(text) => format!("{text:?}"),
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.lexeme().to_owned(),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
