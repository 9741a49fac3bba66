//! Fields, relations and states of one type.

use std::collections::BTreeMap;

use super::super::{Field, ObjectType, Range, Relation, Scalar, camel, is_member_name, pascal, snake};
use super::inheritance::Lineage;
use super::{Names, defaults, length, shown, values};
use crate::diagnostic::Diagnostic;

/// What languages write a member as, of which no two may be equal.
pub(super) fn cased(name: &str) -> [String; 3] {
    [pascal(name), camel(name), snake(name)]
}

pub(super) fn check(object: &ObjectType, names: &Names<'_>, found: &mut Vec<Diagnostic>) {
    member_names(object, found);
    for field in &object.fields {
        field_rules(object, field, names, found);
    }
    for relation in &object.relations {
        targets(object, relation, names, found);
    }
    states(object, found);
}

fn pointer(object: &ObjectType, member: &str) -> String {
    format!("{}.{}", shown(&object.name), shown(member))
}

/// The names of an object's own members, fields first.
pub(super) fn own(object: &ObjectType) -> impl Iterator<Item = &str> {
    let fields = object.fields.iter().map(|field| field.name.as_str());
    fields.chain(object.relations.iter().map(|relation| relation.name.as_str()))
}

fn member_names(object: &ObjectType, found: &mut Vec<Diagnostic>) {
    // Each spelling leads to the first member that is written so: `0` by pascal, `1` by camel, `2` by snake.
    let mut taken: BTreeMap<(usize, String), &str> = BTreeMap::new();
    for name in own(object) {
        let subject = pointer(object, name);
        if !is_member_name(name) {
            let message = format!("`{}` cannot name a member, expected `^[A-Za-z][A-Za-z0-9_-]*$`", shown(name));
            found.push(Diagnostic::new("E-NAME-MEMBER", &subject, message));
        }
        length(name, &subject, found);
        let mut other = None;
        for key in cased(name).into_iter().enumerate() {
            match taken.get(&key) {
                Some(first) => other = other.or(Some((*first, key.1))),
                None => drop(taken.insert(key, name)),
            }
        }
        if let Some((first, spelling)) = other {
            let message = match first == name {
                true => format!("the name `{}` is used twice in `{}`", shown(name), shown(&object.name)),
                false => format!("`{}` and `{}` are both written `{}`", shown(first), shown(name), shown(&spelling)),
            };
            found.push(Diagnostic::new(
                "E-NAME-COLLISION",
                subject,
                message + "; expected names that stay apart in every language",
            ));
        }
    }
}

fn field_rules(object: &ObjectType, field: &Field, names: &Names<'_>, found: &mut Vec<Diagnostic>) {
    let subject = || pointer(object, &field.name);
    if field.list && field.optional {
        let message = "a list is never optional: without elements it is empty; expected one or the other";
        found.push(Diagnostic::new("E-FIELD-LIST-OPTIONAL", subject(), message));
    }
    range_rules(&field.range, false, &subject(), names, found);
    if let Some(fault) = field.default.as_deref().and_then(|text| defaults::fault(field, text, names)) {
        found.push(Diagnostic::new("E-DEFAULT", subject(), fault));
    }
}

fn range_rules(range: &Range, inner: bool, subject: &str, names: &Names<'_>, found: &mut Vec<Diagnostic>) {
    let fault = match range {
        Range::Scalar(_) => None,
        Range::Enumeration(name) => (!names.enumerations.contains_key(name.as_str()))
            .then(|| format!("the range is enumeration `{}`, which is not declared", shown(name))),
        Range::Type(name) if inner => (!names.types.contains_key(name.as_str()))
            .then(|| format!("the range is type `{}`, which is not declared", shown(name))),
        Range::Type(name) => Some(format!("the range is type `{}` alone; expected a relation", shown(name))),
        Range::OneOf(_) if inner => Some("alternatives are within alternatives; expected one list of them".to_owned()),
        Range::OneOf(alternatives) => {
            for alternative in alternatives {
                range_rules(alternative, true, subject, names, found);
            }
            let all_types = alternatives.iter().all(|alternative| matches!(alternative, Range::Type(_)));
            let sorted = alternatives.windows(2).all(|pair| pair[0] < pair[1]);
            match alternatives.len() {
                0 | 1 => Some("there are fewer than two alternatives; expected several, or the one range itself".to_owned()),
                _ if !sorted => Some("the alternatives are not sorted and different".to_owned()),
                _ if all_types => Some("all alternatives are types; expected a relation with several targets".to_owned()),
                _ => None,
            }
        }
    };
    found.extend(fault.map(|fault| Diagnostic::new("E-RANGE-INVALID", subject, fault)));
}

