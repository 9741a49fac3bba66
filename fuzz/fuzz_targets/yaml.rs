//! The YAML reader: no panic, places inside the text, and every tree it gives is one that JSON can hold.
#![no_main]

use aw_alloy::text::{Limits, json, yaml};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { bytes: 1 << 16, depth: 100, nodes: 10_000 };

fuzz_target!(|text: &str| {
    match yaml::parse(text, &LIMITS) {
        Ok(node) => {
            let written = json::publish(&node);
            let again = json::parse(written.as_bytes(), &Limits::DOCUMENT).expect("a YAML tree is a JSON tree");
            assert_eq!(json::compact(&again), json::compact(&node), "nothing is lost in writing");
        }
        Err(error) => assert!(error.at.line >= 1 && error.at.column >= 1, "{error}"),
    }
});
