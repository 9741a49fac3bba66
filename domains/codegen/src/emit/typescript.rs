//! TypeScript: interfaces, and Zod schemas of their fields.

use crate::model::{Cardinality, Field, ObjectType, Range, Relation, Scalar, camel};

use super::header::Comment;
use super::language::{Language, Typed};
use super::names::pascal_variant;
use super::text::{Escape, literal};
use super::view::{Base, Names, View};
use super::{Profile, Target};

/// The TypeScript emitter.
#[derive(Debug)]
pub(super) struct Typescript {
    pub(super) profile: Profile,
}

fn scalar(scalar: Scalar) -> (&'static str, &'static str) {
    match scalar {
        Scalar::String => ("string", "z.string()"),
        Scalar::Int | Scalar::Long => ("number", "z.number().int()"),
        Scalar::Float => ("number", "z.number()"),
        Scalar::Bool => ("boolean", "z.boolean()"),
        Scalar::Datetime => ("string", "z.string().datetime()"),
        Scalar::Uuid => ("string", "z.string().uuid()"),
        Scalar::Json => ("unknown", "z.unknown()"),
    }
}

fn range(names: &Names<'_>, range: &Range) -> (String, String) {
    match range {
        Range::Scalar(one) => {
            let (ty, schema) = scalar(*one);
            (ty.to_owned(), schema.to_owned())
        }
        Range::Enumeration(name) => (names.of(name).to_owned(), format!("{}Schema", names.of(name))),
        // Named by a function with a stated type, so that schemas may name one another in any order.
        Range::Type(name) => (names.of(name).to_owned(), format!("z.lazy((): z.ZodTypeAny => {}Schema)", names.of(name))),
        Range::OneOf(several) => {
            let mut types: Vec<String> = Vec::new();
            let mut schemas: Vec<String> = Vec::new();
            for (ty, schema) in several.iter().map(|one| self::range(names, one)) {
                if !types.contains(&ty) {
                    types.push(ty);
                }
                if !schemas.contains(&schema) {
                    schemas.push(schema);
                }
            }
            let schema = if schemas.len() == 1 { schemas.remove(0) } else { format!("z.union([{}])", schemas.join(", ")) };
            (types.join(" | "), schema)
        }
    }
}

fn in_list(ty: &str) -> String {
    if ty.contains(" | ") { format!("({ty})[]") } else { format!("{ty}[]") }
}

pub(super) fn quoted(text: &str) -> String {
    literal(text, '\'', Escape::Braced)
}

/// A property's name: bare where it may be.
pub(super) fn property(name: &str) -> String {
    if name.contains('-') { quoted(name) } else { name.to_owned() }
}

impl Language for Typescript {
    const TARGET: Target = Target::Typescript;

    fn comment(&self) -> Comment {
        Comment { open: "// @generated", prefix: "//   ", close: "" }
    }

    /// No name that types may have has another use in the file.
    fn type_name(&self, declared: &str) -> String {
        declared.to_owned()
    }

    /// Any name may be that of a property.
    fn member_name(&self, declared: &str) -> String {
        match self.profile {
            Profile::Plain => camel(declared),
            Profile::Wire => declared.to_owned(),
        }
    }

    fn variant_name(&self, value: &str) -> String {
        pascal_variant(value)
    }

    fn literal(&self, text: &str) -> String {
        quoted(text)
    }

    fn beside_type(&self, name: &str) -> Vec<(String, &'static str)> {
        vec![(format!("{name}Schema"), "the schema")]
    }

    fn beside_enumeration(&self, name: &str) -> Vec<(String, &'static str)> {
        self.beside_type(name)
    }

    fn field(&self, names: &Names<'_>, object: &ObjectType, field: &Field) -> Typed {
        let (ty, schema) = match names.state_of(object, field) {
            Some(states) => {
                let values: Vec<String> = object.states.iter().map(|state| quoted(state)).collect();
                (states, format!("z.enum([{}])", values.join(", ")))
            }
            None => range(names, &field.range),
        };
        let (ty, schema) = match field {
            Field { list: true, .. } => (in_list(&ty), format!("z.array({schema})")),
            Field { optional: true, .. } => (format!("{ty} | null"), format!("{schema}.nullable()")),
            _ => (ty, schema),
        };
        Typed { ty, schema, default: None }
    }

    fn relation(&self, names: &Names<'_>, relation: &Relation) -> Typed {
        let targets: Vec<&str> = relation.targets.iter().map(|target| names.of(target)).collect();
        let one = targets.join(" | ");
        let ty = match relation.cardinality {
            Cardinality::One => one,
            Cardinality::Many => in_list(&one),
        };
        Typed { ty, ..Typed::default() }
    }

    fn render(&self, view: &View<'_>) -> String {
        let mut out = view.header.clone();
        out.push_str("\nimport { z } from 'zod';\n\n");
        for one in &view.enumerations {
            union(&mut out, one);
        }
        for object in &view.types {
            if let Some(states) = &object.states {
                union(&mut out, states);
            }
            out.push_str("export interface ");
            out.push_str(&object.name);
            let bases: Vec<String> = object.bases.iter().map(base).collect();
            if !bases.is_empty() {
                out.push_str(" extends ");
                out.push_str(&bases.join(", "));
            }
            out.push_str(" {\n");
            for member in object.own_fields.iter().chain(&object.own_relations) {
                out.push_str("  ");
                out.push_str(&property(&member.name));
                out.push_str(": ");
                out.push_str(&member.ty);
                out.push_str(";\n");
            }
            out.push_str("}\n\n");
        }
        for one in &view.enumerations {
            let values: Vec<&str> = one.values.iter().map(|value| value.literal.as_str()).collect();
            out.push_str(&format!("export const {}Schema = z.enum([{}]);\n\n", one.name, values.join(", ")));
        }
        for object in &view.types {
            out.push_str("export const ");
            out.push_str(&object.name);
            out.push_str("Schema = z.object({\n");
            for base in &object.bases {
                out.push_str(&format!("  ...{}Schema.shape,\n", base.name));
            }
            for field in &object.own_fields {
                out.push_str("  ");
                out.push_str(&property(&field.name));
                out.push_str(": ");
                out.push_str(&field.schema);
                out.push_str(",\n");
            }
            out.push_str(if self.profile == Profile::Wire { "}).passthrough();\n\n" } else { "});\n\n" });
        }
        out
    }
}

fn base(base: &Base) -> String {
    if base.without.is_empty() {
        return base.name.clone();
    }
    let without: Vec<String> = base.without.iter().map(|name| quoted(name)).collect();
    format!("Omit<{}, {}>", base.name, without.join(" | "))
}

fn union(out: &mut String, values: &super::view::Values) {
    let all: Vec<&str> = values.values.iter().map(|value| value.literal.as_str()).collect();
    out.push_str(&format!("export type {} = {};\n\n", values.name, all.join(" | ")));
}
