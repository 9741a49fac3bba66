//! Superclasses, enumerations and unions.

use std::collections::BTreeMap;

use codegen::model::{Cardinality, Enumeration, Field, Model, ObjectType, Range, Relation, Scalar};

use super::compiles;
use crate::reference::{field, relation};

fn object(name: &str, extends: &[&str], fields: Vec<Field>, relations: Vec<Relation>) -> ObjectType {
    let extends = extends.iter().map(|name| (*name).to_owned()).collect();
    ObjectType { name: name.to_owned(), extends, fields, relations, ..ObjectType::default() }
}

fn ranged(name: &str, range: Range) -> Field {
    Field { range, ..field(name, Scalar::String) }
}

/// A model with everything the second revision has.
pub fn model() -> Model {
    let colour = || Range::Enumeration("Colour".to_owned());
    let several = || {
        Range::OneOf(vec![Range::Scalar(Scalar::String), Range::Scalar(Scalar::Int), colour(), Range::Type("Leaf".to_owned())])
    };
    let mut both = relation("any", "Base", Cardinality::Many, None);
    both.targets.push("Leaf".to_owned());
    let mut either = relation("either", "Base", Cardinality::One, None);
    either.targets.push("Leaf".to_owned());
    let mut named = object("Named", &[], vec![field("status", Scalar::String)], vec![]);
    named.state_property = Some("status".to_owned());
    named.states = vec!["on".to_owned(), "off".to_owned()];
    Model {
        version: "1.0.0".into(),
        namespace: "A.B".into(),
        types: vec![
            // Children stand before their parents.
            object("Leaf", &["Left", "Right"], vec![ranged("several", several())], vec![both, either]),
            object(
                "Left",
                &["Base"],
                vec![field("left", Scalar::Int), Field { optional: true, ..ranged("shade", colour()) }],
                vec![],
            ),
            object(
                "Right",
                &["Base"],
                vec![field("left", Scalar::String), Field { list: true, ..ranged("shades", colour()) }],
                vec![],
            ),
            object("Base", &[], vec![field("id", Scalar::Uuid)], vec![relation("next", "Leaf", Cardinality::One, None)]),
            named,
            object("Narrow", &["Base", "Named"], vec![field("id", Scalar::Long), field("next", Scalar::String)], vec![]),
            object("Narrower", &["Narrow"], vec![field("leaf", Scalar::Datetime)], vec![]),
            object("Same", &["Base"], vec![field("id", Scalar::Uuid)], vec![]),
            // Python cannot order the superclasses of the last.
            object("One", &["Left", "Named"], vec![], vec![]),
            object("Other", &["Left", "Right"], vec![Field { optional: true, ..ranged("some", several()) }], vec![]),
            object("Turned", &["Leaf", "Zed"], vec![], vec![]),
            object("Zed", &["Right"], vec![Field { list: true, ..ranged("all", several()) }], vec![]),
        ],
        enumerations: vec![Enumeration {
            name: "Colour".into(),
            values: ["red", "dark-red", "http://example.org/Blue", "3D", "ünder 'quotes\" \\"].map(str::to_owned).to_vec(),
            annotations: BTreeMap::from([("label".to_owned(), "A \"\"\" colour */".to_owned())]),
        }],
        ..Model::default()
    }
}

#[test]
fn superclasses_enumerations_and_unions_compile() {
    compiles(&model());
}
