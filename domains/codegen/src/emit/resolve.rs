//! What types inherit: their members with those of their superclasses, and orders that put superclasses first.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::{Field, Model, ObjectType, Relation};

/// A member of a type, own or inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberRef {
    /// The type that declares it, by its place in the model.
    pub owner: usize,
    /// Its place among the owner's fields or relations.
    pub at: usize,
}

/// The members of a type, inherited ones first.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Its fields.
    pub fields: Vec<MemberRef>,
    /// Its relations.
    pub relations: Vec<MemberRef>,
}

/// A model with what its types inherit.
#[derive(Debug)]
pub(super) struct Resolved<'m> {
    /// The model.
    pub model: &'m Model,
    /// Types by name.
    pub types: BTreeMap<&'m str, usize>,
    /// Enumerations by name.
    pub enumerations: BTreeMap<&'m str, usize>,
    /// The superclasses of each type that no other of its superclasses has already.
    pub parents: Vec<Vec<usize>>,
    /// Types in model order, moved behind their superclasses where they stand before them.
    pub parents_first: Vec<usize>,
    /// The members of each type.
    pub members: Vec<Members>,
    /// Inherited members that each type has otherwise than the superclass they come from: an own member of that name, or that of
    /// another superclass, is taken instead.
    pub replaced: Vec<BTreeSet<&'m str>>,
}

impl<'m> Resolved<'m> {
    pub(super) fn new(model: &'m Model) -> Result<Self, Vec<Diagnostic>> {
        let types: BTreeMap<&str, usize> =
            model.types.iter().enumerate().map(|(at, object)| (object.name.as_str(), at)).collect();
        let enumerations = model.enumerations.iter().enumerate().map(|(at, one)| (one.name.as_str(), at)).collect();
        let declared = superclasses(model, &types)?;
        let parents_first = parents_first(model, &declared)?;
        let ancestors = ancestors(&declared, &parents_first);
        let parents = reduced(&declared, &ancestors);
        let mut resolved = Self { model, types, enumerations, parents, parents_first, members: Vec::new(), replaced: Vec::new() };
        resolved.inherit();
        Ok(resolved)
    }

    pub(super) fn object(&self, at: usize) -> &'m ObjectType {
        &self.model.types[at]
    }

    pub(super) fn field(&self, member: MemberRef) -> &'m Field {
        &self.model.types[member.owner].fields[member.at]
    }

    pub(super) fn relation(&self, member: MemberRef) -> &'m Relation {
        &self.model.types[member.owner].relations[member.at]
    }

    /// Types by name, in code point order.
    pub(super) fn by_name(&self) -> impl Iterator<Item = usize> {
        self.types.values().copied()
    }

    fn inherit(&mut self) {
        self.members.resize_with(self.model.types.len(), Members::default);
        self.replaced.resize_with(self.model.types.len(), BTreeSet::new);
        for at in self.parents_first.clone() {
            let object = self.object(at);
            let mut members = Members::default();
            let mut replaced = BTreeSet::new();
            // The declaration that counts for each name: the type's own, else that of the first superclass that has one.
            let mut taken: BTreeMap<&'m str, (bool, MemberRef)> = BTreeMap::new();
            for (own, field) in object.fields.iter().enumerate() {
                taken.insert(&field.name, (true, MemberRef { owner: at, at: own }));
            }
            for (own, relation) in object.relations.iter().enumerate() {
                taken.insert(&relation.name, (false, MemberRef { owner: at, at: own }));
            }
            for parent in &self.parents[at] {
                for member in &self.members[*parent].fields {
                    let name = self.field(*member).name.as_str();
                    match taken.get(name) {
                        Some((is_field, known)) if !is_field || !self.same_field(*known, *member) => _ = replaced.insert(name),
                        Some(_) => {}
                        None => {
                            taken.insert(name, (true, *member));
                            members.fields.push(*member);
                        }
                    }
                }
                for member in &self.members[*parent].relations {
                    let name = self.relation(*member).name.as_str();
                    match taken.get(name) {
                        Some((is_field, known)) if *is_field || !self.same_relation(*known, *member) => _ = replaced.insert(name),
                        Some(_) => {}
                        None => {
                            taken.insert(name, (false, *member));
                            members.relations.push(*member);
                        }
                    }
                }
            }
            members.fields.extend((0..object.fields.len()).map(|own| MemberRef { owner: at, at: own }));
            members.relations.extend((0..object.relations.len()).map(|own| MemberRef { owner: at, at: own }));
            self.members[at] = members;
            self.replaced[at] = replaced;
        }
    }

    /// Whether two fields of one name are the same to a program: range, optional, list, and not the state of different types.
    fn same_field(&self, one: MemberRef, other: MemberRef) -> bool {
        let (a, b) = (self.field(one), self.field(other));
        one == other
            || (a.range == b.range
                && a.optional == b.optional
                && a.list == b.list
                && !is_state(self.object(one.owner), a)
                && !is_state(self.object(other.owner), b))
    }

    fn same_relation(&self, one: MemberRef, other: MemberRef) -> bool {
        let (a, b) = (self.relation(one), self.relation(other));
        one == other || (a.targets == b.targets && a.cardinality == b.cardinality)
    }
}

/// Whether a field holds the state of its type.
pub(super) fn is_state(object: &ObjectType, field: &Field) -> bool {
    object.state_property.as_deref() == Some(field.name.as_str()) && !object.states.is_empty()
}

