//! Names that were others before.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Model, ObjectType, Range};

use super::{Change, Kind, Reach};

/// What `renamedFrom` says in an ontology. It is no part of the model and is used by comparisons alone.
///
/// An ontology keeps saying it after the version that renamed; a rename counts where the older model has the old name and not the new
/// one, and the newer model no longer has the old name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    /// Types and enumerations: what they are called, and what they were.
    pub types: BTreeMap<String, String>,
    /// Members: the type as it is called now and the member as it is called now, and what the member was.
    pub members: BTreeMap<(String, String), String>,
}

impl Renames {
    /// The older model with the names of the newer one, and a change for each that was used.
    pub(super) fn apply(&self, old: &Model, new: &Model, changes: &mut Vec<Change>) -> Model {
        let types = self.used_types(old, new);
        let mut old = old.clone();
        if !types.is_empty() {
            rename_types(&mut old, &types);
        }
        for (was, is) in &types {
            changes.push(Change::new(Kind::TypeRenamed, is, format!("was `{was}`")));
        }
        for ((object, is), was) in &self.members {
            let after = new.object_type(object);
            let Some(before) = old.types.iter_mut().find(|before| before.name == *object) else { continue };
            let moved = after.is_some_and(|after| has(after, is) && !has(after, was)) && has(before, was) && !has(before, is);
            if !moved {
                continue;
            }
            let mandatory = before.fields.iter().any(|field| field.name == *was && !field.optional && !field.list);
            rename_member(&mut old, object, was, is);
            // A renamed member is, on the wire, one that went and one that came.
            let reach = if mandatory { Reach::None } else { Reach::AllButTypescript };
            changes.push(
                Change::new(Kind::MemberRenamed, format!("{object}.{is}"), format!("was `{object}.{was}`")).reach(reach, reach),
            );
        }
        old
    }

    /// Old name to new name, for those that count.
    fn used_types(&self, old: &Model, new: &Model) -> BTreeMap<String, String> {
        let (before, after) = (names(old), names(new));
        let counts =
            |is: &str, was: &str| before.contains(was) && !before.contains(is) && after.contains(is) && !after.contains(was);
        self.types.iter().filter(|(is, was)| counts(is, was)).map(|(is, was)| (was.clone(), is.clone())).collect()
    }
}

fn names(model: &Model) -> BTreeSet<&str> {
    let types = model.types.iter().map(|object| object.name.as_str());
    types.chain(model.enumerations.iter().map(|enumeration| enumeration.name.as_str())).collect()
}

fn has(object: &ObjectType, member: &str) -> bool {
    object.fields.iter().any(|field| field.name == member) || object.relations.iter().any(|relation| relation.name == member)
}

fn rename_types(model: &mut Model, names: &BTreeMap<String, String>) {
    let rename = |name: &mut String| {
        if let Some(is) = names.get(name) {
            name.clone_from(is);
        }
    };
    for enumeration in &mut model.enumerations {
        rename(&mut enumeration.name);
    }
    for object in &mut model.types {
        rename(&mut object.name);
        object.extends.iter_mut().for_each(rename);
        object.extends.sort();
        for field in &mut object.fields {
            rename_range(&mut field.range, &rename);
        }
        for relation in &mut object.relations {
            relation.targets.iter_mut().for_each(rename);
            relation.targets.sort();
        }
    }
}

fn rename_range(range: &mut Range, rename: &impl Fn(&mut String)) {
    match range {
        Range::Scalar(_) => {}
        Range::Enumeration(name) | Range::Type(name) => rename(name),
        Range::OneOf(alternatives) => {
            alternatives.iter_mut().for_each(|alternative| rename_range(alternative, rename));
            alternatives.sort();
        }
    }
}

fn rename_member(model: &mut Model, object: &str, was: &str, is: &str) {
    for other in &mut model.types {
        let own = other.name == object;
        for field in other.fields.iter_mut().filter(|field| own && field.name == was) {
            is.clone_into(&mut field.name);
        }
        if own && other.state_property.as_deref() == Some(was) {
            other.state_property = Some(is.to_owned());
        }
        for relation in &mut other.relations {
            if own && relation.name == was {
                is.clone_into(&mut relation.name);
            }
            if relation.inverse.as_deref() == Some(was) && relation.targets.iter().any(|target| target == object) {
                relation.inverse = Some(is.to_owned());
            }
        }
    }
}
