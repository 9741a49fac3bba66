//! Superclasses: declared, without cycles, and of one mind about their members.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::ObjectType;
use super::members::{cased, own};
use super::{INHERITANCE_MAX, Names, shown};
use crate::diagnostic::Diagnostic;

/// Every type's superclasses, direct and not.
pub(super) struct Lineage<'a>(HashMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Lineage<'a> {
    /// The superclasses of a type, direct and not, in code point order.
    pub(super) fn ancestors(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.get(name).into_iter().flatten().copied()
    }
}

/// Checks superclasses; nothing comes back when they have cycles or multiply too much to be followed.
pub(super) fn check<'a>(names: &Names<'a>, found: &mut Vec<Diagnostic>) -> Option<Lineage<'a>> {
    for object in &names.model.types {
        direct(object, names, found);
    }
    let order = superclasses_first(names, found)?;
    let mut lineage: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    let mut pairs = 0;
    for object in &order {
        let mut ancestors = BTreeSet::new();
        for parent in parents(object, names) {
            ancestors.insert(parent.name.as_str());
            ancestors.extend(lineage.get(parent.name.as_str()).into_iter().flatten().copied());
        }
        pairs += ancestors.len();
        if pairs > INHERITANCE_MAX {
            let message = format!("types and their superclasses are more than {INHERITANCE_MAX} pairs; expected a flatter tree");
            found.push(Diagnostic::new("E-MODEL-SIZE", "types", message));
            return None;
        }
        lineage.insert(&object.name, ancestors);
    }
    let lineage = Lineage(lineage);
    members(&order, names, &lineage, found);
    Some(lineage)
}

fn parents<'a>(object: &ObjectType, names: &Names<'a>) -> impl Iterator<Item = &'a ObjectType> {
    object.extends.iter().filter_map(|name| names.types.get(name.as_str()).copied())
}

fn direct(object: &ObjectType, names: &Names<'_>, found: &mut Vec<Diagnostic>) {
    let subject = shown(&object.name);
    for parent in object.extends.iter().filter(|parent| !names.types.contains_key(parent.as_str())) {
        let message = format!("the superclass `{}` is no declared type", shown(parent));
        found.push(Diagnostic::new("E-EXTENDS-UNKNOWN", &subject, message));
    }
    if object.extends.windows(2).any(|pair| pair[0] >= pair[1]) {
        found.push(Diagnostic::new("E-EXTENDS-UNKNOWN", &subject, "the superclasses are not sorted and different"));
    }
}

/// The types with every superclass before its subclasses.
fn superclasses_first<'a>(names: &Names<'a>, found: &mut Vec<Diagnostic>) -> Option<Vec<&'a ObjectType>> {
    let types: Vec<&ObjectType> = names.model.types.iter().collect();
    let mut waiting: HashMap<&str, usize> = HashMap::new();
    let mut subclasses: HashMap<&str, Vec<&ObjectType>> = HashMap::new();
    for object in &types {
        waiting.insert(&object.name, parents(object, names).count());
        for parent in parents(object, names) {
            subclasses.entry(&parent.name).or_default().push(object);
        }
    }
    let mut order: Vec<&ObjectType> = types.iter().copied().filter(|object| waiting[object.name.as_str()] == 0).collect();
    let mut next = 0;
    while let Some(object) = order.get(next).copied() {
        next += 1;
        for subclass in subclasses.remove(object.name.as_str()).into_iter().flatten() {
            let left = waiting.entry(&subclass.name).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                order.push(subclass);
            }
        }
    }
    if order.len() >= types.len() {
        return Some(order);
    }
    let reached: BTreeSet<&str> = order.iter().map(|object| object.name.as_str()).collect();
    let rest: Vec<&ObjectType> = types.into_iter().filter(|object| !reached.contains(object.name.as_str())).collect();
    found.extend(cycles(&rest, names));
    None
}

/// One diagnostic a cycle among types that all wait for one another or for a cycle.
fn cycles(rest: &[&ObjectType], names: &Names<'_>) -> Vec<Diagnostic> {
    let among: BTreeSet<&str> = rest.iter().map(|object| object.name.as_str()).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in &among {
        // Following the first superclass that is among them has to come back to a type that was passed.
        let mut path: Vec<&str> = Vec::new();
        let mut at = Some(*start);
        while let Some(name) = at.filter(|name| !seen.contains(name)) {
            seen.insert(name);
            path.push(name);
            let up =
                names.types.get(name).and_then(|object| object.extends.iter().find(|parent| among.contains(parent.as_str())));
            at = up.map(String::as_str);
        }
        let Some(from) = at.and_then(|name| path.iter().position(|passed| *passed == name)) else { continue };
        let cycle = &path[from..];
        let shown_names: Vec<String> =
            cycle.iter().chain(&cycle[..1]).take(20).map(|name| format!("`{}`", shown(name))).collect();
        let message = format!("superclasses lead back: {}; expected a tree or a lattice", shown_names.join(" extends "));
        found.push(Diagnostic::new("E-SUBCLASS-CYCLE", shown(cycle[0]), message));
    }
    found
}

/// No type repeats an inherited member, and superclasses that both declare one declare the same.
fn members(order: &[&ObjectType], names: &Names<'_>, lineage: &Lineage<'_>, found: &mut Vec<Diagnostic>) {
    let mut spelled: HashMap<&str, Vec<(String, &str)>> = HashMap::new();
    for object in order {
        let all =
            own(object).flat_map(|name| cased(name).into_iter().enumerate().map(move |(at, text)| (format!("{at}{text}"), name)));
        spelled.insert(&object.name, all.collect());
    }
    let of = |name: &str| spelled.get(name).map(Vec::as_slice).unwrap_or_default();
    for object in order {
        let mine: BTreeMap<&str, &str> = of(&object.name).iter().map(|(key, name)| (key.as_str(), *name)).collect();
        let several = object.extends.len() > 1;
        let mut inherited: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        let mut told = BTreeSet::new();
        for ancestor in lineage.ancestors(&object.name).filter(|_| several || !mine.is_empty()) {
            for (key, name) in of(ancestor) {
                if let Some(own) = mine.get(key.as_str()).filter(|own| told.insert((**own, *name))) {
                    let message =
                        format!("`{}` repeats `{}.{}`, which the type inherits", shown(own), shown(ancestor), shown(name));
                    let subject = format!("{}.{}", shown(&object.name), shown(own));
                    found.push(Diagnostic::new("E-MEMBER-INHERITED", subject, message));
                }
                if !several {
                    continue;
                }
                let (other, other_name) = *inherited.entry(key).or_insert((ancestor, name));
                if other != ancestor && !same(names, other, other_name, ancestor, name) && told.insert((other_name, *name)) {
                    let (a, b) =
                        (format!("{}.{}", shown(other), shown(other_name)), format!("{}.{}", shown(ancestor), shown(name)));
                    let message = format!("`{a}` and `{b}` are inherited together and differ; expected one declaration");
                    found.push(Diagnostic::new("E-MEMBER-INHERITED", shown(&object.name), message));
                }
            }
        }
    }
}

fn same(names: &Names<'_>, one: &str, one_name: &str, two: &str, two_name: &str) -> bool {
    let (Some(a), Some(b)) = (names.types.get(one), names.types.get(two)) else { return true };
    let field = |object: &ObjectType, name: &str| object.fields.iter().find(|field| field.name == name).cloned();
    let relation = |object: &ObjectType, name: &str| object.relations.iter().find(|relation| relation.name == name).cloned();
    one_name == two_name && field(a, one_name) == field(b, two_name) && relation(a, one_name) == relation(b, two_name)
}
