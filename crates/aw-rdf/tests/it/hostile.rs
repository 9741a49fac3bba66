//! Documents made to cost much: refused with the limit they break, in time.

use std::fmt::Write;
use std::time::{Duration, Instant};

use aw_rdf::{Fault, Format, Limits, read};

/// Reads a document that must be refused for a limit, within some seconds.
fn limit(text: &str, format: Format) -> &'static str {
    let begun = Instant::now();
    let problems = read(text.as_bytes(), format, &Limits::default(), Some("http://e/")).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    match &problems[0].fault {
        Fault::Limit { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn too_many_bytes() {
    assert_eq!(limit(&" ".repeat((32 << 20) + 1), Format::Turtle), "bytes of the document");
}

#[test]
fn deep_nesting() {
    for bracket in ["(", "[<a:p>"] {
        assert_eq!(limit(&format!("<a:s> <a:p> {}", bracket.repeat(4_000_000)), Format::Turtle), "nested brackets");
        let problems = read(format!("<a:s> <a:p>\n{}", bracket.repeat(200)).as_bytes(), Format::Turtle, &Limits::default(), None);
        assert_eq!(problems.unwrap_err()[0].place.unwrap().line, 2);
    }
}

#[test]
fn a_million_triples() {
    let mut lines = String::new();
    for number in 0..1_000_000 {
        writeln!(lines, "<a:{number}> <a:p> 1 .").unwrap();
    }
    assert_eq!(limit(&lines, Format::Turtle), "statements");
    // Repeated ones are read one by one, too.
    assert_eq!(limit(&format!("<a:s> <a:p> 1{} .", ",1".repeat(1_000_000)), Format::Turtle), "statements");
    assert_eq!(limit(&"<a:s> <a:p> <a:o> .\n".repeat(600_000), Format::NTriples), "statements");
}

#[test]
fn prefixes_that_grow() {
    let prefix = format!("@prefix a: <http://e/{}> .\n", "x".repeat(8_000));
    let mut text = prefix.clone();
    for number in 0..400_000 {
        write!(text, "a:{number} a a:x .").unwrap();
    }
    assert_eq!(limit(&text, Format::Turtle), "bytes of all terms, written out");
    let mut base = format!("@base <http://e/{}/> .\n", "x".repeat(8_000));
    for number in 0..400_000 {
        write!(base, "@prefix p{number}: <x> .").unwrap();
    }
    assert_eq!(limit(&base, Format::Turtle), "bytes of all terms, written out");
    assert_eq!(limit(&"@base <aaaaaaaa/> .\n".repeat(1_000_000), Format::Turtle), "bytes of an IRI");
    assert_eq!(limit(&format!("@prefix a: <{}> .\n", "x".repeat(20_000)), Format::Turtle), "bytes of an IRI");
    assert_eq!(limit(&format!("<a:s> <a:p> a:{}", "x".repeat(20_000_000)), Format::Turtle), "bytes of a name");
}

#[test]
fn long_literals() {
    for quote in ["'", "\"\"\""] {
        let text = format!("<a:s> <a:p> {quote}{}{quote} .", "x".repeat(2 << 20));
        assert_eq!(limit(&text, Format::Turtle), "bytes of a literal");
        if quote == "\"\"\"" {
            continue;
        }
        assert_eq!(limit(&text.replace('\'', "\""), Format::NTriples), "bytes of a literal");
    }
}

#[test]
fn unclosed_things_are_problems() {
    for text in ["<a:s> <a:p> '''", "<a:s> <a:p> <", "<a:s> <a:p> \"\\", "@prefix", "<a:s> <a:p> _:", "\\", "<a:s> a:\\"] {
        for format in [Format::Turtle, Format::NTriples] {
            assert!(read(text.as_bytes(), format, &Limits::default(), None).is_err(), "{text}");
        }
    }
}
