//! SQL: one query a type and binding, in one file.

use std::collections::BTreeMap;

use aw_alloy::text::{Limits, Node, yaml};
use serde_json::Value;

use crate::diagnostic::Diagnostic;

use super::resolve::Resolved;
use super::{File, Symbol, Target, text};

/// Where types are in databases: `Type → backend → binding`.
///
/// # Source
/// Codegen, section 9. Backends: `postgres: {relation, columns?, select?}`, `arcadedb: {type or vertex, columns?}`; `columns` gives the
/// column of a field, `select` the fields to read (all, when absent).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bindings {
    types: BTreeMap<String, BTreeMap<String, Binding>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Binding {
    backend: Backend,
    from: String,
    columns: BTreeMap<String, String>,
    select: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Backend {
    Postgres,
    Arcadedb,
}

impl Backend {
    const ALL: [(&'static str, Self); 2] = [("arcadedb", Self::Arcadedb), ("postgres", Self::Postgres)];

    /// The members that say where objects are; the first is the usual one.
    const fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["relation"],
            Self::Arcadedb => &["type", "vertex"],
        }
    }
}

impl Bindings {
    /// Reads bindings from YAML or JSON.
    ///
    /// # Errors
    /// Everything that is wrong with them, each at its line and column: `E-BINDING-SYNTAX`, `E-BINDING-BACKEND`, `E-BINDING-MEMBER`,
    /// `E-BINDING-SOURCE`, `E-SQL-IDENTIFIER`.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let limits = Limits { bytes: 4 << 20, ..Limits::DOCUMENT };
        let document = yaml::parse(text, &limits)
            .map_err(|error| vec![Diagnostic::new("E-BINDING-SYNTAX", "bindings", error.to_string())])?;
        let mut reader = Reader { errors: Vec::new() };
        let mut types = BTreeMap::new();
        for (name, backends) in reader.members(&document, "bindings") {
            let mut bound = BTreeMap::new();
            for (backend, binding) in reader.members(backends, &name) {
                let place = format!("{name}.{backend}");
                let Some((_, known)) = Backend::ALL.into_iter().find(|(known, _)| *known == backend) else {
                    reader.wrong(
                        "E-BINDING-BACKEND",
                        &place,
                        backends,
                        format!("unknown backend `{backend}`; known are arcadedb and postgres"),
                    );
                    continue;
                };
                if let Some(read) = reader.binding(known, &place, binding) {
                    bound.insert(backend, read);
                }
            }
            types.insert(name, bound);
        }
        if reader.errors.is_empty() { Ok(Self { types }) } else { Err(reader.errors) }
    }
}

struct Reader {
    errors: Vec<Diagnostic>,
}

impl Reader {
    fn wrong(&mut self, code: &'static str, subject: &str, node: &Node, message: String) {
        let message = format!("line {}, column {}: {message}", node.at.line, node.at.column);
        self.errors.push(Diagnostic::new(code, subject, message));
    }

    fn members<'n>(&mut self, node: &'n Node, subject: &str) -> Vec<(String, &'n Node)> {
        match node.as_object() {
            Some(object) => object.iter().map(|member| (member.name.clone(), &member.value)).collect(),
            None => {
                self.wrong("E-BINDING-SYNTAX", subject, node, format!("expected a mapping, found {}", node.value.kind()));
                Vec::new()
            }
        }
    }

    fn identifier(&mut self, node: &Node, subject: &str) -> Option<String> {
        match node.as_str() {
            Some(name) if is_identifier(name) => Some(name.to_owned()),
            Some(name) => {
                let message = format!("`{}` is no identifier; it is of the form [A-Za-z_][A-Za-z0-9_.]*", text::one_line(name));
                self.wrong("E-SQL-IDENTIFIER", subject, node, message);
                None
            }
            None => {
                self.wrong("E-BINDING-SYNTAX", subject, node, format!("expected a name, found {}", node.value.kind()));
                None
            }
        }
    }

    fn binding(&mut self, backend: Backend, subject: &str, node: &Node) -> Option<Binding> {
        let (mut from, mut columns, mut select) = (None, BTreeMap::new(), None);
        let before = self.errors.len();
        for (name, value) in self.members(node, subject) {
            match name.as_str() {
                source if backend.sources().contains(&source) => {
                    if from.is_some() {
                        self.wrong(
                            "E-BINDING-MEMBER",
                            subject,
                            value,
                            "`type` and `vertex` are one member; give it once".to_owned(),
                        );
                    }
                    from = self.identifier(value, subject);
                }
                "columns" => {
                    for (field, column) in self.members(value, subject) {
                        if let Some(column) = self.identifier(column, &format!("{subject}.columns.{field}")) {
                            columns.insert(field, column);
                        }
                    }
                }
                "select" if backend == Backend::Postgres => match value.as_array() {
                    Some(fields) => select = fields.iter().map(|field| self.identifier(field, subject)).collect(),
                    None => self.wrong("E-BINDING-SYNTAX", subject, value, "`select` is a list of fields".to_owned()),
                },
                _ => {
                    let known = if backend == Backend::Postgres {
                        "relation, columns and select"
                    } else {
                        "type (or vertex) and columns"
                    };
                    self.wrong("E-BINDING-MEMBER", subject, value, format!("unknown member `{name}`; known are {known}"));
                }
            }
        }
        if from.is_none() && self.errors.len() == before {
            self.wrong("E-BINDING-SOURCE", subject, node, format!("`{}` is missing", backend.sources()[0]));
        }
        Some(Binding { backend, from: from?, columns, select })
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}

