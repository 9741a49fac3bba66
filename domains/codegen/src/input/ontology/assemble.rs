//! From classes and what is known of their members to a model.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::graph::Reading;
use super::super::rdf::shown;
use super::classes::{self, Class, Classes, Kind};
use super::members::{Members, Slot};
use super::properties::{self, Properties};
use super::{Budget, expressions, names};
use crate::model::{Cardinality, Enumeration, Field, Model, ObjectType, Range, Relation, Scalar, pascal};

/// A type that is being put together: its IRI, and the property of each member by the member's name.
struct Type<'a> {
    iri: &'a str,
    object: ObjectType,
    members: BTreeMap<String, &'a str>,
}

/// The model, but for its version and namespace.
pub(super) fn model<'a>(
    classes: Classes<'a>,
    properties: Properties<'a>,
    members: Members<'a>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) -> Model {
    let mut enumerations: BTreeMap<String, (Enumeration, String)> = BTreeMap::new();
    let mut taken: HashMap<String, String> = HashMap::new();
    let mut types: Vec<Type<'a>> = Vec::new();
    for (iri, class) in &classes.all {
        if matches!(class.kind, Kind::Datatype(..)) {
            continue;
        }
        if let Some(other) = taken.insert(class.name.clone(), (*iri).to_owned()) {
            let message = format!("{} and {} both are named `{}`", shown(&other), shown(iri), class.name.escape_debug());
            reading.tell("E-NAME-COLLISION", iri, message);
            continue;
        }
        reading.sources.insert(class.name.clone(), (*iri).to_owned());
        let annotations = classes::annotations(iri, reading);
        match &class.kind {
            Kind::Enumeration(values) => {
                let values = values.iter().map(|(name, _)| name.clone()).collect();
                let made = Enumeration { name: class.name.clone(), values, annotations };
                enumerations.insert(class.name.clone(), (made, (*iri).to_owned()));
            }
            _ => types.push(Type { iri, object: object(class, &classes, annotations), members: BTreeMap::new() }),
        }
    }
    fill(&mut types, &classes, &properties, members, &mut enumerations, &mut taken, reading, budget);
    inherit(&mut types, reading, budget);
    inverses(&mut types, &properties, reading);
    Model {
        types: types.into_iter().map(|it| it.object).collect(),
        enumerations: enumerations.into_values().map(|(enumeration, _)| enumeration).collect(),
        ..Model::default()
    }
}

fn object(class: &Class, classes: &Classes<'_>, annotations: BTreeMap<String, String>) -> ObjectType {
    let parents: BTreeSet<&str> = class.parents.iter().filter_map(|iri| classes.type_name(iri)).collect();
    ObjectType {
        name: class.name.clone(),
        extends: parents.into_iter().map(str::to_owned).collect(),
        annotations,
        ..ObjectType::default()
    }
}

