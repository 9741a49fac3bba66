//! Names in generated files: made, kept apart, and never numbered.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::model;

use super::Target;

/// The names of one scope of a file, each with what it stands for.
#[derive(Debug)]
pub(super) struct Scope {
    target: Target,
    taken: BTreeMap<String, String>,
    errors: Vec<Diagnostic>,
}

impl Scope {
    pub(super) fn new(target: Target) -> Self {
        Self { target, taken: BTreeMap::new(), errors: Vec::new() }
    }

    /// Takes a name for a source; two different sources of one name are an error that names both.
    pub(super) fn take(&mut self, name: &str, source: &str) {
        if let Some(first) = self.taken.get(name) {
            if first != source {
                let message =
                    format!("{first} and {source} are both `{name}` in {}; rename one of them in the ontology", self.target);
                let subject = source.split([' ', '`']).find(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
                let subject = subject.unwrap_or(source).to_owned();
                self.errors.push(Diagnostic::new("E-NAME-COLLISION", subject, message).for_target(self.target.name()));
            }
            return;
        }
        self.taken.insert(name.to_owned(), source.to_owned());
    }

    pub(super) fn into_errors(self) -> Vec<Diagnostic> {
        self.errors
    }
}

/// `name`, or `name_` where the language has another use for it there.
pub(super) fn unreserved(name: String, reserved: &[&str]) -> String {
    if reserved.contains(&name.as_str()) { name + "_" } else { name }
}

/// The words of a value that is to become a name: runs of ASCII letters and digits.
fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a name can be made of a value at all.
pub(super) fn has_words(value: &str) -> bool {
    words(value).next().is_some()
}

/// A value as a name in pascal case; `_` goes before a digit in front.
pub(super) fn pascal_variant(value: &str) -> String {
    let name: String = words(value).map(model::pascal).collect();
    behind_line(name)
}

/// A value as a name in upper snake case; `_` goes before a digit in front.
pub(super) fn upper_snake_variant(value: &str) -> String {
    let name: Vec<String> = words(value).map(|word| model::snake(word).to_ascii_uppercase()).collect();
    behind_line(name.join("_"))
}

fn behind_line(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_names() {
        assert_eq!(pascal_variant("in-review now"), "InReviewNow");
        assert_eq!(upper_snake_variant("in-review now"), "IN_REVIEW_NOW");
        assert_eq!(pascal_variant("3D model"), "_3DModel");
        assert_eq!(upper_snake_variant("cyclonedx-1.5"), "CYCLONEDX_1_5");
        assert!(!has_words("é"));
    }

    #[test]
    fn two_sources_of_one_name_are_named() {
        let mut scope = Scope::new(Target::Rust);
        scope.take("a", "field `A.a`");
        scope.take("a", "field `A.a`");
        scope.take("a", "relation `A.A`");
        let errors = scope.into_errors();
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0].code.as_str(), errors[0].subject.as_str()), ("E-NAME-COLLISION", "A.A"));
        assert!(errors[0].message.contains("field `A.a` and relation `A.A` are both `a` in rust"), "{}", errors[0].message);
    }
}
