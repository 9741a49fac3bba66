//! What several fuzz targets need.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use aw_alloy::recipe::{StageSchema, Vocabulary};
use serde_json::{Value, json};

/// Makes an empty folder for one target's process, below the build folder so that `cargo clean` takes it away.
///
/// # Panics
/// When it cannot be made: a target without its folder tests nothing.
pub fn scratch(target: &str) -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/scratch"));
    let folder = folder.join(format!("{target}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the build folder is writable");
    folder
}

/// Gives a file this content, without emptying it first: some file systems then wait for the disk.
///
/// # Panics
/// When it cannot be written.
pub fn overwrite(path: &Path, bytes: &[u8]) {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(false).open(path).expect("the scratch folder is writable");
    file.write_all(bytes).expect("the scratch folder has space");
    file.set_len(bytes.len() as u64).expect("the length just written");
}

/// Two domains, of which one knows two stage types.
pub struct Pottery;

impl Vocabulary for Pottery {
    fn domains(&self) -> Vec<String> {
        vec!["glass".into(), "pottery".into()]
    }
    fn default_domains(&self) -> Vec<String> {
        vec!["pottery".into()]
    }
    fn stage_names(&self, domains: &[String]) -> Vec<String> {
        if domains.iter().any(|it| it == "pottery") { vec!["fire".into(), "glaze".into()] } else { Vec::new() }
    }
    fn stage_schema(&self, _: &[String], name: &str) -> StageSchema {
        match name {
            "fire" => StageSchema::Found(json!({"type": "object", "additionalProperties": false, "required": ["degrees"],
                "properties": {"degrees": {"type": "integer", "minimum": 600}, "kiln": {"enum": ["gas", "wood"]}}})),
            "glaze" => StageSchema::Found(json!({"type": "object"})),
            "blow" => StageSchema::Undeclared("glass".into()),
            _ => StageSchema::Unknown,
        }
    }
    fn root_members(&self, _: &[String]) -> Vec<(String, Value)> {
        vec![("clays".into(), json!({"type": "array", "items": {"type": "string"}}))]
    }
    fn type_byte(&self, _: &str) -> Option<u8> {
        Some(0xff)
    }
}
