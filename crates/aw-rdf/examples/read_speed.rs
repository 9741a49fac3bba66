//! How fast documents are read, canonicalised and hashed: `read_speed FILE ...`, the best of ten runs each.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::time::{Duration, Instant};

use aw_rdf::{Format, Limits, canonical, read};

fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut best = None;
    for _ in 0..10 {
        let begun = Instant::now();
        let value = run();
        let took = begun.elapsed();
        if best.as_ref().is_none_or(|(least, _)| took < *least) {
            best = Some((took, value));
        }
    }
    best.unwrap()
}

fn main() {
    for name in std::env::args().skip(1) {
        let (bytes, format) = (std::fs::read(&name).unwrap(), Format::stated(None, &name).unwrap());
        let (reading, document) = best(|| read(&bytes, format, &Limits::default(), Some("http://base/")).unwrap());
        let (digesting, digest) = best(|| canonical::graph_digest(&document.graph, &canonical::Limits::default()).unwrap());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let triples = document.graph.len();
        println!("{name}: {triples} triples, read in {reading:.1?}, digest {hex} in {digesting:.1?}");
    }
}
