//! Types: their superclasses, members and states.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Field, Model, ObjectType, Relation};

use super::compare::{annotations, in_common, list, same_order};
use super::{Change, Kind, Reach, fields, relations};

/// A member of a type.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Member<'m> {
    Field(&'m Field),
    Relation(&'m Relation),
}

impl Member<'_> {
    /// Whether data of the type must have it, or code must give it.
    fn is_demanded(self) -> bool {
        match self {
            Self::Field(field) => fields::is_required(field),
            Self::Relation(relation) => relations::is_one(relation),
        }
    }
}

/// Types of a model by name.
pub(super) struct Index<'m>(BTreeMap<&'m str, &'m ObjectType>);

impl<'m> Index<'m> {
    pub(super) fn of(model: &'m Model) -> Self {
        Self(model.types.iter().map(|object| (object.name.as_str(), object)).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&'m ObjectType> {
        self.0.get(name).copied()
    }

    /// The types above one, nearest first, each once.
    fn above(&self, object: &ObjectType) -> Vec<&'m ObjectType> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut found: Vec<&ObjectType> = Vec::new();
        let mut next: Vec<&ObjectType> = object.extends.iter().filter_map(|name| self.get(name)).collect();
        while !next.is_empty() {
            let level = std::mem::take(&mut next);
            for parent in level.into_iter().filter(|parent| seen.insert(&parent.name)) {
                found.push(parent);
                next.extend(parent.extends.iter().filter_map(|name| self.get(name)));
            }
        }
        found
    }

    /// The member of that name that a type has from above.
    fn inherited(&self, object: &ObjectType, name: &str) -> Option<Member<'m>> {
        self.above(object).into_iter().find_map(|parent| own(parent, name))
    }
}

fn own<'m>(object: &'m ObjectType, name: &str) -> Option<Member<'m>> {
    let field = object.fields.iter().find(|field| field.name == name).map(Member::Field);
    field.or_else(|| object.relations.iter().find(|relation| relation.name == name).map(Member::Relation))
}

fn members(object: &ObjectType) -> impl Iterator<Item = (&str, Member<'_>)> {
    let fields = object.fields.iter().map(|field| (field.name.as_str(), Member::Field(field)));
    fields.chain(object.relations.iter().map(|relation| (relation.name.as_str(), Member::Relation(relation))))
}

pub(super) fn added(object: &ObjectType) -> Change {
    let count = object.fields.len() + object.relations.len();
    Change::new(Kind::TypeAdded, &object.name, format!("{count} members"))
}

pub(super) fn removed(object: &ObjectType) -> Change {
    let name = &object.name;
    let mut change = Change::new(Kind::TypeRemoved, name, String::new()).reach(Reach::None, Reach::None);
    change.with = members(object).map(|(member, _)| format!("{name}.{member}")).collect();
    if let Some(property) = &object.state_property {
        change.with.extend(object.states.iter().map(|state| format!("{name}.{property}={state}")));
    }
    change.with.extend(object.extends.iter().map(|parent| format!("{name}:{parent}")));
    change
}

pub(super) fn compare(was: &ObjectType, is: &ObjectType, before: &Index<'_>, after: &Index<'_>, changes: &mut Vec<Change>) {
    annotations(&is.name, &was.annotations, &is.annotations, changes);
    superclasses(was, is, before, after, changes);
    for (name, now) in members(is) {
        let subject = format!("{}.{name}", is.name);
        match (own(was, name), before.inherited(was, name)) {
            (Some(then), _) => member(&subject, then, now, changes),
            (None, Some(then)) => {
                changes.push(Change::new(Kind::MemberMoved, &subject, "was inherited, is declared by the type itself"));
                member(&subject, then, now, changes);
            }
            (None, None) => changes.push(match now {
                Member::Field(field) => fields::added(&subject, field),
                Member::Relation(relation) => relations::added(&subject, relation),
            }),
        }
    }
    for (name, then) in members(was) {
        if own(is, name).is_some() {
            continue;
        }
        let subject = format!("{}.{name}", is.name);
        match after.inherited(is, name) {
            Some(now) => {
                changes.push(Change::new(Kind::MemberMoved, &subject, "was declared by the type itself, is inherited"));
                member(&subject, then, now, changes);
            }
            None => changes.push(match then {
                Member::Field(field) => fields::removed(&subject, field),
                Member::Relation(_) => Change::new(Kind::RelationRemoved, &subject, ""),
            }),
        }
    }
    let kept = in_common(&was.fields, &is.fields, |field| &field.name);
    if !same_order(&kept.old, &kept.new) {
        let detail = format!("{} to {}", list(&kept.old), list(&kept.new));
        changes.push(Change::new(Kind::FieldOrder, &is.name, detail));
    }
    let kept = in_common(&was.relations, &is.relations, |relation| &relation.name);
    if !same_order(&kept.old, &kept.new) {
        changes.push(Change::new(Kind::RelationOrder, &is.name, ""));
    }
    states(was, is, changes);
}

