//! Canonical JSON against the standard's own examples and against an ECMAScript engine.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use aw_alloy::text::{Limits, Node, Number, canonical, json};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

fn canonical(text: &str) -> String {
    let node = json::parse(text.as_bytes(), &Limits::DOCUMENT).unwrap();
    String::from_utf8(canonical::to_bytes(&node).unwrap()).unwrap()
}

fn canonical_double(value: f64) -> String {
    let node = Node::from(Number::from_f64(value).unwrap());
    String::from_utf8(canonical::to_bytes(&node).unwrap()).unwrap()
}

/// RFC 8785 sections 3.2.2 and 3.2.3: the running example and its canonical form.
#[test]
fn the_standards_example_comes_out_as_printed() {
    let input = r#"{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"#;
    let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                    \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(input), expected);
}

/// RFC 8785 section 3.2.3: members sort by UTF-16 code units, so U+FB33 comes after U+1F600.
#[test]
fn members_sort_by_utf16_code_units() {
    let input = r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"}"#;
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
                    \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
                    \"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(canonical(input), expected);
}

/// RFC 8785 appendix B, all finite rows.
#[test]
fn appendix_b_numbers_come_out_as_printed() {
    for (bits, expected) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        assert_eq!(canonical_double(f64::from_bits(bits)), expected, "{bits:016x}");
    }
    for bits in [0x7fff_ffff_ffff_ffff, 0x7ff0_0000_0000_0000_u64] {
        assert!(Number::from_f64(f64::from_bits(bits)).is_none());
    }
}

#[test]
fn spelling_disappears_and_values_stay() {
    assert_eq!(canonical("[12, 12.0, 1.2e1, 120E-1, -0, 0.0]"), "[12,12,12,12,0,0]");
    assert_eq!(canonical(r#"{"b":1,"a":{"d":[],"c":{}}}"#), r#"{"a":{"c":{},"d":[]},"b":1}"#);
}

#[test]
fn integers_that_doubles_change_have_no_canonical_form() {
    let node = Node::from_serde(&serde_json::json!({"stages": [{"seed": u64::MAX}]}));
    let error = canonical::to_bytes(&node).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`stages[0].seed`: integer `18446744073709551615` has no canonical form, expected -9007199254740991 to 9007199254740991"
    );
}

/// Doubles by their bits in, `JSON.stringify` of each out.
const DOUBLES_SCRIPT: &str = "
const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n');
const view = new DataView(new ArrayBuffer(8));
console.log(lines.map(line => { view.setBigUint64(0, BigInt('0x' + line)); return JSON.stringify(view.getFloat64(0)); }).join('\\n'));
";

/// Documents in, one per line, sorted and stringified ones out: what RFC 8785 appendix A does.
const DOCUMENTS_SCRIPT: &str = "
const sorted = v => v === null || typeof v !== 'object' ? JSON.stringify(v)
  : Array.isArray(v) ? '[' + v.map(sorted).join(',') + ']'
  : '{' + Object.keys(v).sort().map(k => JSON.stringify(k) + ':' + sorted(v[k])).join(',') + '}';
const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n');
console.log(lines.map(line => sorted(JSON.parse(line))).join('\\n'));
";

#[test]
fn doubles_agree_with_an_ecmascript_engine() {
    const COUNT: usize = 100_000;
    let mut state = 0x5eed_u64;
    let doubles: Vec<f64> = std::iter::repeat_with(|| f64::from_bits(splitmix(&mut state)))
        .filter(|value| value.is_finite())
        .take(COUNT)
        // Random bits are nearly always extreme; every third number has an everyday size.
        .enumerate()
        .map(|(position, value)| if position % 3 == 0 { (value % 1e6) / 1e3 } else { value })
        .filter(|value| value.is_finite())
        .collect();
    let mut bits = String::new();
    doubles.iter().for_each(|value| writeln!(bits, "{:016x}", value.to_bits()).unwrap());
    let Some(theirs) = ecmascript(DOUBLES_SCRIPT, &bits) else { return };
    let theirs: Vec<&str> = theirs.lines().collect();
    assert_eq!(theirs.len(), doubles.len());
    for (value, theirs) in doubles.iter().zip(theirs) {
        assert_eq!(canonical_double(*value), theirs, "{:016x}", value.to_bits());
    }
}

#[test]
fn documents_agree_with_an_ecmascript_engine() {
    let mut runner = TestRunner::deterministic();
    let strategy = super::json::any_value();
    let documents: Vec<String> = (0..500).map(|_| strategy.new_tree(&mut runner).unwrap().current().to_string()).collect();
    let Some(theirs) = ecmascript(DOCUMENTS_SCRIPT, &documents.join("\n")) else { return };
    let theirs: Vec<&str> = theirs.trim_end_matches('\n').split('\n').collect();
    assert_eq!(theirs.len(), documents.len());
    for (document, theirs) in documents.iter().zip(theirs) {
        assert_eq!(canonical(document), theirs, "{document}");
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Runs `script` over `input` with Node.js, or says that the test is skipped.
fn ecmascript(script: &str, input: &str) -> Option<String> {
    let started = Command::new("node").args(["-e", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: no `node` to compare with ({error})");
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "node: {}", output.status);
    Some(String::from_utf8(output.stdout).unwrap())
}
