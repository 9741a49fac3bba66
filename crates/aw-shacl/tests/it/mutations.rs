//! Shapes with words put in, left out and exchanged: never a panic, always the same answer. The fuzz target does this with guidance.

use std::path::Path;

use aw_shacl::{Limits, Shapes};
use oxrdf::Graph;
use oxttl::TurtleParser;

use crate::support::PREFIXES;

/// A linear congruential generator (Knuth's constants): the same mutations every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

#[test]
fn mutated_shapes_are_read_or_refused() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/shapes");
    let read = |name: &str| std::fs::read_to_string(seeds.join(name)).unwrap();
    let texts = ["core.ttl", "logic.ttl", "sparql.ttl"].map(read);
    let words: Vec<_> = texts.iter().flat_map(|text| text.split(' ')).collect();
    let mut random = Random(1);
    let mut limits = Limits::default();
    limits.steps = 200_000;
    let (mut accepted, mut refused, mut validated) = (0, 0, 0);
    for at in 0..3000 {
        let mut text: Vec<_> = texts[at % 3].split(' ').collect();
        for _ in 0..=random.below(3) {
            let place = random.below(text.len());
            match random.below(3) {
                0 => _ = text.remove(place),
                1 => text.insert(place, words[random.below(words.len())]),
                _ => text[place] = words[random.below(words.len())],
            }
        }
        let text = format!("{PREFIXES}{}", text.join(" "));
        let graph: Graph = TurtleParser::new().for_slice(&text).map_while(Result::ok).collect();
        match (Shapes::parse(&graph, &limits), Shapes::parse(&graph, &limits)) {
            (Ok(shapes), Ok(_)) => {
                accepted += 1;
                if let Ok(report) = shapes.validate(&graph) {
                    validated += 1;
                    assert_eq!(report.conforms, report.results.is_empty());
                    assert_eq!(report, shapes.validate(&graph).unwrap(), "{text}");
                    assert!(!report.to_graph().is_empty());
                }
            }
            (Err(why), Err(again)) => {
                refused += 1;
                assert!(!why.problems.is_empty());
                assert_eq!(why, again, "{text}");
            }
            _ => panic!("once read, once refused: {text}"),
        }
    }
    eprintln!("{accepted} accepted, {validated} of them validated, {refused} refused");
    assert!(accepted > 100 && refused > 100 && validated > 100);
}
