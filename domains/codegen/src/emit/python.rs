//! Python: classes of Pydantic v2.

use crate::model::{Cardinality, Field, ObjectType, Range, Relation, Scalar, snake};

use super::header::Comment;
use super::language::{Language, Typed};
use super::names::{has_words, unreserved, upper_snake_variant};
use super::resolve::{Resolved, c3};
use super::text::{Escape, docstring, literal};
use super::view::{Member, Names, Type, Values, View};
use super::{Profile, Target};

/// Names of classes that the file itself uses, and the keywords.
const TYPES: [&str; 11] =
    ["Any", "BaseModel", "ConfigDict", "Enum", "False", "Field", "None", "Optional", "True", "UUID", "Union"];

/// Keywords, names that annotations of the file use, and members of every Pydantic class.
const MEMBERS: [&str; 66] = [
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "bool",
    "datetime",
    "float",
    "int",
    "list",
    "str",
    "construct",
    "copy",
    "dict",
    "from_orm",
    "json",
    "model_computed_fields",
    "model_config",
    "model_construct",
    "model_copy",
    "model_dump",
    "model_dump_json",
    "model_extra",
    "model_fields",
    "model_fields_set",
    "model_json_schema",
    "model_parametrized_name",
    "model_post_init",
    "model_rebuild",
    "model_validate",
    "model_validate_json",
    "model_validate_strings",
    "parse_file",
    "parse_obj",
    "parse_raw",
    "schema",
    "schema_json",
    "update_forward_refs",
    "validate",
];

/// The Python emitter.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) profile: Profile,
    /// Whether classes are built when they are first used, and name one another by way of [`LATE`].
    ///
    /// Pydantic builds a class's validator from those of all classes it names, and theirs. In a model with hundreds of classes that
    /// name one another, as ontologies of the second revision are, that is all of them for each: building them does not end in useful
    /// time, or runs out of stack.
    pub(super) late: bool,
}

/// What stands for the classes that an annotation names.
pub(super) const LATE: &str = include_str!("templates/late.py");

fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "str",
        Scalar::Int | Scalar::Long => "int",
        Scalar::Float => "float",
        Scalar::Bool => "bool",
        Scalar::Datetime => "datetime",
        Scalar::Uuid => "UUID",
        Scalar::Json => "Any",
    }
}

fn union(mut types: Vec<String>) -> String {
    let mut seen = std::collections::BTreeSet::new();
    types.retain(|ty| seen.insert(ty.clone()));
    if types.len() == 1 { types.remove(0) } else { format!("Union[{}]", types.join(", ")) }
}

impl Python {
    fn range(&self, names: &Names<'_>, range: &Range) -> String {
        match range {
            Range::Scalar(one) => scalar(*one).to_owned(),
            Range::Enumeration(name) => names.of(name).to_owned(),
            Range::Type(name) => self.classes(names, std::iter::once(name)),
            Range::OneOf(several) => {
                let classes = several.iter().filter_map(|one| if let Range::Type(name) = one { Some(name) } else { None });
                let others = several.iter().filter(|one| !matches!(one, Range::Type(_)));
                let mut types: Vec<String> = others.map(|one| self.range(names, one)).collect();
                if classes.clone().next().is_some() {
                    types.push(self.classes(names, classes));
                }
                union(types)
            }
        }
    }

    /// One of several classes.
    fn classes<'a>(&self, names: &Names<'_>, declared: impl Iterator<Item = &'a String>) -> String {
        let quoted: Vec<String> = declared.map(|name| format!("'{}'", names.of(name))).collect();
        let all = quoted.join(", ");
        let one = union(quoted);
        if self.late { format!("Annotated[{one}, _Late({all})]") } else { one }
    }
}

/// A default as Python writes it; `None` when its text is not of its range, or the range has no literals.
fn default(names: &Names<'_>, object: &ObjectType, field: &Field) -> Option<String> {
    let text = field.default.as_deref()?;
    let known = |values: &[String]| values.iter().any(|value| value == text);
    if let Some(states) = names.state_of(object, field) {
        return known(&object.states).then(|| format!("{states}.{}", upper_snake_variant(text)));
    }
    match &field.range {
        Range::Scalar(Scalar::String) => Some(literal(text, '"', Escape::Fixed)),
        Range::Scalar(Scalar::Int | Scalar::Long) => text.parse::<i64>().ok().map(|number| number.to_string()),
        Range::Scalar(Scalar::Float) => {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| format!("{number:?}"))
        }
        Range::Scalar(Scalar::Bool) => match text {
            "true" | "1" => Some("True".to_owned()),
            "false" | "0" => Some("False".to_owned()),
            _ => None,
        },
        Range::Enumeration(name) => has_words(text).then(|| format!("{}.{}", names.of(name), upper_snake_variant(text))),
        _ => None,
    }
}

/// Whether a default can be written.
pub(super) fn writes_default(field: &Field) -> bool {
    matches!(
        field.range,
        Range::Enumeration(_) | Range::Scalar(Scalar::String | Scalar::Int | Scalar::Long | Scalar::Float | Scalar::Bool)
    )
}

/// The superclasses of each type that Python can order; a type whose superclasses it cannot order has none.
pub(super) fn ordered_bases(resolved: &Resolved<'_>) -> Vec<Vec<usize>> {
    let mut bases = vec![Vec::new(); resolved.parents.len()];
    let mut linearised: Vec<Vec<usize>> = vec![Vec::new(); resolved.parents.len()];
    for at in &resolved.parents_first {
        let parents = &resolved.parents[*at];
        match c3(*at, parents, &linearised) {
            Some(order) => {
                linearised[*at] = order;
                bases[*at].clone_from(parents);
            }
            None => linearised[*at] = vec![*at],
        }
    }
    bases
}

