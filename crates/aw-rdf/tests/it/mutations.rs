//! Documents with bytes changed, dropped and repeated: no panic, places inside the text, and what is read is the same graph when its
//! canonical form is read again. The fuzz target `rdf` does the same, guided by coverage; its seeds are the documents.

use aw_rdf::{Format, Limits, canonical, read};
use proptest::prelude::*;

fn seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/rdf");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Reads a document whose first byte says its format; whether it is one.
fn sound(bytes: &[u8]) -> bool {
    let Some((first, bytes)) = bytes.split_first() else { return false };
    let format = Format::ALL[usize::from(*first) % Format::ALL.len()];
    // A carriage return ends a line, too, where Turtle is read.
    let lines = bytes.iter().filter(|it| matches!(it, b'\n' | b'\r')).count() as u64 + 1;
    match read(bytes, format, &Limits::default(), (*first >= 128).then_some("http://base/folder/file?query#fragment")) {
        Err(problems) => {
            assert!(!problems.is_empty());
            for at in problems.iter().filter_map(|it| it.place) {
                assert!((1..=lines).contains(&at.line) && at.column >= 1, "{at} in {:?}", String::from_utf8_lossy(bytes));
            }
            false
        }
        Ok(document) => {
            let form = |graph| canonical::ntriples(graph, &canonical::Limits::default()).unwrap();
            let lines = form(&document.graph);
            let again = read(lines.as_bytes(), Format::NTriples, &Limits::default(), None).unwrap().graph;
            assert_eq!(form(&again), lines);
            true
        }
    }
}

#[test]
fn every_seed_is_a_document() {
    let seeds = seeds();
    assert!(seeds.len() >= 5);
    for seed in seeds {
        assert!(sound(&seed), "{}", String::from_utf8_lossy(&seed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn nothing_panics(
        seed in prop::sample::select(seeds()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..4, any::<u8>()), 1..4),
    ) {
        let mut bytes = seed;
        for (at, length, change, byte) in changes {
            let at = at.index(bytes.len());
            let length = length.index((bytes.len() - at).min(20)).max(1);
            match change {
                0 => bytes[at] = byte,
                1 if at > 0 => drop(bytes.drain(at..at + length)),
                2 => bytes.insert(at, b"\"'<>[](){}@#:;,.\\_ \n"[usize::from(byte) % 20]),
                _ => {
                    let repeated = bytes[at..at + length].to_vec();
                    bytes.splice(at..at, repeated);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        sound(&bytes);
    }
}