/// Makes the members of every type.
#[allow(clippy::too_many_arguments, reason = "one call, of everything there is")]
fn fill<'a>(
    types: &mut [Type<'a>],
    classes: &Classes<'a>,
    properties: &Properties<'a>,
    mut members: Members<'a>,
    enumerations: &mut BTreeMap<String, (Enumeration, String)>,
    taken: &mut HashMap<String, String>,
    reading: &mut Reading<'a>,
    budget: &mut Budget,
) {
    let placed: BTreeSet<&str> = members.0.values().flat_map(BTreeMap::keys).copied().collect();
    let mut everywhere: HashMap<&str, expressions::Values> = HashMap::new();
    for (iri, property) in properties {
        properties::declare(iri, property, placed.contains(iri), reading);
        if placed.contains(iri) {
            everywhere.insert(iri, properties::values(iri, property, classes, reading, budget));
        }
    }
    let mut names: HashMap<&str, String> = HashMap::new();
    for iri in placed {
        let name = properties.get(iri).map(|property| property.name.clone());
        names.insert(iri, name.unwrap_or_else(|| names::member(iri, reading)));
    }
    let mut absent: BTreeSet<&str> = BTreeSet::new();
    for object in types {
        for (iri, slot) in members.0.remove(object.iri).unwrap_or_default() {
            let name = names.get(iri).cloned().unwrap_or_default();
            if let Some(other) = object.members.insert(name.clone(), iri) {
                let message = format!(
                    "{} and {} both are named `{}` in {}",
                    shown(other),
                    shown(iri),
                    name.escape_debug(),
                    shown(object.iri)
                );
                reading.tell("E-NAME-COLLISION", iri, message);
                continue;
            }
            reading.sources.insert(format!("{}.{name}", object.object.name), iri.to_owned());
            let property = properties.get(iri);
            let values = everywhere.get(iri);
            let cost = 1 + values.map_or(0, |it| it.ranges.len()) + slot.ranges.len();
            if !budget.spend(cost, reading) {
                return;
            }
            let own = !slot.values.is_empty();
            let literals = if own { slot.values.clone() } else { values.map(|it| it.literals.clone()).unwrap_or_default() };
            let mut ranges = alternatives(&slot, values);
            if !literals.is_empty() {
                let named = if own { format!("{}{}", object.object.name, pascal(&name)) } else { pascal(&name) };
                ranges = BTreeSet::from([enumeration(named, literals, iri, enumerations, taken, reading)]);
            }
            if ranges.is_empty() {
                let literal = property.and_then(|it| it.literal);
                let scalar = if literal == Some(false) { Scalar::String } else { Scalar::Json };
                ranges.insert(Range::Scalar(scalar));
                if absent.insert(iri) {
                    let what = if literal == Some(false) { "IRIs, as text" } else { "any JSON" };
                    reading.tell("W-RANGE-ABSENT", iri, format!("nothing says what values are: they are {what}"));
                }
            }
            let single = slot.max == Some(1) || property.is_some_and(|it| it.functional);
            member(name, ranges, single, slot.min, &mut object.object);
        }
        object.object.fields.sort_by(|a, b| a.name.cmp(&b.name));
        object.object.relations.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

/// What the type says of its values, else what the property says, else what some values are.
fn alternatives(slot: &Slot, values: Option<&expressions::Values>) -> BTreeSet<Range> {
    let everywhere = values.map(|it| &it.ranges).filter(|ranges| !ranges.is_empty());
    if !slot.ranges.is_empty() {
        return slot.ranges.clone();
    }
    everywhere.unwrap_or(&slot.some).clone()
}

fn member(name: String, ranges: BTreeSet<Range>, single: bool, min: u64, object: &mut ObjectType) {
    let types: Option<Vec<String>> =
        ranges.iter().map(|range| if let Range::Type(name) = range { Some(name.clone()) } else { None }).collect();
    if let Some(targets) = types {
        let cardinality = if single { Cardinality::One } else { Cardinality::Many };
        object.relations.push(Relation { name, targets, cardinality, inverse: None });
        return;
    }
    let mut ranges: Vec<Range> = ranges.into_iter().collect();
    let range = if ranges.len() == 1 { ranges.remove(0) } else { Range::OneOf(ranges) };
    object.fields.push(Field { name, range, optional: single && min == 0, list: !single, default: None });
}

/// The enumeration of listed literals; the same list under the same name is one enumeration.
fn enumeration(
    name: String,
    literals: Vec<String>,
    source: &str,
    enumerations: &mut BTreeMap<String, (Enumeration, String)>,
    taken: &mut HashMap<String, String>,
    reading: &mut Reading<'_>,
) -> Range {
    let mut values: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for literal in literals {
        if seen.insert(literal.clone()) {
            values.push(literal);
        }
    }
    let known = enumerations.get(&name).is_some_and(|(it, from)| from == source && it.values == values);
    if !known {
        if let Some(other) = taken.insert(name.clone(), source.to_owned()) {
            let message = format!("{} and the values of {} both are named `{name}`", shown(&other), shown(source));
            reading.tell("E-NAME-COLLISION", source, message);
        }
        reading.sources.insert(name.clone(), source.to_owned());
        let made = Enumeration { name: name.clone(), values, annotations: BTreeMap::new() };
        enumerations.entry(name.clone()).or_insert((made, source.to_owned()));
    }
    Range::Enumeration(name)
}

/// Leaves out members that a superclass has, superclasses first. Superclasses that lead back are left to the model's check.
fn inherit(types: &mut [Type<'_>], reading: &mut Reading<'_>, budget: &mut Budget) {
    let places: HashMap<String, usize> = types.iter().enumerate().map(|(at, it)| (it.object.name.clone(), at)).collect();
    let parents: Vec<Vec<usize>> =
        types.iter().map(|it| it.object.extends.iter().filter_map(|name| places.get(name)).copied().collect()).collect();
    let Some(order) = superclasses_first(&parents) else { return };
    let mut above: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); types.len()];
    for at in order {
        let mut all = BTreeSet::new();
        for parent in &parents[at] {
            all.insert(*parent);
            all.extend(&above[*parent]);
        }
        if !budget.spend(all.len(), reading) {
            return;
        }
        let mut dropped: BTreeSet<String> = BTreeSet::new();
        for name in types[at].members.keys() {
            let Some(other) = all.iter().map(|other| &types[*other]).find(|other| other.members.contains_key(name)) else {
                continue;
            };
            let (mine, theirs) = (types[at].members[name], other.members[name]);
            if mine != theirs {
                let message = format!(
                    "{} and {} both are named `{name}`, the second in {}, which {} is below",
                    shown(mine),
                    shown(theirs),
                    shown(other.iri),
                    shown(types[at].iri)
                );
                reading.tell("E-NAME-COLLISION", mine, message);
                continue;
            }
            if !same(&types[at].object, &other.object, name) {
                let message = format!(
                    "`{}` has `{name}` as `{}` declares it, and not more narrowly",
                    types[at].object.name, other.object.name
                );
                reading.tell("W-NARROWED", mine, message);
            }
            dropped.insert(name.clone());
        }
        let it = &mut types[at];
        it.object.fields.retain(|field| !dropped.contains(&field.name));
        it.object.relations.retain(|relation| !dropped.contains(&relation.name));
        it.members.retain(|name, _| !dropped.contains(name));
        above[at] = all;
    }
}

fn same(a: &ObjectType, b: &ObjectType, name: &str) -> bool {
    let field = |object: &ObjectType| object.fields.iter().find(|it| it.name == name).cloned();
    let relation = |object: &ObjectType| object.relations.iter().find(|it| it.name == name).cloned();
    field(a) == field(b) && relation(a) == relation(b)
}

fn superclasses_first(parents: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut waiting: Vec<usize> = parents.iter().map(Vec::len).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (at, above) in parents.iter().enumerate() {
        above.iter().for_each(|parent| children[*parent].push(at));
    }
    let mut order: Vec<usize> = (0..parents.len()).filter(|at| waiting[*at] == 0).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for child in &children[at] {
            waiting[*child] -= 1;
            if waiting[*child] == 0 {
                order.push(*child);
            }
        }
    }
    (order.len() == parents.len()).then_some(order)
}