fn member(subject: &str, then: Member<'_>, now: Member<'_>, changes: &mut Vec<Change>) {
    match (then, now) {
        (Member::Field(was), Member::Field(is)) => fields::compare(subject, was, is, changes),
        (Member::Relation(was), Member::Relation(is)) => relations::compare(subject, was, is, changes),
        (Member::Field(_), Member::Relation(_)) => changes.push(kind_changed(subject, "field to relation")),
        (Member::Relation(_), Member::Field(_)) => changes.push(kind_changed(subject, "relation to field")),
    }
}

fn kind_changed(subject: &str, detail: &str) -> Change {
    Change::new(Kind::MemberKindChanged, subject, detail).reach(Reach::None, Reach::None)
}

fn superclasses(was: &ObjectType, is: &ObjectType, before: &Index<'_>, after: &Index<'_>, changes: &mut Vec<Change>) {
    if was.extends == is.extends {
        return;
    }
    let above = |index: &Index<'_>, object: &ObjectType| -> BTreeSet<String> {
        index.above(object).into_iter().map(|parent| parent.name.clone()).collect()
    };
    let (then, now) = (above(before, was), above(after, is));
    for parent in is.extends.iter().filter(|parent| !was.extends.contains(parent)) {
        let subject = format!("{}:{parent}", is.name);
        if then.contains(parent) {
            changes.push(Change::new(Kind::SuperclassRestated, subject, "it was one through others already"));
            continue;
        }
        let demanded: BTreeSet<String> = demanded_from(parent, after)
            .into_iter()
            .filter(|name| own(was, name).is_none() && before.inherited(was, name).is_none())
            .map(|name| format!("{}.{name}", is.name))
            .collect();
        changes.push(if demanded.is_empty() {
            Change::new(Kind::SuperclassAdded, subject, "")
        } else {
            let names: Vec<String> = demanded.into_iter().collect();
            let detail = format!("brings {}", list(&names));
            Change::new(Kind::SuperclassRequires, subject, detail).reach(Reach::All, Reach::None)
        });
    }
    for parent in was.extends.iter().filter(|parent| !is.extends.contains(parent)) {
        let subject = format!("{}:{parent}", is.name);
        changes.push(if now.contains(parent) {
            Change::new(Kind::SuperclassRestated, subject, "it still is one through others")
        } else {
            Change::new(Kind::SuperclassRemoved, subject, "").reach(Reach::None, Reach::All)
        });
    }
}

/// Names of what a type and those above it demand.
fn demanded_from<'m>(name: &str, index: &Index<'m>) -> BTreeSet<&'m str> {
    let Some(object) = index.get(name) else { return BTreeSet::new() };
    let all = std::iter::once(object).chain(index.above(object));
    all.flat_map(members).filter(|(_, member)| member.is_demanded()).map(|(name, _)| name).collect()
}

fn states(was: &ObjectType, is: &ObjectType, changes: &mut Vec<Change>) {
    let name = &is.name;
    let stays = |property: &str, in_type: &ObjectType| in_type.fields.iter().any(|field| field.name == property);
    let subject = |property: &str, state: &str| format!("{name}.{property}={state}");
    match (&was.state_property, &is.state_property) {
        (None, None) => {}
        (Some(then), Some(now)) if then == now => {
            for state in is.states.iter().filter(|state| !was.states.contains(state)) {
                changes.push(Change::new(Kind::StateAdded, subject(now, state), "").reach(Reach::None, Reach::All));
            }
            for state in was.states.iter().filter(|state| !is.states.contains(state)) {
                changes.push(Change::new(Kind::StateRemoved, subject(now, state), "").reach(Reach::All, Reach::None));
            }
            let kept = in_common(&was.states, &is.states, String::as_str);
            if !same_order(&kept.old, &kept.new) {
                changes.push(Change::new(Kind::StateOrder, format!("{name}.{now}"), ""));
            }
        }
        (then, now) => {
            // A property that is new, or gone, is reported as a field.
            if let Some(property) = now.as_deref().filter(|property| stays(property, was)) {
                let detail = format!("one of {}", list(&is.states));
                let change = Change::new(Kind::StatePropertySet, format!("{name}.{property}"), detail);
                changes.push(change.reach(Reach::All, Reach::None));
            }
            if let Some(property) = then.as_deref().filter(|property| stays(property, is)) {
                for state in &was.states {
                    let change = Change::new(Kind::StateRemoved, subject(property, state), "the field holds any text now");
                    changes.push(change.reach(Reach::None, Reach::All));
                }
            }
        }
    }
}
