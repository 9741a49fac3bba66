//! What an ontology says in its own terms: which types and properties there are, and how they hang together.
//!
//! A model keeps what contracts are made of. An ontology may say more: that a property's range was one of two kinds of text, say, which
//! are one scalar to a contract. Comparing facts shows every edge that went, whether or not a contract feels it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{Model, Range};

/// Two terms that hang together: a property and a type, or a type and its superclass.
pub type Edge = (String, String);

/// The terms of an ontology and their edges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Facts {
    /// Types and enumerations.
    pub types: BTreeSet<String>,
    /// Properties.
    pub properties: BTreeSet<String>,
    /// Property and a type that has it.
    pub domains: BTreeSet<Edge>,
    /// Property and what it holds.
    pub ranges: BTreeSet<Edge>,
    /// Type and its superclass.
    pub superclasses: BTreeSet<Edge>,
}

fn edge(from: &str, to: &str) -> Edge {
    (from.to_owned(), to.to_owned())
}

impl Facts {
    /// What a model says: members of one name are one property.
    pub fn of(model: &Model) -> Self {
        let mut facts = Self::default();
        facts.types.extend(model.enumerations.iter().map(|enumeration| enumeration.name.clone()));
        for object in &model.types {
            facts.types.insert(object.name.clone());
            facts.superclasses.extend(object.extends.iter().map(|parent| edge(&object.name, parent)));
            for field in &object.fields {
                facts.domains.insert(edge(&field.name, &object.name));
                match &field.range {
                    Range::OneOf(several) => several.iter().for_each(|range| facts.range(&field.name, range)),
                    one => facts.range(&field.name, one),
                }
            }
            for relation in &object.relations {
                facts.domains.insert(edge(&relation.name, &object.name));
                facts.ranges.extend(relation.targets.iter().map(|target| edge(&relation.name, target)));
            }
        }
        facts.properties = facts.domains.iter().map(|(property, _)| property.clone()).collect();
        facts
    }

    fn range(&mut self, property: &str, range: &Range) {
        self.ranges.insert(edge(property, &super::fields::shown(range)));
    }

    /// How many there are, of all kinds.
    pub fn len(&self) -> usize {
        self.types.len() + self.properties.len() + self.domains.len() + self.ranges.len() + self.superclasses.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that `other` does not have.
    fn without(&self, other: &Self) -> Self {
        Self {
            types: &self.types - &other.types,
            properties: &self.properties - &other.properties,
            domains: &self.domains - &other.domains,
            ranges: &self.ranges - &other.ranges,
            superclasses: &self.superclasses - &other.superclasses,
        }
    }
}

/// Facts that went and came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FactsChange {
    /// Those that the newer ontology no longer has.
    pub removed: Facts,
    /// Those that it has anew.
    pub added: Facts,
}

impl FactsChange {
    /// What differs.
    pub fn between(old: &Facts, new: &Facts) -> Self {
        Self { removed: old.without(new), added: new.without(old) }
    }
}
