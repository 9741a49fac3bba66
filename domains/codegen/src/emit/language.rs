//! What a language brings to the common part of the emitters.

use crate::model::{Field, ObjectType, Relation};

use super::Target;
use super::header::Comment;
use super::resolve::Resolved;
use super::view::{Names, Type, View};

/// A member as a language writes it.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// Its type.
    pub ty: String,
    /// The schema that tests it, in languages that have one.
    pub schema: String,
    /// What it is when absent, in languages that say so.
    pub default: Option<String>,
}

/// One target language.
pub(super) trait Language {
    /// Which one.
    const TARGET: Target;

    /// How it writes a header.
    fn comment(&self) -> Comment;

    /// Whether types stand by name, not in model order.
    fn sorts_types(&self) -> bool {
        false
    }

    /// The name of a type or enumeration.
    fn type_name(&self, declared: &str) -> String;

    /// The name of a member.
    fn member_name(&self, declared: &str) -> String;

    /// Whether a type of that name cannot have a member of that name.
    fn clashes(&self, _member: &str, _owner: &str) -> bool {
        false
    }

    /// The name of a value; the value has words.
    fn variant_name(&self, value: &str) -> String;

    /// A string literal.
    fn literal(&self, text: &str) -> String;

    /// Names that are declared beside a type of that name, with what they are.
    fn beside_type(&self, name: &str) -> Vec<(String, &'static str)>;

    /// Names that are declared beside an enumeration of that name, with what they are.
    fn beside_enumeration(&self, _name: &str) -> Vec<(String, &'static str)> {
        Vec::new()
    }

    /// How a field is written.
    fn field(&self, names: &Names<'_>, object: &ObjectType, field: &Field) -> Typed;

    /// How a relation is written.
    fn relation(&self, names: &Names<'_>, relation: &Relation) -> Typed;

    /// The types each type inherits from in the language; it declares as its own what those do not bring.
    fn bases(&self, resolved: &Resolved<'_>) -> Vec<Vec<usize>> {
        resolved.parents.clone()
    }

    /// What the file has to bring in for members of types, by names of the language's own.
    fn uses(&self, _types: &[Type<'_>]) -> Vec<&'static str> {
        Vec::new()
    }

    /// What is wrong with the namespace in the language.
    fn namespace(&self, _namespace: &str) -> Option<String> {
        None
    }

    /// The file.
    fn render(&self, view: &View<'_>) -> String;
}
