//! Relations: cardinality, targets, inverses. On the wire they may be absent in every language.

use crate::model::{Cardinality, Relation};

use super::{Change, Kind, Reach};

pub(super) fn is_one(relation: &Relation) -> bool {
    relation.cardinality == Cardinality::One
}

pub(super) fn added(subject: &str, relation: &Relation) -> Change {
    let what = if is_one(relation) { Kind::RelationOneAdded } else { Kind::RelationManyAdded };
    Change::new(what, subject, format!("to {}", relation.targets.join(" or ")))
}

pub(super) fn compare(subject: &str, was: &Relation, is: &Relation, changes: &mut Vec<Change>) {
    if was.cardinality != is.cardinality {
        let detail = format!("{} to {}", was.cardinality.name(), is.cardinality.name());
        changes.push(Change::new(Kind::CardinalityChanged, subject, detail).reach(Reach::None, Reach::None));
    }
    for target in is.targets.iter().filter(|target| !was.targets.contains(target)) {
        changes.push(Change::new(Kind::TargetAdded, format!("{subject}:{target}"), "").reach(Reach::None, Reach::All));
    }
    for target in was.targets.iter().filter(|target| !is.targets.contains(target)) {
        changes.push(Change::new(Kind::TargetRemoved, format!("{subject}:{target}"), "").reach(Reach::All, Reach::None));
    }
    if was.inverse != is.inverse {
        let shown = |inverse: &Option<String>| inverse.as_ref().map_or("none".to_owned(), |name| format!("`{name}`"));
        let detail = format!("{} to {}", shown(&was.inverse), shown(&is.inverse));
        changes.push(Change::new(Kind::InverseChanged, subject, detail));
    }
}