/// Gives relations their inverses: a property's inverse is kept when every target of every relation made of it has it, and it points
/// back.
fn inverses(types: &mut [Type<'_>], properties: &Properties<'_>, reading: &mut Reading<'_>) {
    let mut inverse: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (iri, property) in properties {
        for (other, _) in properties::inverses(property) {
            inverse.entry(iri).or_default().insert(other);
            inverse.entry(other).or_default().insert(iri);
        }
    }
    let mut fits: BTreeMap<&str, String> = BTreeMap::new();
    {
        let lineage = Lineage::of(types);
        for (iri, others) in &inverse {
            let Some(other) = others.first().filter(|_| others.len() == 1) else { continue };
            let Some(name) = properties.get(other).map(|property| property.name.clone()) else { continue };
            let relations: Vec<(&Type<'_>, &Relation)> = types
                .iter()
                .flat_map(|it| it.object.relations.iter().map(move |relation| (it, relation)))
                .filter(|(it, relation)| it.members.get(&relation.name) == Some(iri))
                .collect();
            let whole = !relations.is_empty()
                && relations.iter().all(|(it, relation)| {
                    relation.targets.iter().all(|target| lineage.points_back(target, other, &it.object.name))
                });
            if whole {
                fits.insert(iri, name);
            }
        }
    }
    for (iri, property) in properties {
        for (other, statement) in properties::inverses(property) {
            // An inverse is in the model when either side has it.
            if fits.contains_key(iri) || fits.contains_key(other) {
                reading.statements.map(&statement);
            } else {
                reading.statements.report(&statement);
                let message =
                    format!("the inverse {} is left out: not every target has it as a relation that points back", shown(other));
                reading.tell("W-INVERSE-PARTIAL", iri, message);
            }
        }
    }
    for it in types {
        for relation in &mut it.object.relations {
            relation.inverse = it.members.get(&relation.name).and_then(|iri| fits.get(iri)).cloned();
        }
    }
}

/// Types by name, and what is above each.
struct Lineage<'t, 'a> {
    types: HashMap<&'t str, &'t Type<'a>>,
}

impl<'t, 'a> Lineage<'t, 'a> {
    fn of(types: &'t [Type<'a>]) -> Self {
        Self { types: types.iter().map(|it| (it.object.name.as_str(), it)).collect() }
    }

    /// A type and all above it.
    fn above(&self, name: &str) -> Vec<&'t Type<'a>> {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&Type<'a>> = self.types.get(name).copied().into_iter().collect();
        let mut found = Vec::new();
        while let Some(it) = waiting.pop() {
            if seen.insert(it.object.name.as_str()) {
                found.push(it);
                waiting.extend(it.object.extends.iter().filter_map(|parent| self.types.get(parent.as_str()).copied()));
            }
        }
        found
    }

    /// Whether `target` has a relation made of a property that points to `from` or a type above it.
    fn points_back(&self, target: &str, property: &str, from: &str) -> bool {
        let relations =
            self.above(target).into_iter().flat_map(|it| it.object.relations.iter().map(move |relation| (it, relation)));
        let mut of_property = relations.filter(|(it, relation)| it.members.get(&relation.name).copied() == Some(property));
        let Some((_, back)) = of_property.next() else { return false };
        self.above(from).iter().any(|it| back.targets.contains(&it.object.name))
    }
}
