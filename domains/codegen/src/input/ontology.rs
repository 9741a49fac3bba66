//! Ontologies as they are found: RDFS, OWL, SHACL and schema.org's own terms, without an `f:Model`.
//!
//! | construct | becomes |
//! |---|---|
//! | rdfs:Class, owl:Class, the class of sh:targetClass | a type, an enumeration or a datatype |
//! | rdfs:subClassOf between types, also within owl:intersectionOf | `extends` |
//! | rdf:Property and OWL's properties | a member of every type in the domain |
//! | rdfs:domain, schema:domainIncludes, owl:unionOf of classes | where a member belongs |
//! | rdfs:range, schema:rangeIncludes, owl:unionOf | alternatives of a member |
//! | owl:Restriction: values, cardinalities | alternatives and cardinality of a member of that type |
//! | SHACL property shapes: path, datatype, class, node, or, in, nodeKind, counts | the same |
//! | owl:FunctionalProperty | at most one value |
//! | owl:inverseOf, schema:inverseOf | `inverse`, where every target has it |
//! | owl:oneOf; individuals of a subclass of schema:Enumeration; owl:NamedIndividual of a class that has nothing else | an enumeration |
//! | sh:in and owl:oneOf of literals | an enumeration named after type and member, or after the property |
//! | classes that are a schema:DataType or rdfs:Datatype, or below one | scalars |
//! | rdfs:label, rdfs:comment, skos:definition, schema:supersededBy, owl:deprecated of types | annotations |
//!
//! Members without a stated maximum are lists and relations `many`; with a maximum of one they are single, and optional unless one is
//! the minimum too. A range that is no class or datatype here is an IRI, as text. A member that a superclass declares in the same way
//! is inherited; one that is declared otherwise for the same property keeps the superclass's form.
//!
//! Names are the ends of IRIs. One that cannot be a name is changed: letters after what cannot stand in it are upper case in types,
//! `_` in members; characters beyond ASCII become `U` and their number in hexadecimal; `N` goes before a digit in types, `n` in
//! members. Names are never numbered: two that become equal are a fault that names both, and the caller may name them.
//!
//! | code | what it says |
//! |---|---|
//! | `E-VERSION-MISSING`, `E-NAMESPACE-MISSING` | neither the caller nor the ontology says |
//! | `E-NAME-COLLISION` | two terms become one name |
//! | `E-NAME-TYPE`, `E-NAME-MEMBER` | an IRI ends in nothing that can become a name |
//! | `E-RANGE-UNKNOWN` | a datatype has no scalar |
//! | `E-LIST` | a list is no proper RDF list |
//! | `E-CARDINALITY-VALUE` | a cardinality is no whole number |
//! | `E-MODEL-SIZE` | domains, ranges and superclasses multiply beyond what is read |
//! | `W-RENAMED` | a name was changed |
//! | `W-MENTIONED` | a class or property of another vocabulary, of which nothing is said |
//! | `W-DOMAIN-EXTERNAL`, `W-DOMAIN-VALUE`, `W-NO-DOMAIN` | a member cannot be put anywhere, or not there |
//! | `W-RANGE-LOSSY`, `W-RANGE-EXTERNAL`, `W-RANGE-ABSENT` | a range that is kept in part |
//! | `W-NARROWED` | a subclass declares a member more narrowly than its superclass |
//! | `W-INVERSE-PARTIAL` | an inverse that not every target has |
//! | `W-SUPERCLASS-LOST` | a superclass that is no type here |
//! | `W-DEPRECATED` | a term that is deprecated or superseded |
//! | `W-IMPORT-NOT-READ` | an import that was not handed over |
//! | `W-CONSTRAINT` | something that constrains data, without a counterpart |
//! | `W-IGNORED` | statements without a counterpart |

mod assemble;
mod classes;
mod enumerations;
mod expressions;
mod header;
mod members;
mod names;
mod properties;
mod ranges;
mod restrictions;
mod shapes;

use super::graph::Reading;
use crate::model::Model;

/// Most steps one reading may take beyond the statements themselves: a domain, a range or a superclass looked at counts one.
const STEPS_MAX: usize = 4_000_000;

/// Bounds how far domains, ranges and superclasses multiply.
struct Budget(usize);

impl Budget {
    /// Whether so many more steps may be taken; when not, a fault is told once.
    fn spend(&mut self, steps: usize, reading: &mut Reading<'_>) -> bool {
        if self.0 == 0 {
            return false;
        }
        self.0 = self.0.saturating_sub(steps);
        if self.0 == 0 {
            let message =
                format!("domains, ranges and superclasses multiply to more than {STEPS_MAX} steps; expected a smaller ontology");
            reading.tell("E-MODEL-SIZE", "document", message);
        }
        self.0 > 0
    }
}

/// Reads the model of a graph.
pub(super) fn read(reading: &mut Reading<'_>) -> Model {
    let mut budget = Budget(STEPS_MAX);
    let header = header::read(reading);
    let mut classes = classes::declared(reading, &mut budget);
    let properties = properties::declared(&classes, reading);
    enumerations::find(&mut classes, &properties, reading, &mut budget);
    let mut members = members::Members::default();
    properties::place(&properties, &classes, &mut members, reading, &mut budget);
    restrictions::read(&mut classes, &mut members, reading, &mut budget);
    shapes::read(&classes, &mut members, reading, &mut budget);
    let mut model = assemble::model(classes, properties, members, reading, &mut budget);
    model.version = header.0;
    model.namespace = header.1;
    model
}
