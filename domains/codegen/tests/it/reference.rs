//! The reference model of the specification.

use std::collections::BTreeMap;

use codegen::model::{Cardinality, Field, Model, ObjectType, Range, Relation, Scalar};

/// A required scalar field.
pub fn field(name: &str, scalar: Scalar) -> Field {
    Field { name: name.to_owned(), range: Range::Scalar(scalar), optional: false, list: false, default: None }
}

/// A relation to one type.
pub fn relation(name: &str, target: &str, cardinality: Cardinality, inverse: Option<&str>) -> Relation {
    Relation { name: name.to_owned(), targets: vec![target.to_owned()], cardinality, inverse: inverse.map(str::to_owned) }
}

/// The reference model (codegen, section 9).
pub fn model() -> Model {
    let label = |text: &str| BTreeMap::from([("label".to_owned(), text.to_owned())]);
    let user = ObjectType {
        name: "User".to_owned(),
        annotations: label("Platform user"),
        fields: vec![field("id", Scalar::Uuid), field("handle", Scalar::String), field("createdAt", Scalar::Datetime)],
        relations: vec![relation("documents", "Document", Cardinality::Many, None)],
        ..ObjectType::default()
    };
    let document = ObjectType {
        name: "Document".to_owned(),
        annotations: label("Knowledge document"),
        fields: vec![
            field("id", Scalar::Uuid),
            field("title", Scalar::String),
            Field { optional: true, ..field("body", Scalar::String) },
            field("wordCount", Scalar::Int),
            field("createdAt", Scalar::Datetime),
        ],
        relations: vec![relation("author", "User", Cardinality::One, Some("documents"))],
        ..ObjectType::default()
    };
    Model {
        version: "1.0.0".to_owned(),
        namespace: "Alloyworks.Reference.Contracts".to_owned(),
        types: vec![user, document],
        ..Model::default()
    }
}
