//! The strict JSON reader: never laxer than another implementation, equal to it where both accept, and a fixed point
//! of its own writer.
#![no_main]

use aw_alloy::text::{Limits, Node, SyntaxErrorKind as Kind, json};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Below the nesting the other implementation allows, so that depth is no difference.
const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 100, nodes: 100_000 };

fuzz_target!(|bytes: &[u8]| {
    let theirs = serde_json::from_slice::<Value>(bytes);
    match json::parse(bytes, &LIMITS) {
        Ok(node) => {
            let theirs = theirs.expect("accepted here, so it is JSON");
            assert_eq!(Node::from_serde(&theirs), node, "both read the same value");
            for text in [json::publish(&node), json::compact(&node)] {
                let again = json::parse(text.as_bytes(), &LIMITS).expect("what was written is readable");
                assert_eq!(json::compact(&again), json::compact(&node), "nothing is lost in writing");
            }
        }
        Err(error) => {
            assert!(error.at.line >= 1 && error.at.column >= 1, "{error}");
            let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
            assert!(error.at.line as usize <= lines, "{error} lies outside of {lines} lines");
            if theirs.is_ok() {
                let stricter = matches!(
                    error.kind,
                    Kind::Duplicate { .. }
                        | Kind::IntegerRange { .. }
                        | Kind::TooDeep { .. }
                        | Kind::TooManyNodes { .. }
                        | Kind::TooLarge { .. }
                );
                assert!(stricter, "only this reader refuses: {error}");
            }
        }
    }
});
