//! Two models, side by side.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Enumeration, Model};

use super::{Change, Kind, Reach, processes, types};

/// Compares models that have the same names for what is the same.
pub(super) fn models(old: &Model, new: &Model, changes: &mut Vec<Change>) {
    if old.namespace != new.namespace {
        let detail = format!("`{}` to `{}`", old.namespace, new.namespace);
        changes.push(Change::new(Kind::NamespaceChanged, "namespace", detail));
    }
    let (before, after) = (types::Index::of(old), types::Index::of(new));
    let kept = in_common(&old.types, &new.types, |object| &object.name);
    if !same_order(&kept.old, &kept.new) {
        changes.push(Change::new(Kind::TypeOrder, "types", String::new()));
    }
    let (old_values, new_values) = (by_name(&old.enumerations), by_name(&new.enumerations));
    for object in &new.types {
        match before.get(&object.name) {
            Some(was) => types::compare(was, object, &before, &after, changes),
            None if old_values.contains_key(object.name.as_str()) => kind_changed(&object.name, "enumeration", "type", changes),
            None => changes.push(types::added(object)),
        }
    }
    for object in &old.types {
        if after.get(&object.name).is_none() && !new_values.contains_key(object.name.as_str()) {
            changes.push(types::removed(object));
        }
    }
    for enumeration in &new.enumerations {
        match old_values.get(enumeration.name.as_str()) {
            Some(was) => values(was, enumeration, changes),
            None if before.get(&enumeration.name).is_some() => kind_changed(&enumeration.name, "type", "enumeration", changes),
            None => {
                let detail = format!("values {}", list(&enumeration.values));
                changes.push(Change::new(Kind::EnumerationAdded, &enumeration.name, detail));
            }
        }
    }
    for enumeration in &old.enumerations {
        if !new_values.contains_key(enumeration.name.as_str()) && after.get(&enumeration.name).is_none() {
            let mut change = Change::new(Kind::EnumerationRemoved, &enumeration.name, String::new());
            change.with = enumeration.values.iter().map(|value| format!("{}={value}", enumeration.name)).collect();
            changes.push(change.reach(Reach::None, Reach::None));
        }
    }
    processes::compare(old, new, changes);
}

fn kind_changed(name: &str, was: &str, is: &str, changes: &mut Vec<Change>) {
    changes.push(Change::new(Kind::TypeKindChanged, name, format!("{was} to {is}")).reach(Reach::None, Reach::None));
}

fn values(old: &Enumeration, new: &Enumeration, changes: &mut Vec<Change>) {
    let name = &new.name;
    annotations(name, &old.annotations, &new.annotations, changes);
    for value in new.values.iter().filter(|value| !old.values.contains(value)) {
        changes.push(Change::new(Kind::ValueAdded, format!("{name}={value}"), "").reach(Reach::None, Reach::All));
    }
    for value in old.values.iter().filter(|value| !new.values.contains(value)) {
        changes.push(Change::new(Kind::ValueRemoved, format!("{name}={value}"), "").reach(Reach::All, Reach::None));
    }
    let kept = in_common(&old.values, &new.values, String::as_str);
    if !same_order(&kept.old, &kept.new) {
        changes.push(Change::new(Kind::ValueOrder, name, ""));
    }
}

/// Reports each text that differs.
pub(super) fn annotations(
    subject: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    changes: &mut Vec<Change>,
) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let detail = match (old.get(key), new.get(key)) {
            (was, is) if was == is => continue,
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            _ => "another text",
        };
        changes.push(Change::new(Kind::AnnotationChanged, format!("{subject}@{key}"), detail));
    }
}

/// The names that both have, in the order of each.
pub(super) struct Common<'a> {
    pub(super) old: Vec<&'a str>,
    pub(super) new: Vec<&'a str>,
}

/// The names that both lists have.
pub(super) fn in_common<'a, T>(old: &'a [T], new: &'a [T], name: impl Fn(&'a T) -> &'a str) -> Common<'a> {
    let names = |items: &'a [T]| items.iter().map(&name).collect::<Vec<&str>>();
    let (old, new) = (names(old), names(new));
    let (before, after): (BTreeSet<&str>, BTreeSet<&str>) = (old.iter().copied().collect(), new.iter().copied().collect());
    let kept = |names: Vec<&'a str>, other: &BTreeSet<&str>| names.into_iter().filter(|name| other.contains(name)).collect();
    Common { old: kept(old, &after), new: kept(new, &before) }
}

/// Whether names that both have come in one order.
pub(super) fn same_order(old: &[&str], new: &[&str]) -> bool {
    old == new
}

fn by_name(enumerations: &[Enumeration]) -> BTreeMap<&str, &Enumeration> {
    enumerations.iter().map(|enumeration| (enumeration.name.as_str(), enumeration)).collect()
}

/// Names as a list for people.
pub(super) fn list<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}
