//! The model's identity.

use codegen::model::{Enumeration, ModelDigest, ir_json};

use crate::reference;

#[test]
fn the_reference_model_has_the_digest_of_the_specification() {
    let digest = ModelDigest::of(&reference::model());
    assert_eq!(digest.to_string(), "d761e55d728951e15f61bb9ec19c0e70d636c25da74a842f76144a8447824670");
    assert_eq!(digest.ontology(), "ontology@d761e55d728951e1");
}

#[test]
fn a_model_that_uses_more_is_of_the_second_revision() {
    let mut model = reference::model();
    assert_eq!(ir_json(&model)["ir"], "1");
    assert!(ir_json(&model).get("enumerations").is_none());
    model.enumerations.push(Enumeration { name: "Colour".to_owned(), values: vec!["red".to_owned()], ..Enumeration::default() });
    let json = ir_json(&model);
    assert_eq!((&json["ir"], &json["enumerations"][0]["values"][0]), (&"2".into(), &"red".into()));
    assert_eq!(json["types"][0]["extends"], serde_json::json!([]));
}
