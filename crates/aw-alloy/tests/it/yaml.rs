//! YAML that means the same as JSON, and the refusal of everything else.

use aw_alloy::text::{Limits, Node, SyntaxError, SyntaxErrorKind as Kind, json, yaml};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Node, SyntaxError> {
    yaml::parse(text, &Limits::DOCUMENT)
}

/// Checks that a YAML text is the same tree as a JSON text: order and number spelling included.
#[track_caller]
fn same(text: &str, as_json: &str) {
    let expected = json::parse(as_json.as_bytes(), &Limits::DOCUMENT).unwrap();
    let node = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!(json::compact(&node), json::compact(&expected), "{text:?}");
}

/// Checks that `text` is refused at line and column with a message or hint that contains `told`.
#[track_caller]
fn refused(text: &str, place: (u32, u32), told: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!((error.at.line, error.at.column), place, "{text:?}: {error}");
    let all = format!("{error}; {}", error.kind.hint().unwrap_or_default());
    assert!(all.contains(told), "{text:?}: expected {told:?} in: {all}");
}

#[test]
fn a_recipe_reads_as_its_json() {
    let text = "\
# made for a test
name: tiny-moe            # a slug
version: \"1.0.0\"
source: {baseModel: tiny/moe, architecture: olmoe, isMoE: true}
stages:
  - type: expert-prune
    keepExpertsPerLayer: 8
    prunePct: 50.0
    notes: >-
      folded
      text
  - type: eval
    benchmarks: []
limitations:
- |
  line one
  line two
- 'it''s'
empty:
tilde: ~
learningRate: \"2e-4\"
rate: 2e-4
date: 2026-08-01
";
    same(
        text,
        r#"{"name": "tiny-moe", "version": "1.0.0",
            "source": {"baseModel": "tiny/moe", "architecture": "olmoe", "isMoE": true},
            "stages": [{"type": "expert-prune", "keepExpertsPerLayer": 8, "prunePct": 50.0, "notes": "folded text"},
                       {"type": "eval", "benchmarks": []}],
            "limitations": ["line one\nline two\n", "it's"], "empty": null, "tilde": null,
            "learningRate": "2e-4", "rate": 2e-4, "date": "2026-08-01"}"#,
    );
}

#[test]
fn scalars_follow_the_core_schema() {
    for (text, as_json) in [
        ("0", "0"),
        ("-12", "-12"),
        ("12.50", "12.50"),
        ("1E-3", "1E-3"),
        ("true", "true"),
        ("FALSE", "false"),
        ("null", "null"),
        ("~", "null"),
        ("yes", "\"yes\""),
        ("off", "\"off\""),
        ("1.2.3", "\"1.2.3\""),
        ("0x", "\"0x\""),
        ("12 GB", "\"12 GB\""),
        ("'12'", "\"12\""),
        ("\"true\"", "\"true\""),
        ("\"\\u00e9\\x41\"", "\"\\u00e9A\""),
        ("tRUE", "\"tRUE\""),
        ("12:30", "\"12:30\""),
        ("e5", "\"e5\""),
        (".", "\".\""),
        ("_1", "\"_1\""),
        ("- 1", "[1]"),
        ("0b11", "\"0b11\""),
        ("---\n5\n...\n", "5"),
        ("%YAML 1.2\n---\n5\n", "5"),
    ] {
        same(text, as_json);
    }
}

#[test]
fn other_number_spellings_are_refused_with_the_json_one() {
    for (text, told) in [
        ("0x10", "write `16`"),
        ("0o17", "write `15`"),
        ("+1", "write `1`"),
        (".5", "write `0.5`"),
        ("-.5", "write `-0.5`"),
        ("5.", "write `5.0`"),
        ("007", "write `7`"),
        ("1_000", "write `1000`"),
        ("+1.50e3", "write `1.50e3`"),
        ("00.5", "write `0.5`"),
        ("0xffffffffffffffff", "put it in quotes"),
        ("1_0.5_0", "write `10.50`"),
    ] {
        refused(&format!("a: {text}"), (1, 4), told);
    }
    for text in [".inf", "-.INF", ".nan", ".NaN", "+.Inf", "1e999"] {
        refused(&format!("- {text}"), (1, 3), "is not finite");
    }
    refused("a: 9007199254740992", (1, 4), "out of range");
    refused("a: 123456789012345678901234567890", (1, 4), "out of range");
}

