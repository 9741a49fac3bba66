//! JSON Schemas of documents, made from the Rust types of [`members`](super::members).

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::members::DocumentRoot;
use crate::recipe::RecipeRoot;

/// Every schema of the universal members, by the file's name below `spec/schema/`.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![("document.schema.json", document().clone()), ("recipe.schema.json", authored())]
}

/// A recipe as people write it: the stages may be left out where a target says what to derive them from.
fn authored() -> Value {
    let mut schema = recipe().clone();
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| name != "stages");
    }
    schema["anyOf"] = json!([{"required": ["stages"]}, {"required": ["target"]}]);
    schema
}

/// The universal members of any document. Unknown members are legal at every level.
pub fn document() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(DocumentRoot).to_value());
    &SCHEMA
}

/// The universal members of a recipe that is to be run, its stages derived where it had none. Below the root, unknown members are refused; which further members the
/// root may have is up to the domains.
pub fn recipe() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut schema = schemars::schema_for!(RecipeRoot).to_value();
        for definition in schema["$defs"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
            if definition.get("properties").is_some() && definition.get("additionalProperties").is_none() {
                definition["additionalProperties"] = json!(false);
            }
        }
        schema
    });
    &SCHEMA
}

/// Lets unknown members through at every level of a schema that refuses them.
pub(crate) fn opened(mut schema: Value) -> Value {
    open(&mut schema);
    schema
}

fn open(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(open),
        Value::Object(members) => {
            for keyword in ["additionalProperties", "unevaluatedProperties"] {
                if members.get(keyword) == Some(&Value::Bool(false)) {
                    members.shift_remove(keyword);
                }
            }
            // What stands under these is data, not schema.
            let is_schema = |keyword: &str| !matches!(keyword, "enum" | "const" | "default" | "examples");
            members.iter_mut().filter(|(keyword, _)| is_schema(keyword)).for_each(|(_, value)| open(value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_changes_schemas_and_not_data() {
        let closed = json!({"additionalProperties": false, "properties": {"a": {"unevaluatedProperties": false}},
            "enum": [{"additionalProperties": false}], "patternProperties": {"x": {"additionalProperties": {"type": "string"}}}});
        let open = json!({"properties": {"a": {}}, "enum": [{"additionalProperties": false}],
            "patternProperties": {"x": {"additionalProperties": {"type": "string"}}}});
        assert_eq!(opened(closed), open);
    }
}
