//! Names from IRIs.

use super::super::graph::Reading;
use super::super::rdf::shown;
use crate::model::{is_member_name, is_type_name, local_name};

/// The name of a class: the caller's, else the end of its IRI, changed where it has to be.
pub(super) fn class(iri: &str, reading: &mut Reading<'_>) -> String {
    named(iri, "E-NAME-TYPE", is_type_name, type_name, reading)
}

/// The name of a property.
pub(super) fn member(iri: &str, reading: &mut Reading<'_>) -> String {
    named(iri, "E-NAME-MEMBER", is_member_name, member_name, reading)
}

fn named(iri: &str, code: &'static str, fits: fn(&str) -> bool, change: fn(&str) -> String, reading: &mut Reading<'_>) -> String {
    if let Some(name) = reading.options.names.get(iri) {
        return name.clone();
    }
    let local = local_name(iri);
    if fits(local) {
        return local.to_owned();
    }
    let name = change(local);
    if fits(&name) {
        reading.tell("W-RENAMED", iri, format!("`{}` cannot be a name, `{name}` is used", local.escape_debug()));
    } else {
        reading.tell(
            code,
            iri,
            format!("{} ends in nothing that can become a name; expected letters or digits, or a name for it", shown(iri)),
        );
    }
    name
}

fn type_name(local: &str) -> String {
    let mut name = String::new();
    let mut upper = true;
    for c in local.chars() {
        match c {
            'a'..='z' if upper => name.push(c.to_ascii_uppercase()),
            'a'..='z' | 'A'..='Z' => name.push(c),
            '0'..='9' => {
                if name.is_empty() {
                    name.push('N');
                }
                name.push(c);
            }
            c if c.is_ascii() => {}
            c => name.push_str(&format!("U{:X}", u32::from(c))),
        }
        upper = c.is_ascii() && !c.is_ascii_alphanumeric();
    }
    name
}

fn member_name(local: &str) -> String {
    let mut name = String::new();
    for c in local.chars() {
        match c {
            'a'..='z' | 'A'..='Z' => name.push(c),
            '0'..='9' | '_' | '-' => {
                if name.is_empty() {
                    name.push('n');
                }
                name.push(c);
            }
            c if c.is_ascii() => name.push_str(if name.is_empty() { "n_" } else { "_" }),
            c => name.push_str(&format!("U{:X}", u32::from(c))),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{member_name, type_name};

    #[test]
    fn names_are_changed_no_more_than_they_have_to_be() {
        for (local, name) in [
            ("3DModel", "N3DModel"),
            ("person", "Person"),
            ("F31_Performance", "F31Performance"),
            ("été", "UE9tUE9"),
            ("a.b-c", "ABC"),
        ] {
            assert_eq!(type_name(local), name);
        }
        for (local, name) in [("3d", "n3d"), ("a.b", "a_b"), ("_x", "n_x"), ("größe", "grUF6UDFe"), (".x", "n_x")] {
            assert_eq!(member_name(local), name);
        }
    }
}
