//! `spec/schema`: what is committed is what the Rust types say. `UPDATE_SCHEMAS=1` writes the files anew.

use std::path::Path;

use aw_alloy::document::{Document, schemas};
use aw_alloy::text::{Limits, Schema, json};
use aw_testkit::{files, shared};

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/schema");
    for (name, schema) in schemas::all() {
        let mut text = serde_json::to_string_pretty(&schema).unwrap();
        text.push('\n');
        let path = folder.join(name);
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{name} is not what the types say; UPDATE_SCHEMAS=1 writes it anew");
        Schema::compile(&schema).unwrap();
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_member_is_described() {
    for (file, schema) in schemas::all() {
        let text = schema.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(schema.pointer(reference).is_some(), "{file}: {reference}");
        }
        let definitions = schema["$defs"].as_object().unwrap().iter();
        for (name, definition) in definitions.chain([(&"root".to_owned(), &schema)]) {
            for (member, schema) in definition["properties"].as_object().into_iter().flatten() {
                assert!(schema["description"].is_string(), "{file}: {name}.{member}");
            }
        }
    }
}

#[test]
fn a_recipe_has_stages_or_a_target_to_derive_them_from() {
    let (_, schema) = schemas::all().into_iter().find(|(name, _)| *name == "recipe.schema.json").unwrap();
    let schema = Schema::compile(&schema).unwrap();
    let fits = |more: &str| {
        let text = format!(r#"{{"name": "a", "version": "1.0.0", "source": {{"baseModel": "b", "architecture": "c"}}{more}}}"#);
        schema.check(&json::parse(text.as_bytes(), &Limits::DOCUMENT).unwrap(), "").is_empty()
    };
    assert!(fits(r#", "stages": [{"type": "eval"}]"#) && fits(r#", "target": {"experts": 48}"#));
    assert!(!fits(""));
}

#[test]
fn published_documents_fit_the_committed_schema() {
    let Some(folder) = shared("alloys") else { return };
    let schema = Schema::compile(schemas::document()).unwrap();
    for (name, bytes) in files(&folder).into_iter().filter(|(name, _)| name.ends_with(".json")) {
        let node = json::parse(&bytes, &Limits::DOCUMENT).unwrap();
        assert_eq!(schema.check(&node, ""), [], "{name}");
        Document::read(&bytes).unwrap();
    }
}
