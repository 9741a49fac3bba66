//! `spec/schema/<domain>`: what is committed is what the domains say. `UPDATE_SCHEMAS=1` writes the files anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aw_alloy::text::Schema;
use aw_commands::built_in;
use aw_domain::{Executor, Registry, StageType};
use aw_testkit::{files, write_files};
use serde_json::{Value, json};

fn folder(domain: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/schema").join(domain)
}

/// A stage's members with the two that every stage may have.
fn stage(stage: &StageType, schema: &Value) -> Value {
    let mut schema = schema.clone();
    let mut properties = serde_json::Map::from_iter([("type".to_owned(), json!({"const": stage.name}))]);
    properties.extend(schema["properties"].as_object().cloned().unwrap_or_default());
    properties.insert("notes".into(), json!({"description": "The author's words on it.", "type": "string"}));
    schema["properties"] = Value::Object(properties);
    let mut required = vec![json!("type")];
    required.extend(schema["required"].as_array().cloned().unwrap_or_default());
    schema["required"] = Value::Array(required);
    schema["title"] = json!(stage.name);
    schema
}

/// Every file of a domain: its stages and root members as documents hold them, and below `recipe/` what a run takes where that differs.
fn expected(registry: &Registry, domain: &str) -> BTreeMap<String, Vec<u8>> {
    let mut schemas = BTreeMap::new();
    for it in registry.stage_types(domain).unwrap() {
        schemas.insert(format!("{}.schema.json", it.name), stage(it, &it.document_schema));
        if matches!(it.executor, Executor::Here(_)) {
            schemas.insert(format!("recipe/{}.schema.json", it.name), stage(it, &it.schema));
        }
    }
    for member in registry.domain(domain).unwrap().root_members() {
        schemas.insert(format!("root/{}.schema.json", member.name), member.document_schema);
        schemas.insert(format!("recipe/root/{}.schema.json", member.name), member.schema);
    }
    let text = |schema: &Value| {
        Schema::compile(schema).unwrap();
        format!("{}\n", serde_json::to_string_pretty(schema).unwrap()).into_bytes()
    };
    schemas.iter().map(|(name, schema)| (name.clone(), text(schema))).collect()
}

#[test]
fn the_committed_schemas_are_those_of_the_domains() {
    let registry = built_in().unwrap();
    for domain in registry.ids() {
        let (folder, expected) = (folder(&domain), expected(&registry, &domain));
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            let _ = std::fs::remove_dir_all(&folder);
            write_files(&folder, &expected);
        }
        let committed = if folder.is_dir() { files(&folder) } else { BTreeMap::new() };
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&committed), names(&expected), "{domain}: UPDATE_SCHEMAS=1 writes them anew");
        for (name, text) in &expected {
            assert!(committed[name] == *text, "{domain}/{name} is not what the types say; UPDATE_SCHEMAS=1 writes it anew");
        }
    }
}