impl Language for Python {
    const TARGET: Target = Target::Python;

    fn comment(&self) -> Comment {
        Comment { open: "\"\"\"@generated\n", prefix: "", close: "\"\"\"" }
    }

    fn type_name(&self, declared: &str) -> String {
        unreserved(declared.to_owned(), &TYPES)
    }

    fn member_name(&self, declared: &str) -> String {
        unreserved(snake(declared), &MEMBERS)
    }

    fn variant_name(&self, value: &str) -> String {
        upper_snake_variant(value)
    }

    fn literal(&self, text: &str) -> String {
        literal(text, '"', Escape::Fixed)
    }

    fn beside_type(&self, _name: &str) -> Vec<(String, &'static str)> {
        Vec::new()
    }

    fn bases(&self, resolved: &Resolved<'_>) -> Vec<Vec<usize>> {
        ordered_bases(resolved)
    }

    fn field(&self, names: &Names<'_>, object: &ObjectType, field: &Field) -> Typed {
        let one = names.state_of(object, field).unwrap_or_else(|| self.range(names, &field.range));
        let (ty, default) = match field {
            Field { list: true, .. } => (format!("list[{one}]"), Some("[]".to_owned())),
            Field { optional: true, .. } => (format!("Optional[{one}]"), Some("None".to_owned())),
            _ => (one, default(names, object, field)),
        };
        Typed { ty, default, ..Typed::default() }
    }

    fn relation(&self, names: &Names<'_>, relation: &Relation) -> Typed {
        let one = self.classes(names, relation.targets.iter());
        let (ty, default) = match relation.cardinality {
            Cardinality::One => (format!("Optional[{one}]"), "None"),
            Cardinality::Many => (format!("list[{one}]"), "[]"),
        };
        Typed { ty, default: Some(default.to_owned()), ..Typed::default() }
    }

    fn uses(&self, types: &[Type<'_>]) -> Vec<&'static str> {
        let writes = |what: &str| {
            let own = |object: &Type<'_>| object.own_fields.iter().chain(&object.own_relations).any(|one| one.ty.contains(what));
            types.iter().any(own)
        };
        let late = (self.late && writes("_Late(")).then_some("late");
        late.into_iter().chain(writes("Union[").then_some("union")).collect()
    }

    fn render(&self, view: &View<'_>) -> String {
        let wire = self.profile == Profile::Wire;
        let closed_sets = !view.enumerations.is_empty() || view.types.iter().any(|object| object.states.is_some());
        let late = view.uses.contains(&"late");
        let mut out = view.header.clone();
        out.push_str("from __future__ import annotations\n\nfrom datetime import datetime\n");
        if closed_sets {
            out.push_str("from enum import Enum\n");
        }
        out.push_str(if late { "from typing import Annotated, Any, Optional" } else { "from typing import Any, Optional" });
        out.push_str(if view.uses.contains(&"union") { ", Union\n" } else { "\n" });
        out.push_str("from uuid import UUID\n\nfrom pydantic import BaseModel, ConfigDict");
        out.push_str(if wire { ", Field" } else { "" });
        out.push_str(if late { ", ValidationError\nfrom pydantic_core import core_schema\n\n\n" } else { "\n\n\n" });
        if late {
            out.push_str(LATE);
        }
        for one in &view.enumerations {
            values(&mut out, one, Some(&one.label));
        }
        for object in &view.types {
            if let Some(states) = &object.states {
                values(&mut out, states, None);
            }
            self.class(&mut out, object);
        }
        for object in view.types.iter().filter(|_| !self.late) {
            out.push_str(&object.name);
            out.push_str(".model_rebuild()\n");
        }
        out
    }
}

impl Python {
    fn class(&self, out: &mut String, object: &Type<'_>) {
        let bases: Vec<&str> = object.bases.iter().map(|base| base.name.as_str()).collect();
        out.push_str("class ");
        out.push_str(&object.name);
        out.push('(');
        out.push_str(&if bases.is_empty() { "BaseModel".to_owned() } else { bases.join(", ") });
        out.push_str("):\n    \"\"\"");
        out.push_str(&docstring(&object.label));
        out.push_str("\"\"\"\n    model_config = ConfigDict(populate_by_name=True");
        out.push_str(if self.late { ", defer_build=True)\n\n" } else { ")\n\n" });
        if object.own_fields.is_empty() && object.own_relations.is_empty() {
            out.push_str("    pass\n");
        }
        for member in object.own_fields.iter().chain(&object.own_relations) {
            self.member(out, member);
        }
        out.push_str("\n\n");
    }

    fn member(&self, out: &mut String, member: &Member) {
        out.push_str("    ");
        out.push_str(&member.name);
        out.push_str(": ");
        out.push_str(&member.ty);
        if self.profile == Profile::Wire && member.name != member.declared {
            out.push_str(" = Field(");
            if let Some(default) = &member.default {
                out.push_str("default=");
                out.push_str(default);
                out.push_str(", ");
            }
            out.push_str("alias=\"");
            out.push_str(&member.declared);
            out.push_str("\")");
        } else if let Some(default) = &member.default {
            out.push_str(" = ");
            out.push_str(default);
        }
        out.push('\n');
    }
}

fn values(out: &mut String, values: &Values, label: Option<&str>) {
    out.push_str(&format!("class {}(str, Enum):\n", values.name));
    if let Some(label) = label {
        out.push_str(&format!("    \"\"\"{}\"\"\"\n\n", docstring(label)));
    }
    for value in &values.values {
        out.push_str(&format!("    {} = {}\n", value.name, value.literal));
    }
    out.push_str("\n\n");
}
