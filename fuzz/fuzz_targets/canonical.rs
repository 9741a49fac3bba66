//! Canonical JSON: readable by another implementation, equal in value, and its own canonical form.
#![no_main]

use aw_alloy::text::{Limits, Node, canonical, json};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 100, nodes: 100_000 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(node) = json::parse(bytes, &LIMITS) else { return };
    let canonical = canonical::to_bytes(&node).expect("the strict reader lets no other integers through");
    let theirs: Value = serde_json::from_slice(&canonical).expect("canonical JSON is JSON");
    // A whole double above 2^53 comes out as plain digits, which the strict reader refuses to take for an integer.
    match json::parse(&canonical, &LIMITS) {
        Ok(again) => {
            assert_eq!(again, node, "the value is the same");
            assert_eq!(canonical::to_bytes(&again).expect("as above"), canonical, "canonical text is a fixed point");
            assert_eq!(Node::from_serde(&theirs), again, "both read the same value");
        }
        Err(error) => assert_eq!(error.kind.code(), "integer-range", "{error}"),
    }
});
