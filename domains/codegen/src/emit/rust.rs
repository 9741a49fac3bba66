//! Rust: structs with serde.

use crate::model::{Cardinality, Field, ObjectType, Range, Relation, Scalar, snake};

use super::header::Comment;
use super::language::{Language, Typed};
use super::names::{pascal_variant, unreserved};
use super::text::{Escape, literal};
use super::view::{Member, Names, Values, View};
use super::{Profile, Target};

/// Names of types that the file itself uses, and the keyword.
const TYPES: [&str; 7] = ["Box", "Deserialize", "Option", "Self", "Serialize", "String", "Vec"];

/// Keywords that `r#` makes a name.
const RAW: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum", "extern",
    "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override",
    "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Keywords that nothing makes a name.
const NEVER: [&str; 3] = ["crate", "self", "super"];

const JSON: &str = "serde_json::Value";

/// The Rust emitter.
#[derive(Debug)]
pub(super) struct Rust {
    pub(super) profile: Profile,
}

fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String | Scalar::Datetime | Scalar::Uuid => "String",
        Scalar::Int => "i32",
        Scalar::Long => "i64",
        Scalar::Float => "f64",
        Scalar::Bool => "bool",
        Scalar::Json => JSON,
    }
}

impl Language for Rust {
    const TARGET: Target = Target::Rust;

    fn comment(&self) -> Comment {
        Comment { open: "// @generated", prefix: "//   ", close: "" }
    }

    fn sorts_types(&self) -> bool {
        true
    }

    fn type_name(&self, declared: &str) -> String {
        unreserved(declared.to_owned(), &TYPES)
    }

    fn member_name(&self, declared: &str) -> String {
        let name = snake(declared);
        if RAW.contains(&name.as_str()) { format!("r#{name}") } else { unreserved(name, &NEVER) }
    }

    fn variant_name(&self, value: &str) -> String {
        unreserved(pascal_variant(value), &["Self"])
    }

    fn literal(&self, text: &str) -> String {
        literal(text, '"', Escape::Braced)
    }

    fn beside_type(&self, _name: &str) -> Vec<(String, &'static str)> {
        Vec::new()
    }

    fn bases(&self, resolved: &super::resolve::Resolved<'_>) -> Vec<Vec<usize>> {
        vec![Vec::new(); resolved.model.types.len()]
    }

    fn field(&self, names: &Names<'_>, object: &ObjectType, field: &Field) -> Typed {
        let one = match (names.state_of(object, field), &field.range) {
            (Some(states), _) => states,
            (None, Range::Scalar(range)) => scalar(*range).to_owned(),
            (None, Range::Enumeration(name)) => names.of(name).to_owned(),
            (None, Range::Type(_) | Range::OneOf(_)) => JSON.to_owned(),
        };
        let ty = match field {
            Field { list: true, .. } => format!("Vec<{one}>"),
            Field { optional: true, .. } => format!("Option<{one}>"),
            _ => one,
        };
        Typed { ty, ..Typed::default() }
    }

    fn relation(&self, names: &Names<'_>, relation: &Relation) -> Typed {
        let ty = match (relation.targets.as_slice(), relation.cardinality) {
            ([target], Cardinality::One) => format!("Option<Box<{}>>", names.of(target)),
            ([target], Cardinality::Many) => format!("Vec<{}>", names.of(target)),
            (_, Cardinality::One) => format!("Option<{JSON}>"),
            (_, Cardinality::Many) => format!("Vec<{JSON}>"),
        };
        Typed { ty, ..Typed::default() }
    }

    fn render(&self, view: &View<'_>) -> String {
        let mut out = view.header.clone();
        out.push_str("#![allow(dead_code)]\n\nuse serde::{Deserialize, Serialize};\n\n");
        for one in &view.enumerations {
            out.push_str(&format!("/// {}\n", one.label));
            values(&mut out, one);
        }
        for object in &view.types {
            out.push_str("/// ");
            out.push_str(&object.label);
            out.push_str("\n#[derive(Clone, Debug, Serialize, Deserialize)]\npub struct ");
            out.push_str(&object.name);
            out.push_str(" {\n");
            for member in object.fields.iter().chain(&object.relations) {
                self.member(&mut out, member);
            }
            out.push_str("}\n\n");
            if let Some(states) = &object.states {
                values(&mut out, states);
            }
        }
        out
    }
}

impl Rust {
    fn member(&self, out: &mut String, member: &Member) {
        let bare = member.name.strip_prefix("r#").unwrap_or(&member.name);
        let renamed = self.profile == Profile::Wire && bare != member.declared;
        match (renamed, member.list) {
            (true, true) => {
                out.push_str("    #[serde(rename = \"");
                out.push_str(&member.declared);
                out.push_str("\", default)]\n");
            }
            (true, false) => {
                out.push_str("    #[serde(rename = \"");
                out.push_str(&member.declared);
                out.push_str("\")]\n");
            }
            (false, true) => out.push_str("    #[serde(default)]\n"),
            (false, false) => {}
        }
        out.push_str("    pub ");
        out.push_str(&member.name);
        out.push_str(": ");
        out.push_str(&member.ty);
        out.push_str(",\n");
    }
}

/// What serde's kebab case makes of a variant's name.
pub(super) fn kebab(variant: &str) -> String {
    let mut out = String::with_capacity(variant.len() + 4);
    for (at, c) in variant.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
    }
    out
}

fn values(out: &mut String, values: &Values) {
    if values.values.iter().any(|value| value.name.starts_with('_') || value.name.ends_with('_')) {
        out.push_str("#[allow(non_camel_case_types)]\n");
    }
    out.push_str("#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]\n#[serde(rename_all = \"kebab-case\")]\n");
    out.push_str(&format!("pub enum {} {{\n", values.name));
    for value in &values.values {
        if kebab(&value.name) != value.value {
            out.push_str(&format!("    #[serde(rename = {})]\n", value.literal));
        }
        out.push_str(&format!("    {},\n", value.name));
    }
    out.push_str("}\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_is_that_of_serde() {
        for (variant, value) in [("InReview", "in-review"), ("Draft", "draft"), ("V2", "v2"), ("DVD", "d-v-d"), ("A1B", "a1-b")] {
            assert_eq!(kebab(variant), value);
        }
    }
}
