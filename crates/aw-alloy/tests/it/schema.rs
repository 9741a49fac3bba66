//! Schema checks: every problem at once, each with place, path, message and hint.

use aw_alloy::text::{Limits, Problem, Schema, json, yaml};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Writes problems the way a terminal shows them.
fn rendered(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[track_caller]
fn check(schema: &serde_json::Value, text: &str, expected: &str) {
    let schema = Schema::compile(schema).unwrap();
    let node = yaml::parse(text, &Limits::DOCUMENT).unwrap();
    let found = rendered(&schema.check(&node, "stages[2]"));
    assert_eq!(found, expected, "found:\n{found}");
}

/// A stage as domains declare them.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct ExpertPrune {
    keep_experts_per_layer: u32,
    #[schemars(range(min = 0.0, max = 0.9))]
    level: Option<f64>,
    metric: Option<Metric>,
    per_layer_normalized: Option<bool>,
    #[schemars(length(min = 1))]
    corpus: Option<String>,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    extra: Option<Tier>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Metric {
    /// How often an expert was chosen.
    ActivationCount,
    /// The norm of its router row.
    RouterL2,
    ActivationMagnitude,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Tier {
    format: String,
    size: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code)]
enum Target {
    File { path: String },
    ObjectStore { bucket: String, prefix: Option<String> },
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
enum Source {
    Folder { path: String },
    Hub { model: String, revision: String },
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Size {
    Count(u32),
    Label(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Plan {
    targets: Vec<Target>,
    source: Option<Source>,
    size: Option<Size>,
    again: Option<Box<Plan>>,
}

fn schema_of<T: JsonSchema>() -> serde_json::Value {
    schemars::schema_for!(T).to_value()
}

#[test]
fn a_correct_stage_has_no_problems() {
    let text =
        "keepExpertsPerLayer: 8\nlevel: 0.5\nmetric: router_l2\nperLayerNormalized: null\ntargets: [a]\nextra: {format: gguf}";
    check(&schema_of::<ExpertPrune>(), text, "");
    // An integer is an integer however it is spelled, for the schema and for typed reading alike.
    let whole = json::parse(b"{\"keepExpertsPerLayer\": 8.0}", &Limits::DOCUMENT).unwrap();
    assert!(Schema::compile(&schema_of::<ExpertPrune>()).unwrap().check(&whole, "").is_empty());
    assert_eq!(serde_json::from_value::<ExpertPrune>(whole.to_serde()).unwrap().keep_experts_per_layer, 8);
}

#[test]
fn every_problem_is_reported_at_once_in_text_order() {
    let text = "\
keepExpert: 8
level: 0.95
metric: router-l2
perLayerNormalized: yes
corpus: \"\"
targets: everything
extra: {format: 7, sizes: 3}
";
    check(
        &schema_of::<ExpertPrune>(),
        text,
        "\
line 1, column 1: `stages[2].keepExpert`: unknown field `keepExpert`; did you mean `keepExpertsPerLayer`?
  hint: accepted fields: `keepExpertsPerLayer`, `level`, `metric`, `perLayerNormalized`, `corpus`, `targets` and `extra`
line 1, column 1: `stages[2].keepExpertsPerLayer`: missing field `keepExpertsPerLayer`
  hint: add `keepExpertsPerLayer`: integer
line 2, column 8: `stages[2].level`: expected at most 0.9, got `0.95`
line 3, column 9: `stages[2].metric`: unknown value `\"router-l2\"`; did you mean `router_l2`?
  hint: accepted values: `activation_magnitude`, `activation_count` and `router_l2`
line 4, column 21: `stages[2].perLayerNormalized`: expected boolean or null, got string `\"yes\"`
  hint: write `true` without quotes
line 5, column 9: `stages[2].corpus`: expected at least 1 character, got 0
line 6, column 10: `stages[2].targets`: expected array, got string `\"everything\"`
  hint: put it in `[` `]`
line 7, column 17: `stages[2].extra.format`: expected string, got integer `7`
  hint: put it in quotes
line 7, column 20: `stages[2].extra.sizes`: unknown field `sizes`; did you mean `size`?
  hint: accepted fields: `format` and `size`
",
    );
}

#[test]
fn types_are_named_with_what_was_written() {
    let schema = schema_of::<ExpertPrune>();
    check(
        &schema,
        "keepExpertsPerLayer: \"8\"",
        "line 1, column 22: `stages[2].keepExpertsPerLayer`: expected integer, got string `\"8\"`\n  hint: remove the quotes\n",
    );
    check(
        &schema,
        "keepExpertsPerLayer: 8.50",
        "line 1, column 22: `stages[2].keepExpertsPerLayer`: expected integer, got number `8.50`\n",
    );
    check(
        &schema,
        "keepExpertsPerLayer: -1",
        "line 1, column 22: `stages[2].keepExpertsPerLayer`: expected at least 0, got `-1`\n",
    );
    check(
        &schema,
        "keepExpertsPerLayer: 1\nmetric: 5",
        "line 2, column 9: `stages[2].metric`: expected string or null, got integer `5`\n  hint: put it in quotes\n",
    );
    check(&schema, "- 1", "line 1, column 1: `stages[2]`: expected object, got array\n");
}

#[test]
fn tagged_alternatives_are_told_by_their_tag() {
    let schema = schema_of::<Plan>();
    check(
        &schema,
        "targets:\n- kind: fil\n  path: x\n- kind: object-store\n  buckt: b\n- path: y\n- kind: file\n  path: z\n",
        "\
line 2, column 9: `stages[2].targets[0].kind`: unknown value `\"fil\"`; did you mean `file`?
  hint: accepted values: `file` and `object-store`
line 4, column 3: `stages[2].targets[1].bucket`: missing field `bucket`
  hint: add `bucket`: string
line 5, column 3: `stages[2].targets[1].buckt`: unknown field `buckt`; did you mean `bucket`?
  hint: accepted fields: `kind`, `bucket` and `prefix`
line 6, column 3: `stages[2].targets[2].kind`: missing field `kind`
  hint: add `kind`: `file` or `object-store`
",
    );
}

#[test]
fn untagged_alternatives_are_told_by_what_is_there() {
    let schema = schema_of::<Plan>();
    check(
        &schema,
        "targets: []\nsource: {hub: {model: m}}",
        "line 2, column 15: `stages[2].source.hub.revision`: missing field `revision`\n  hint: add `revision`: string\n",
    );
    check(
        &schema,
        "targets: []\nsource: {}",
        "line 2, column 9: `stages[2].source`: no accepted form fits, expected one of the fields `folder` or `hub`\n",
    );
    check(
        &schema,
        "targets: []\nsize: [1]",
        "line 2, column 7: `stages[2].size`: expected integer or string or null, got array\n",
    );
    check(
        &schema,
        "targets: []\nagain: {targets: [], again: {targets: 5}}",
        "line 2, column 39: `stages[2].again.again.targets`: expected array, got integer `5`\n  hint: put it in `[` `]`\n",
    );
}

#[test]
fn remaining_keywords_have_messages_of_their_own() {
    let schema = json!({
        "type": "object",
        "properties": {
            "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            "when": {"type": "string", "format": "date-time"},
            "names": {"type": "array", "uniqueItems": true, "maxItems": 2},
            "step": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.25},
            "one": {"const": "x"},
            "never": false,
            "map": {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "integer"}}
        }
    });
    check(
        &schema,
        "digest: sha256:00\nnames: [a, b, a]\nstep: 1.1\none: y\nnever: 1\nmap: {a b: x, c: 1}\n",
        "\
line 1, column 9: `stages[2].digest`: expected text that matches `^sha256:[0-9a-f]{64}$`, got string `\"sha256:00\"`
line 2, column 8: `stages[2].names`: expected at most 2 items, got 3
line 2, column 15: `stages[2].names[2]`: item `\"a\"` repeats item 0, expected each once
  hint: remove one of the two
line 3, column 7: `stages[2].step`: expected less than 1, got `1.1`
line 3, column 7: `stages[2].step`: expected a multiple of 0.25, got `1.1`
line 4, column 6: `stages[2].one`: expected `x`, got string `\"y\"`
line 5, column 8: `stages[2].never`: this field is not accepted here
line 6, column 6: `stages[2].map`: expected at most 1 field, got 2
line 6, column 12: `stages[2].map[\"a b\"]`: expected integer, got string `\"x\"`
",
    );
}

#[test]
fn names_of_combined_schemas_are_known() {
    let schema = json!({
        "allOf": [{"$ref": "#/$defs/base"}],
        "properties": {"level": {"type": "number"}},
        "unevaluatedProperties": false,
        "$defs": {"base": {"properties": {"strategy": {"type": "string"}}}}
    });
    check(
        &schema,
        "stategy: x",
        "line 1, column 1: `stages[2].stategy`: unknown field `stategy`; did you mean `strategy`?\n  hint: accepted fields: `level` and `strategy`\n",
    );
}

#[test]
fn long_values_are_cut_in_messages() {
    let problems = Schema::compile(&json!({"type": "integer"}))
        .unwrap()
        .check(&json::parse(format!("\"{}\"", "ü".repeat(500)).as_bytes(), &Limits::DOCUMENT).unwrap(), "");
    assert_eq!(problems[0].message, format!("expected integer, got string `\"{}…`", "ü".repeat(59)));
    assert_eq!(problems[0].path, "");
}

#[test]
fn a_document_that_is_wrong_all_over_gets_a_bounded_list() {
    let schema = Schema::compile(&schema_of::<Tier>()).unwrap();
    let members: Vec<String> = (0..50_000).map(|i| format!("\"n{i}\":1")).collect();
    let node = json::parse(format!("{{{}}}", members.join(",")).as_bytes(), &Limits::DOCUMENT).unwrap();
    let problems = schema.check(&node, "");
    assert_eq!(problems.len(), 1001);
    assert_eq!(problems[1000].message, "there are more problems than the 1000 listed");
    assert_eq!((problems[0].code, problems[1].code), ("unknown-field", "unknown-field"));
}

#[test]
fn repeated_items_are_found_in_linear_time() {
    let schema = Schema::compile(&json!({"type": "array", "uniqueItems": true})).unwrap();
    let items: Vec<String> = (0..200_000).map(|i| format!("{{\"a\":{i},\"b\":[]}}")).collect();
    let text = format!("[{},{{\"b\":[],\"a\":7.0}}]", items.join(","));
    let started = std::time::Instant::now();
    let problems = schema.check(&json::parse(text.as_bytes(), &Limits::DOCUMENT).unwrap(), "names");
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].path.as_str(), problems[0].message.as_str()),
        ("names[200000]", "item object repeats item 7, expected each once")
    );
    assert!(started.elapsed().as_secs() < 30, "took {:?}", started.elapsed());
}

#[test]
fn a_schema_that_is_none_is_refused() {
    let error = Schema::compile(&json!({"properties": {"a": {"type": "integre"}}})).unwrap_err();
    assert_eq!(error.place, "/properties/a/type");
    assert!(Schema::compile(&json!({"$ref": "https://example.com/other.json"})).is_err());
}
