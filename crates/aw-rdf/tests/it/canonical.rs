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

/// Subject and object: blank nodes or IRIs; predicate.
type Statement = (u8, u8, u8);

fn statement() -> impl Strategy<Value = Statement> {
    (0u8..6, 0u8..2, 0u8..8)
}

/// The statements in one graph: the default one, that of a blank node, or a named one.
fn lines(statements: &[Statement], graph: u8, name: impl Fn(u8) -> String) -> Vec<String> {
    let term = |number: u8| if number < 5 { format!("_:{}", name(number)) } else { format!("<a:n{number}>") };
    let graph = match graph {
        0 => String::new(),
        1 => format!(" _:{}", name(0)),
        _ => String::from(" <a:g>"),
    };
    let line = |(s, p, o): &Statement| format!("{} <a:p{p}> {}{graph} .\n", term(*s), term(*o));
    statements.iter().map(line).collect()
}

/// RDFC-1.0 does not see in which graph a statement about a related blank node stands. rdf-canonize 5.0.0 (the reference
/// implementation in JavaScript) gives these two forms to the same dataset under two namings as well.
#[test]
fn the_algorithm_leaves_datasets_of_several_graphs_open() {
    let named = |first: &str, second: &str| {
        let lines = [
            format!("_:{first} <a:p> _:x <a:g1> .\n_:{first} <a:p> _:y <a:g2> .\n"),
            format!("_:{second} <a:p> _:y <a:g1> .\n_:{second} <a:p> _:x <a:g2> .\n"),
            String::from("_:x <a:is> \"x\" .\n_:y <a:is> \"y\" .\n"),
        ];
        nquads(&dataset(&lines), &Limits::default()).unwrap()
    };
    let form = |second: &str, third: &str| {
        format!(
            "_:c14n0 <a:is> \"x\" .\n_:c14n1 <a:is> \"y\" .\n\
             _:c14n2 <a:p> _:c14n0 <a:{second}> .\n_:c14n2 <a:p> _:c14n1 <a:{third}> .\n\
             _:c14n3 <a:p> _:c14n0 <a:{third}> .\n_:c14n3 <a:p> _:c14n1 <a:{second}> .\n"
        )
    };
    assert_eq!(named("m", "n"), form("g1", "g2"));
    assert_eq!(named("n", "m"), form("g2", "g1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn names_and_order_do_not_show(
        statements in prop::collection::vec(statement(), 1..20),
        graph in 0u8..3,
        names in Just((0u8..5).collect::<Vec<_>>()).prop_shuffle(),
        seed in any::<u64>(),
    ) {
        let expected = nquads(&dataset(&lines(&statements, graph, |it| format!("n{it}"))), &Limits::default()).unwrap();
        for run in 0..20u64 {
            let mut shuffled = statements.clone();
            let mut state = seed ^ run;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                shuffled.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
            }
            let again = dataset(&lines(&shuffled, graph, |it| format!("x{}y{run}", (names[usize::from(it)] + u8::try_from(run).unwrap()) % 5)));
            prop_assert_eq!(&nquads(&again, &Limits::default()).unwrap(), &expected);
        }
        // And it is a form of the same dataset: read again, it stays as it is.
        prop_assert_eq!(&nquads(&dataset(std::slice::from_ref(&expected)), &Limits::default()).unwrap(), &expected);
    }
}