#[test]
fn constructs_without_a_json_meaning_are_refused() {
    refused("a: &x 1\nb: *x", (1, 4), "an anchor is not accepted");
    refused("b: *x", (1, 4), "");
    refused("a: !!str 1", (1, 4), "tag `tag:yaml.org,2002:!str` is not accepted");
    refused("a: !secret k", (1, 4), "tag `!secret`");
    refused("- 1\n---\n- 2", (2, 1), "a second document is not accepted");
    refused("1: a", (1, 1), "mapping key `1` is integer, expected a string");
    refused("true: a", (1, 1), "mapping key `true` is boolean");
    refused("~: a", (1, 1), "is null");
    refused("0x10: a", (1, 1), "is number");
    refused("? [a]\n: 1", (1, 3), "a sequence as a mapping key");
    refused("? {a: 1}\n: 1", (1, 3), "a mapping as a mapping key");
    refused("a:\n  <<: {b: 1}", (2, 3), "a merge key");
    refused("a: 1\nb:\n  c: 1\n  d: 2\n  'c': 3", (5, 3), "member `c` appears twice, first at line 3, column 3");
    refused("\u{feff}a: 1", (1, 1), "byte order mark");
    refused("", (1, 1), "holds no value");
    refused("# only a comment\n", (1, 1), "holds no value");
    refused("a: [1, 2", (1, 9), "not readable as YAML");
    refused("a: \"b", (1, 4), "not readable as YAML");
    refused("a: \"\\ud83d\\ude00\"", (1, 4), "write the character itself or `\\U` and eight digits");
}

#[test]
fn places_are_line_and_column_in_characters() {
    let node = parse("größe: [ü, 1]\nb:\n  - c: x\n    \"d\": 日本\n").unwrap();
    let object = node.as_object().unwrap();
    let place = |node: &Node| (node.at.line, node.at.column);
    assert_eq!(place(&node), (1, 1));
    let sizes = object.get("größe").unwrap();
    assert_eq!(place(sizes), (1, 8));
    assert_eq!(place(&sizes.as_array().unwrap()[1]), (1, 12));
    let inner = &object.get("b").unwrap().as_array().unwrap()[0];
    let member = inner.as_object().unwrap().member("d").unwrap();
    assert_eq!((member.name_at.line, member.name_at.column), (4, 5));
    assert_eq!(place(&member.value), (4, 10));
}

#[test]
fn limits_hold() {
    let small = Limits { bytes: 40, depth: 2, nodes: 5 };
    let kind = |text: &str| yaml::parse(text, &small).unwrap_err().kind;
    assert_eq!(kind("[[[]]]"), Kind::TooDeep { limit: 2 });
    assert_eq!(kind("- 1\n- 2\n- 3\n- 4\n- 5"), Kind::TooManyNodes { limit: 5 });
    assert_eq!(kind(&"a".repeat(41)), Kind::TooLarge { bytes: 41, limit: 40 });
    assert!(yaml::parse("- [1, 2]\n- []", &small).is_ok());
    // Far deeper than any stack: refused after as many levels as are allowed.
    let all = Limits { bytes: usize::MAX, depth: u32::MAX, nodes: usize::MAX };
    for (open, limit) in [("[", 255), ("{a: ", 255), ("- ", Limits::DEPTH_CEILING)] {
        let error = yaml::parse(&open.repeat(200_000), &all).unwrap_err();
        assert_eq!(error.kind, Kind::TooDeep { limit }, "{open:?}");
    }
}

