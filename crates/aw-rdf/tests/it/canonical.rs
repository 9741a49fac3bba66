//! The canonical form without the suites: it does not see order and names, and it gives up in time.

use std::fmt::Write;
use std::time::{Duration, Instant};

use aw_rdf::canonical::{CanonicalError, Limits, graph_digest, nquads, ntriples};
use aw_rdf::{Dataset, Format, Graph, Triples, read};
use oxttl::NQuadsParser;
use proptest::prelude::*;

fn graph(text: &str) -> Triples {
    read(text.as_bytes(), Format::Turtle, &aw_rdf::Limits::default(), None).unwrap().graph
}

fn dataset(lines: &[String]) -> Dataset {
    NQuadsParser::new().for_slice(&lines.concat()).map(|quad| quad.unwrap()).collect()
}

#[test]
fn every_character_has_one_form() {
    let text = "<a:s> <a:p> \"\\u0000\\b\\t\\n\\u000B\\f\\r\\\"\\\\\\u001F\\u007F\\u0080'é😀\", 'x'@EN-gb, 'y'^^<http://www.w3.org/2001/XMLSchema#string>, 1 .";
    let expected = "<a:s> <a:p> \"1\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n\
        <a:s> <a:p> \"\\u0000\\b\\t\\n\\u000B\\f\\r\\\"\\\\\\u001F\\u007F\u{80}'é😀\" .\n\
        <a:s> <a:p> \"x\"@en-gb .\n\
        <a:s> <a:p> \"y\" .\n";
    assert_eq!(ntriples(&graph(text), &Limits::default()).unwrap(), expected);
}

#[test]
fn the_digest_is_that_of_the_lines() {
    // `printf '<a:s> <a:p> <a:o> .\n' | sha256sum`
    let digest = graph_digest(&graph("<a:s> <a:p> <a:o> ."), &Limits::default()).unwrap();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "639f8a178a83c2407595cf39d79fbaa6c93a53041cb3ad0629a887413fc30311");
    assert_eq!(ntriples(&Graph::new(), &Limits::default()).unwrap(), "");
}

/// Each node of a clique is said to know each other one: nothing tells them apart.
fn clique(size: usize) -> Triples {
    let mut text = String::new();
    for (a, b) in (0..size).flat_map(|a| (0..size).map(move |b| (a, b))).filter(|(a, b)| a != b) {
        writeln!(text, "_:n{a} <a:p> _:n{b} .").unwrap();
    }
    graph(&text)
}

#[test]
fn poisoned_graphs_are_given_up_in_time() {
    let begun = Instant::now();
    for size in [9, 12, 30, 300] {
        let found = ntriples(&clique(size), &Limits::default());
        assert!(matches!(found, Err(CanonicalError::Steps { alike, .. }) if alike == size), "{size}: {found:?}");
    }
    // A circle longer than any stack.
    let mut circle = String::new();
    for node in 0..100_000 {
        writeln!(circle, "_:n{node} <a:p> _:n{} .", (node + 1) % 100_000).unwrap();
    }
    let found = ntriples(&graph(&circle), &Limits::default());
    assert!(matches!(found, Err(CanonicalError::Depth { .. } | CanonicalError::Steps { .. })), "{found:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(ntriples(&clique(4), &Limits::default()).is_ok());
}

#[test]
fn real_shapes_of_blank_nodes_take_few_steps() {
    let mut text = String::from("@prefix owl: <http://www.w3.org/2002/07/owl#> .\n");
    for class in 0..2_000 {
        writeln!(text, "<a:C{class}> owl:unionOf ( <a:A> <a:B> [ owl:onProperty <a:p> ; owl:someValuesFrom <a:C{class}> ] ) .")
            .unwrap();
    }
    let (graph, begun) = (graph(&text), Instant::now());
    ntriples(&graph, &Limits::default()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// A statement between a few blank nodes, IRIs and graphs.
fn statement() -> impl Strategy<Value = (u8, u8, u8, u8)> {
    (0u8..6, 0u8..2, 0u8..8, 0u8..3)
}

fn lines(statements: &[(u8, u8, u8, u8)], name: impl Fn(u8) -> String) -> Vec<String> {
    let term = |number: u8| if number < 5 { format!("_:{}", name(number)) } else { format!("<a:n{number}>") };
    let line = |(s, p, o, g): &(u8, u8, u8, u8)| match g {
        0 => format!("{} <a:p{p}> {} .\n", term(*s), term(*o)),
        1 => format!("{} <a:p{p}> {} _:{} .\n", term(*s), term(*o), name(0)),
        _ => format!("{} <a:p{p}> {} <a:g> .\n", term(*s), term(*o)),
    };
    statements.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn names_and_order_do_not_show(
        statements in prop::collection::vec(statement(), 1..20),
        names in Just((0u8..5).collect::<Vec<_>>()).prop_shuffle(),
        seed in any::<u64>(),
    ) {
        let expected = nquads(&dataset(&lines(&statements, |it| format!("n{it}"))), &Limits::default()).unwrap();
        for run in 0..20u64 {
            let mut shuffled = statements.clone();
            let mut state = seed ^ run;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                shuffled.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
            }
            let again = dataset(&lines(&shuffled, |it| format!("x{}y{run}", (names[usize::from(it)] + u8::try_from(run).unwrap()) % 5)));
            prop_assert_eq!(&nquads(&again, &Limits::default()).unwrap(), &expected);
        }
        // And it is a form of the same dataset: read again, it stays as it is.
        prop_assert_eq!(&nquads(&dataset(std::slice::from_ref(&expected)), &Limits::default()).unwrap(), &expected);
    }
}