/// The file, what it declares and what it leaves out.
pub(super) fn emit(
    resolved: &Resolved<'_>,
    bindings: Option<&Bindings>,
) -> Result<(File, Vec<Symbol>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let missing = || vec![error("E-BINDING-SOURCE", "bindings", "SQL is made from bindings, and none were given".to_owned())];
    let bindings = bindings.ok_or_else(missing)?;
    let mut errors = Vec::new();
    let mut queries = serde_json::Map::new();
    let mut symbols = Vec::new();
    for (name, backends) in &bindings.types {
        let Some(at) = resolved.types.get(name.as_str()) else {
            errors.push(error("E-BINDING-TYPE", name, format!("the model has no type `{name}`")));
            continue;
        };
        let mut of_type = serde_json::Map::new();
        for (backend, binding) in backends {
            match query(resolved, *at, binding, &format!("{name}.{backend}")) {
                Ok(query) => _ = of_type.insert(backend.clone(), Value::String(query)),
                Err(found) => errors.extend(found),
            }
            symbols.push(Symbol { subject: name.clone(), name: format!("{name}.{backend}") });
        }
        queries.insert(name.clone(), Value::Object(of_type));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let unbound = resolved.model.types.iter().filter(|object| !bindings.types.contains_key(&object.name));
    let losses = unbound.map(|object| {
        Diagnostic::new("W-NOT-EMITTED", &object.name, "it has no binding, and so no query").for_target(Target::Sql.name())
    });
    let bytes = text::json(&Value::Object(queries));
    Ok((File { path: Target::Sql.file().to_owned(), bytes }, symbols, losses.collect()))
}

fn error(code: &'static str, subject: &str, message: String) -> Diagnostic {
    Diagnostic::new(code, subject, message).for_target(Target::Sql.name())
}

fn query(resolved: &Resolved<'_>, at: usize, binding: &Binding, subject: &str) -> Result<String, Vec<Diagnostic>> {
    let fields: Vec<&str> = resolved.members[at].fields.iter().map(|member| resolved.field(*member).name.as_str()).collect();
    let mut errors = Vec::new();
    for named in binding.columns.keys().chain(binding.select.iter().flatten()) {
        if !fields.contains(&named.as_str()) {
            let message = format!("`{named}` is no field; the fields are {}", fields.join(", "));
            errors.push(error("E-BINDING-FIELD", subject, message));
        }
    }
    let mut columns = Vec::new();
    let selected = |field: &&str| binding.select.as_ref().is_none_or(|select| select.iter().any(|one| one == field));
    for field in fields.iter().copied().filter(selected) {
        if !is_identifier(field) {
            let message =
                format!("`{field}` is no SQL identifier, which is of the form [A-Za-z_][A-Za-z0-9_.]*; rename the field");
            errors.push(error("E-SQL-IDENTIFIER", subject, message));
        }
        let column = binding.columns.get(field).map_or(field, String::as_str);
        columns.push(match binding.backend {
            Backend::Postgres if column != field => format!("{column} AS {field}"),
            _ => column.to_owned(),
        });
    }
    if columns.is_empty() {
        errors.push(error("E-BINDING-FIELD", subject, "there is no field to select".to_owned()));
    }
    if errors.is_empty() { Ok(format!("SELECT {} FROM {}", columns.join(", "), binding.from)) } else { Err(errors) }
}
