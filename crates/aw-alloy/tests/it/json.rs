//! The strict JSON reader and the publishing writer.

use std::path::{Path, PathBuf};

use aw_alloy::text::{Limits, Mark, Node, SyntaxError, SyntaxErrorKind as Kind, Value, json};
use aw_testkit::shared;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Node, SyntaxError> {
    json::parse(text.as_bytes(), &Limits::DOCUMENT)
}

/// Checks that `text` is refused at line and column with a message that contains `told`.
#[track_caller]
fn refused(text: &str, place: (u32, u32), told: &str) {
    let shown: String = text.chars().take(80).collect();
    let error = parse(text).expect_err(&shown);
    assert_eq!((error.at.line, error.at.column), place, "{shown:?}: {error}");
    assert!(error.to_string().contains(told), "{shown:?}: expected {told:?} in: {error}");
}

#[test]
fn names_are_unique_and_both_places_are_named() {
    refused("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", (3, 2), "member `a` appears twice, first at line 1, column 2");
    // The same name spelled with an escape is the same name.
    refused(r#"{"é": 1, "\u00e9": 2}"#, (1, 10), "member `é` appears twice, first at line 1, column 2");
    // Above the size where an index finds members.
    let many: String = (0..5000).map(|i| format!("\"name-{i}\":{i},")).collect();
    let column = 2 + many.len() as u32;
    refused(&format!("{{{many}\"name-3\":0}}"), (1, column), "member `name-3` appears twice, first at line 1, column 35");
}

#[test]
fn numbers_that_readers_disagree_about_are_refused() {
    for word in ["NaN", "Infinity", "-Infinity", "nan", "-inf"] {
        refused(&format!("[1, {word}]"), (1, 5), "is not finite");
    }
    for huge in ["1e400", "-1e309", &format!("1{}.5", "0".repeat(400))] {
        refused(huge, (1, 1), "is not finite");
    }
    for integer in ["9007199254740992", "-9007199254740992", "18446744073709551616", &"9".repeat(400)] {
        refused(&format!("{{\"n\": {integer}}}"), (1, 7), "out of range, expected -9007199254740991 to 9007199254740991");
    }
    for integer in ["9007199254740991", "-9007199254740991", "-0", "0"] {
        assert_eq!(parse(integer).unwrap().as_number().unwrap().lexeme(), integer);
    }
    for (text, reason) in [
        ("01", "a leading zero"),
        ("-01", "a leading zero"),
        ("+1", "a leading `+`"),
        (".5", "no digit before the point"),
        ("0x10", "only decimal digits"),
        ("1_000", "an underscore"),
        ("1.", "digits, then"),
        ("1.5e", "digits, then"),
        ("2e+", "digits, then"),
        ("1abc", "digits, then"),
        ("-", "a sign without digits"),
    ] {
        refused(&format!(" {text} "), (1, 2), reason);
    }
}

#[test]
fn strings_hold_characters_and_nothing_else() {
    refused("\"a\u{1}b\"", (1, 3), "unescaped control character U+0001 in a string, expected `\\u0001`");
    refused("\"one\ntwo\"", (1, 5), "U+000A");
    refused(r#""\x41""#, (1, 2), r"unknown escape `\x`");
    refused(r#""é\u12g4""#, (1, 3), r"unknown escape `\u12g4`");
    refused(r#""\u+123""#, (1, 2), r"unknown escape `\u+123`");
    for lone in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x", r"\ud83d\n"] {
        refused(&format!("\"{lone}\""), (1, 2), "half a surrogate pair");
    }
    refused("\"abc", (1, 5), "end of the text inside a string");
    refused("[\"ab\\", (1, 5), "unknown escape `\\`");
    assert_eq!(parse(r#""\ud83d\uDE00 \"\\\/\b\f\n\r\t\u0000""#).unwrap().as_str(), Some("😀 \"\\/\u{8}\u{c}\n\r\t\0"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let not_utf8 = |bytes: &[u8]| json::parse(bytes, &Limits::DOCUMENT).unwrap_err();
    let error = not_utf8(b"{\"a\": 1,\n \"\xc3\xa9\xff\": 2}");
    assert_eq!(error.to_string(), "line 2, column 4: byte 0xff at offset 13 is not UTF-8");
    // A surrogate in UTF-8 form, an overlong form, a cut character.
    for bytes in [&b"\"\xed\xa0\x80\""[..], b"\"\xc0\xaf\"", b"\"\xe2\x82"] {
        assert!(matches!(not_utf8(bytes).kind, Kind::NotUtf8 { offset: 1, .. }));
    }
    assert_eq!(not_utf8(b"\xef\xbb\xbf{}").kind, Kind::ByteOrderMark);
    assert!(matches!(not_utf8(b"\xff\xfe{\0}\0").kind, Kind::NotUtf8 { offset: 0, .. }));
}

#[test]
fn structure_is_strict() {
    refused("", (1, 1), "the text holds no value");
    refused(" \n\n ", (3, 2), "the text holds no value");
    refused("{} {}", (1, 4), "unexpected `{` after the document's value");
    refused("1 2", (1, 3), "unexpected `2` after");
    refused("[1,]", (1, 4), "unexpected `]` after `,` (line 1, column 3), expected a value");
    refused("{\"a\":1,}", (1, 8), "expected a member name in double quotes");
    refused("[1 2]", (1, 4), "unexpected `2`, expected `,` or `]`");
    refused("{\"a\" 1}", (1, 6), "unexpected `1`, expected `:`");
    refused("{\"a\": }", (1, 7), "unexpected `}`, expected a value");
    refused("{a: 1}", (1, 2), "unexpected `a`, expected a member name");
    refused("{'a': 1}", (1, 2), "unexpected `'`");
    refused("[1, // one\n 2]", (1, 5), "unexpected `/`");
    refused("[", (1, 2), "unexpected end of the text, expected a value");
    refused("{\"a\": 1", (1, 8), "unexpected end of the text, expected `,` or `}`");
    refused("True", (1, 1), "unexpected `True`");
    refused("nulls", (1, 1), "unexpected `nulls`");
    refused("[\u{a0}1]", (1, 2), "expected a value");
    assert_eq!(parse("True").unwrap_err().kind.hint().as_deref(), Some("write `true`"));
    assert_eq!(parse("{a: 1}").unwrap_err().kind.hint().as_deref(), Some("put it in double quotes"));
}

#[test]
fn limits_hold_in_bounded_stack_and_memory() {
    let limits = Limits { bytes: 64 << 20, depth: u32::MAX, nodes: usize::MAX };
    let open = "[{\"a\":".repeat(8 << 20);
    let error = json::parse(open.as_bytes(), &limits).unwrap_err();
    assert_eq!(error.kind, Kind::TooDeep { limit: Limits::DEPTH_CEILING });

    let small = Limits { bytes: 10, depth: 2, nodes: 4 };
    assert_eq!(json::parse(b"[1,2,3]   ", &small).unwrap().as_array().unwrap().len(), 3);
    let kind = |text: &[u8]| json::parse(text, &small).unwrap_err().kind;
    assert_eq!(kind(b"[1,2,3]    "), Kind::TooLarge { bytes: 11, limit: 10 });
    assert_eq!(kind(b"[1,2,3,4]"), Kind::TooManyNodes { limit: 4 });
    assert_eq!(kind(b"[[[]]]"), Kind::TooDeep { limit: 2 });
    assert!(json::parse(b"[[],[]]", &small).is_ok());
}

/// Everything that walks a tree does so by recursion; at the deepest permitted nesting that must fit a small stack.
#[test]
fn the_deepest_document_is_read_written_compared_and_dropped() {
    let depth = Limits::DEPTH_CEILING as usize;
    let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let walk = move || {
        let limits = Limits { depth: u32::MAX, ..Limits::DOCUMENT };
        let node = json::parse(text.as_bytes(), &limits).unwrap();
        assert_eq!(json::compact(&node), text);
        assert_eq!(node.clone(), node);
        assert_eq!(aw_alloy::text::canonical::to_bytes(&node).unwrap(), text.as_bytes());
        assert_eq!(Node::from_serde(&node.to_serde()), node);
        assert!(format!("{node:?}").len() > depth && json::publish(&node).len() > depth);
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(walk).unwrap().join().unwrap();
}

#[test]
fn order_nulls_and_spelling_are_kept() {
    let text = r#"{"z":null,"a":[14,12.0,25.00,1E+2,-0,-0.0],"m":{},"k":[],"é":"\u00e9\ud83d\ude00/"}"#;
    let node = parse(text).unwrap();
    let ascii = text.replacen("\"é\"", "\"\\u00e9\"", 1);
    assert_eq!(json::compact(&node), ascii);
    let published = "{\n  \"z\": null,\n  \"a\": [\n    14,\n    12.0,\n    25.00,\n    1E+2,\n    -0,\n    -0.0\n  ],\n  \"m\": {},\n  \"k\": [],\n  \"\\u00e9\": \"\\u00e9\\ud83d\\ude00/\"\n}";
    assert_eq!(json::publish(&node), published);
    assert!(node.get("z").unwrap().is_null() && node.get("absent").is_none());
}

#[test]
fn a_large_flat_object_is_read_in_linear_time() {
    // Compared pairwise, these names would take minutes; the limit is far above what an index needs.
    let members: Vec<String> = (0..300_000).map(|i| format!("\"layers.{i}.weight\":{i}")).collect();
    let text = format!("{{{}}}", members.join(","));
    let started = std::time::Instant::now();
    let node = json::parse(text.as_bytes(), &Limits::WEIGHT_INDEX).unwrap();
    assert_eq!(node.get("layers.299999.weight").and_then(Node::as_u64), Some(299_999));
    assert!(started.elapsed().as_secs() < 30, "took {:?}", started.elapsed());
}

/// Checks every place in a tree against the text: what stands there must start with how the value starts.
#[test]
fn places_are_line_and_column_in_characters() {
    let text = "{\r\n  \"größe\": [\"ü\\u00e9\", 1.5,\t\"日本\", -2],\n\"b\":{\"😀\" : true, \"c\":null}\n}\n";
    let node = parse(text).unwrap();
    let mut seen = 0;
    check_places(&node, text, &mut seen);
    assert_eq!(seen, 9 + 4);
}

fn at(text: &str, mark: Mark) -> &str {
    let line = text.split('\n').nth(mark.line as usize - 1).unwrap();
    let (offset, _) = line.char_indices().nth(mark.column as usize - 1).unwrap();
    &line[offset..]
}

fn check_places(node: &Node, text: &str, seen: &mut usize) {
    *seen += 1;
    let there = at(text, node.at);
    match &node.value {
        Value::Null => assert!(there.starts_with("null")),
        Value::Bool(value) => assert!(there.starts_with(&value.to_string())),
        Value::Number(number) => assert!(there.starts_with(number.lexeme())),
        Value::String(value) => assert!(there[1..].starts_with(value.chars().next().unwrap()), "{value} at {there}"),
        Value::Array(items) => {
            assert!(there.starts_with('['));
            items.iter().for_each(|item| check_places(item, text, seen));
        }
        Value::Object(object) => {
            assert!(there.starts_with('{'));
            for member in object {
                *seen += 1;
                assert!(at(text, member.name_at).starts_with(&format!("\"{}\"", member.name)));
                check_places(&member.value, text, seen);
            }
        }
    }
}

/// Published documents that a program wrote; the writer must give back their bytes.
#[test]
fn published_documents_come_back_byte_for_byte() {
    let Some(folder) = shared("alloys") else { return };
    let mut documents = Vec::new();
    collect(&folder, &mut documents);
    assert!(documents.len() >= 27, "only {} documents in {}", documents.len(), folder.display());
    let mut identical = 0;
    for path in &documents {
        let bytes = std::fs::read(path).unwrap();
        let node = json::parse(&bytes, &Limits::DOCUMENT).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let again = json::publish(&node);
        let text = str::from_utf8(&bytes).unwrap();
        let same = text.strip_suffix('\n').unwrap_or(text) == again;
        // What stands under `examples` is written by hand, with inline arrays; it must keep its content.
        assert!(same || path.components().any(|part| part.as_os_str() == "examples"), "{}", path.display());
        identical += usize::from(same);
        let reread = parse(&again).unwrap();
        assert_eq!(json::compact(&reread), json::compact(&node), "{}", path.display());
        assert_eq!(node.to_serde(), serde_json::from_str::<serde_json::Value>(&again).map(integers).unwrap());
    }
    assert!(identical >= 15, "{identical} of {} byte-identical", documents.len());
}

/// Turns whole floats into integers, as typed reading does.
fn integers(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => (float as i64).into(),
            _ => serde_json::Value::Number(number),
        },
        serde_json::Value::Array(items) => items.into_iter().map(integers).collect(),
        serde_json::Value::Object(members) => members.into_iter().map(|(name, value)| (name, integers(value))).collect(),
        other => other,
    }
}

fn collect(folder: &Path, documents: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, documents);
        } else if path.to_string_lossy().ends_with(".alloy.json") {
            documents.push(path);
        }
    }
}

/// Any JSON value in the range every implementation agrees on.
pub fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-9_007_199_254_740_991..=9_007_199_254_740_991_i64).prop_map(Into::into),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..20)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// What another implementation writes, this one reads as the same value, and the other way round.
    #[test]
    fn agrees_with_another_implementation(value in any_value()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let node = parse(&text).unwrap();
        prop_assert_eq!(&node, &Node::from_serde(&value));
        for written in [json::publish(&node), json::compact(&node)] {
            prop_assert!(written.is_ascii());
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&written).unwrap(), &value);
        }
    }

    /// Damaged text: never a panic; whatever is accepted here is accepted elsewhere with the same value; whatever
    /// only this reader refuses is one of the things it is stricter about.
    #[test]
    fn is_never_laxer_than_another_implementation(
        value in any_value(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(EDITS)), 1..4),
    ) {
        let mut text = serde_json::to_string(&value).unwrap();
        for (at, edit) in edits {
            let at = (0..=at.index(text.len() + 1)).rev().find(|&at| text.is_char_boundary(at)).unwrap();
            match edit {
                "" => drop(text.drain(at..text.ceil_char_boundary((at + 1).min(text.len())))),
                edit => text.insert_str(at, edit),
            }
        }
        match (parse(&text), serde_json::from_str::<serde_json::Value>(&text)) {
            (Ok(node), Ok(value)) => prop_assert_eq!(node.to_serde(), integers(value)),
            (Ok(_), Err(error)) => prop_assert!(false, "accepted {:?}, elsewhere: {}", text, error),
            (Err(error), Ok(_)) => prop_assert!(
                matches!(error.kind, Kind::Duplicate { .. } | Kind::IntegerRange { .. }),
                "{:?} refused with {}", text, error
            ),
            (Err(_), Err(_)) => {}
        }
    }
}

/// Fragments that turn good text into bad text of many kinds; the empty one removes a character.
const EDITS: &[&str] = &[
    "",
    "",
    "",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "0",
    "-",
    ".",
    "e9",
    "9007199254740993",
    "\\",
    "\\ud800",
    "\\u0041",
    "\u{1}",
    "\n",
    " ",
    "null",
    "nul",
    "\"a\":1,",
    "é",
    "\u{feff}",
    "/",
    "+",
];