fn targets(object: &ObjectType, relation: &Relation, names: &Names<'_>, found: &mut Vec<Diagnostic>) {
    let mut fault = |message: String| found.push(Diagnostic::new("E-TARGET-UNKNOWN", pointer(object, &relation.name), message));
    if relation.targets.is_empty() {
        fault("the relation points to nothing; expected the name of a type".to_owned());
    }
    if relation.targets.windows(2).any(|pair| pair[0] >= pair[1]) {
        fault("the targets are not sorted and different".to_owned());
    }
    for target in relation.targets.iter().filter(|target| !names.types.contains_key(target.as_str())) {
        let kind = if names.enumerations.contains_key(target.as_str()) { "is an enumeration" } else { "is not declared" };
        fault(format!("the target `{}` {kind}; expected the name of a type", shown(target)));
    }
}

fn states(object: &ObjectType, found: &mut Vec<Diagnostic>) {
    let subject = shown(&object.name);
    let Some(property) = &object.state_property else {
        if !object.states.is_empty() {
            let message = "there are states, but no field that holds them; expected a state property";
            found.push(Diagnostic::new("E-STATE-PROPERTY", subject, message));
        }
        return;
    };
    match object.fields.iter().find(|field| field.name == *property) {
        Some(field) if field.range == Range::Scalar(Scalar::String) && !field.list => {
            if let Some(default) = field.default.as_ref().filter(|default| !object.states.contains(default)) {
                let message = format!("the default `{}` is none of the states", shown(default));
                found.push(Diagnostic::new("E-DEFAULT", pointer(object, property), message));
            }
        }
        Some(_) => {
            let message = format!("the state property `{}` is not a single string", shown(property));
            found.push(Diagnostic::new("E-STATE-PROPERTY", &subject, message));
        }
        None => {
            let message = format!("the state property `{}` is no field of the type; expected the name of one", shown(property));
            found.push(Diagnostic::new("E-STATE-PROPERTY", &subject, message));
        }
    }
    values("E-STATES", "state", &subject, &object.states, found);
}

/// An inverse is a relation of every target, its own or inherited, that points back to the type or to one it extends.
pub(super) fn check_inverses(names: &Names<'_>, lineage: &Lineage<'_>, found: &mut Vec<Diagnostic>) {
    for object in &names.model.types {
        for relation in &object.relations {
            let Some(inverse) = &relation.inverse else { continue };
            for target in &relation.targets {
                if let Some(fault) = inverse_fault(&object.name, target, inverse, names, lineage) {
                    found.push(Diagnostic::new("E-INVERSE", pointer(object, &relation.name), fault));
                }
            }
        }
    }
}

/// What is wrong with `inverse` as the relation of `target` that points back to `from`.
fn inverse_fault(from: &str, target: &str, inverse: &str, names: &Names<'_>, lineage: &Lineage<'_>) -> Option<String> {
    let object = names.types.get(target)?;
    let declared = std::iter::once(*object).chain(lineage.ancestors(target).filter_map(|name| names.types.get(name).copied()));
    let Some(back) = declared.flat_map(|object| &object.relations).find(|relation| relation.name == inverse) else {
        return Some(format!("the inverse `{}` is no relation of `{}`", shown(inverse), shown(target)));
    };
    let points_back = back.targets.iter().any(|to| to == from || lineage.ancestors(from).any(|name| name == to));
    (!points_back).then(|| {
        let to: Vec<String> = back.targets.iter().map(|to| format!("`{}`", shown(to))).collect();
        let (inverse, target, from) = (shown(inverse), shown(target), shown(from));
        format!("the inverse `{inverse}` of `{target}` points to {}, expected `{from}`", to.join(", "))
    })
}