fn superclasses(model: &Model, types: &BTreeMap<&str, usize>) -> Result<Vec<Vec<usize>>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut all = Vec::with_capacity(model.types.len());
    for object in &model.types {
        let mut parents = Vec::with_capacity(object.extends.len());
        for name in &object.extends {
            match types.get(name.as_str()) {
                Some(at) if !parents.contains(at) => parents.push(*at),
                Some(_) => {}
                None => errors.push(Diagnostic::new(
                    "E-SUPERCLASS-UNKNOWN",
                    &object.name,
                    format!("extends `{name}`, which is not a declared type; declare it or drop the superclass"),
                )),
            }
        }
        all.push(parents);
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

/// Depth first without recursion, so that a long chain of superclasses costs no stack.
fn parents_first(model: &Model, parents: &[Vec<usize>]) -> Result<Vec<usize>, Vec<Diagnostic>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        Open,
        Done,
    }
    let mut seen = vec![Seen::Not; parents.len()];
    let mut order = Vec::with_capacity(parents.len());
    for start in 0..parents.len() {
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.pop() {
            if seen[at] == Seen::Done {
                continue;
            }
            seen[at] = Seen::Open;
            let Some(parent) = parents[at].get(next) else {
                seen[at] = Seen::Done;
                order.push(at);
                continue;
            };
            path.push((at, next + 1));
            match seen[*parent] {
                Seen::Done => {}
                Seen::Not => path.push((*parent, 0)),
                Seen::Open => {
                    let message =
                        format!("is its own superclass by way of `{}`; superclasses form no cycle", model.types[*parent].name);
                    return Err(vec![Diagnostic::new("E-SUPERCLASS-CYCLE", &model.types[at].name, message)]);
                }
            }
        }
    }
    Ok(order)
}

fn ancestors(parents: &[Vec<usize>], order: &[usize]) -> Vec<BTreeSet<usize>> {
    let mut all: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); parents.len()];
    for at in order {
        let mut mine = BTreeSet::new();
        for parent in &parents[*at] {
            mine.insert(*parent);
            mine.extend(&all[*parent]);
        }
        all[*at] = mine;
    }
    all
}

fn reduced(parents: &[Vec<usize>], ancestors: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let needed = |all: &[usize], one: usize| !all.iter().any(|other| *other != one && ancestors[*other].contains(&one));
    parents.iter().map(|all| all.iter().copied().filter(|one| needed(all, *one)).collect()).collect()
}

/// C3 linearisation, as Python orders superclasses; `None` where there is none.
///
/// `linearised` has the order of each superclass, itself first.
pub(super) fn c3(at: usize, parents: &[usize], linearised: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut lists: Vec<&[usize]> = parents.iter().map(|parent| linearised[*parent].as_slice()).collect();
    lists.push(parents);
    let mut order = vec![at];
    loop {
        lists.retain(|list| !list.is_empty());
        if lists.is_empty() {
            return Some(order);
        }
        let free = |head: usize| lists.iter().all(|list| !list[1..].contains(&head));
        let head = lists.iter().map(|list| list[0]).find(|head| free(*head))?;
        order.push(head);
        for list in &mut lists {
            if list[0] == head {
                *list = &list[1..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(extends: &[(&str, &[&str])]) -> Model {
        let types = extends
            .iter()
            .map(|(name, parents)| ObjectType {
                name: (*name).to_owned(),
                extends: parents.iter().map(|parent| (*parent).to_owned()).collect(),
                ..ObjectType::default()
            })
            .collect();
        Model { types, ..Model::default() }
    }

    #[test]
    fn superclasses_come_first_and_only_those_needed_stay() {
        let model = model(&[("C", &["A", "B"]), ("B", &["A"]), ("A", &[])]);
        let resolved = Resolved::new(&model).unwrap();
        let names: Vec<&str> = resolved.parents_first.iter().map(|at| model.types[*at].name.as_str()).collect();
        assert_eq!(names, ["A", "B", "C"]);
        assert_eq!(resolved.parents[0], [1], "B brings A");
    }

    #[test]
    fn a_cycle_and_an_unknown_superclass_are_errors() {
        let cycle = Resolved::new(&model(&[("A", &["B"]), ("B", &["A"])])).unwrap_err();
        assert_eq!(cycle[0].code, "E-SUPERCLASS-CYCLE");
        let unknown = Resolved::new(&model(&[("A", &["X"])])).unwrap_err();
        assert_eq!(unknown[0].code, "E-SUPERCLASS-UNKNOWN");
        let long: Vec<(String, String)> = (0..20_000).map(|at| (format!("T{at}"), format!("T{}", at + 1))).collect();
        let mut deep = Model::default();
        for (name, parent) in long {
            deep.types.push(ObjectType { name, extends: vec![parent], ..ObjectType::default() });
        }
        assert_eq!(Resolved::new(&deep).unwrap_err().len(), 1, "no stack overflow");
    }

    #[test]
    fn c3_is_that_of_python() {
        // O; A(O), B(O); K1(A, B) and K2(B, A) have an order each, a class of both has none.
        let mut orders = vec![vec![0]];
        for (at, parents) in [(1, vec![0]), (2, vec![0]), (3, vec![1, 2]), (4, vec![2, 1])] {
            let order = c3(at, &parents, &orders).unwrap();
            orders.push(order);
        }
        assert_eq!(orders[3], [3, 1, 2, 0]);
        assert_eq!(c3(5, &[3, 4], &orders), None);
    }
}