/// Shapes that make a scanner look back or ahead: half a megabyte of each is read or refused at once.
#[test]
fn no_shape_takes_more_than_linear_time() {
    const BYTES: usize = 1 << 19;
    for unit in [
        "a\n",
        "a ",
        "\n",
        " \n",
        "#\n",
        "- a\n",
        "- ",
        "? a\n",
        "? ",
        ": ",
        "a: ",
        "'",
        "' ",
        "\"\n",
        "\\",
        "| \n",
        ">\n \n",
        "[a, ",
        "{a: b, ",
        "[a]: ",
        "&a ",
        "*a ",
        "!a ",
        "!",
        "%a\n",
        "---\n",
        "...\n",
        "a:\n",
        "é",
        "\t",
        "[a: b, c: d],",
        "<<: ",
        "\r",
    ] {
        for start in ["", "[", "{", "a: \"", "a: '", "a: |\n ", "? "] {
            let text = format!("{start}{}", unit.repeat(BYTES / unit.len()));
            let started = std::time::Instant::now();
            let read = yaml::parse(&text, &Limits::DOCUMENT);
            let took = started.elapsed();
            assert!(
                took.as_secs() < 20,
                "{start:?} then {unit:?} took {took:?}: {:?}",
                read.map(|_| "read").map_err(|e| e.to_string())
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// YAML 1.2 contains JSON: what the JSON writer writes, the YAML reader reads as the same tree. Only surrogate
    /// pairs are refused: a YAML escape is one code point.
    #[test]
    fn json_text_reads_the_same(value in super::json::any_value()) {
        let node = Node::from_serde(&value);
        prop_assume!(!json::compact(&node).contains("\\ud"));
        for text in [json::compact(&node), json::publish(&node)] {
            let read = yaml::parse(&text, &Limits::DOCUMENT);
            let read = read.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            prop_assert_eq!(json::compact(&read), json::compact(&node));
        }
    }

    /// Any text: a tree or an error, never a panic; a tree survives being written and read again.
    #[test]
    fn any_text_is_read_or_refused(text in "[ \\-:\\[\\]{},a1\n\"'#|>&*!?%~.x_]{0,60}") {
        if let Ok(node) = parse(&text) {
            prop_assert_eq!(json::parse(json::publish(&node).as_bytes(), &Limits::DOCUMENT).unwrap(), node);
        }
    }
}

#[test]
fn aliases_are_copies_where_they_are_asked_for() {
    let text = "a: &one {x: [1, 2]}\nb: *one\nc: [&two z, *two, *one]\n";
    refused(text, (1, 4), "anchor");
    let node = yaml::parse_with_aliases(text, &Limits::DOCUMENT, 100).unwrap();
    assert_eq!(json::compact(&node), r#"{"a":{"x":[1,2]},"b":{"x":[1,2]},"c":["z","z",{"x":[1,2]}]}"#);
    for (text, limit, told) in [
        ("a: &one [*one]\n", 100, "within its own value"),
        ("a: &one x\n*one : 1\n", 100, "mapping key"),
        ("a: *none\n", 100, "not readable"),
        ("a: &one [1, 2, 3]\n", 3, "too many values"),
        ("a: &one [1, 2]\nb: *one\nc: *one\n", 5, "too many values"),
    ] {
        let error = yaml::parse_with_aliases(text, &Limits::DOCUMENT, limit).expect_err(text);
        assert!(error.to_string().contains(told), "{text:?}: {error}");
    }
}

#[test]
fn aliases_do_not_multiply() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let before = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "));
    }
    let error = yaml::parse_with_aliases(&text, &Limits::DOCUMENT, 10_000).unwrap_err();
    assert!(matches!(error.kind, Kind::TooManyNodes { limit: 10_000 }), "{error}");
}
