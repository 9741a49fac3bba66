//! The canonical form of small graphs full of blank nodes: the same under other names and in another order. One byte for the graph the
//! statements stand in (one, for RDFC-1.0 leaves open what several give), then three a statement.
#![no_main]

use aw_rdf::canonical::{Limits, nquads};
use aw_rdf::oxrdf::{BlankNode, GraphName, NamedNode, NamedOrBlankNode, Quad};
use aw_rdf::Dataset;
use libfuzzer_sys::fuzz_target;

/// One of eight nodes, most of them blank and called after their number in this naming.
fn node(number: u8, naming: u8) -> NamedOrBlankNode {
    match number % 8 {
        number @ 0..6 => BlankNode::new_unchecked(format!("n{}", (number * (naming * 4 + 1) + naming) % 6)).into(),
        number => NamedNode::new_unchecked(format!("a:{number}")).into(),
    }
}

fn dataset(bytes: &[u8], naming: u8) -> Dataset {
    let Some((graph, statements)) = bytes.split_first() else { return Dataset::new() };
    let graph = match graph % 4 {
        0 | 1 => GraphName::DefaultGraph,
        2 => node(graph / 4, naming).into(),
        _ => NamedNode::new_unchecked("a:graph").into(),
    };
    let quad = |it: &[u8]| {
        let predicate = NamedNode::new_unchecked(format!("a:p{}", it[2] / 64));
        Quad::new(node(it[0], naming), predicate, node(it[1], naming), graph.clone())
    };
    statements.chunks_exact(3).take(24).map(quad).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { steps: 200_000, ..Limits::default() };
    let first = nquads(&dataset(bytes, 0), &limits);
    let second = nquads(&dataset(bytes, 1), &limits);
    if let (Ok(first), Ok(second)) = (first, second) {
        assert_eq!(first, second, "names do not show");
    }
});
