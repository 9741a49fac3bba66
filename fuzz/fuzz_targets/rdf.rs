//! Turtle, N-Triples and JSON-LD: no panic, problems inside the text, and what is read is the same graph when its canonical form is
//! read again. The first byte says which format it is.
#![no_main]

use std::collections::BTreeSet;

use aw_rdf::{Format, Limits, Places, canonical, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let format = Format::ALL[usize::from(*first) % Format::ALL.len()];
    let base = (*first >= 128).then_some("http://base/folder/file?query#fragment");
    let wanted: BTreeSet<String> = ["http://e/a", "a:b"].map(Into::into).into();
    let _ = Places::of(bytes, format, base, &wanted);
    let document = match read(bytes, format, &Limits::default(), base) {
        Ok(document) => document,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            return assert!(problems.iter().all(|it| it.place.is_none_or(|at| at.line >= 1 && at.column >= 1)));
        }
    };
    let limits = canonical::Limits { steps: 100_000, ..canonical::Limits::default() };
    let Ok(lines) = canonical::ntriples(&document.graph, &limits) else { return };
    let again = read(lines.as_bytes(), Format::NTriples, &Limits::default(), None).expect("canonical N-Triples are N-Triples");
    assert_eq!(canonical::ntriples(&again.graph, &limits).as_ref(), Ok(&lines), "the form of a form is the form");
});
