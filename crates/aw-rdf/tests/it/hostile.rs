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
    for text in [
        "<a:s> <a:p> '''",
        "<a:s> <a:p> <",
        "<a:s> <a:p> \"\\",
        "@prefix",
        "<a:s> <a:p> _:",
        "\\",
        "<a:s> a:\\",
        "<a:s> \0",
        "\u{b}",
    ] {
        for format in [Format::Turtle, Format::NTriples] {
            assert!(read(text.as_bytes(), format, &Limits::default(), None).is_err(), "{text}");
        }
    }
}

#[test]
fn json_ld_nesting() {
    for bracket in ["[", "{\"a:a\":", "{\"@context\":"] {
        assert_eq!(limit(&bracket.repeat(2_000_000), Format::JsonLd), "nested objects and arrays");
    }
    // As deep as is allowed, of each thing that is read within itself.
    for (open, core, close) in [
        ("{\"a:a\":", "1", "}"),
        ("[", "1", "]"),
        ("{\"@graph\":", "1", "}"),
        ("{\"@included\":", "{}", "}"),
        ("{\"@list\":", "1", "}"),
        ("{\"@context\":{\"t\":", "\"a:b\"", "}}"),
    ] {
        let levels = 100 / open.matches(['{', '[']).count();
        let text = format!(
            "{{\"@context\":{{\"a:a\":{{\"@container\":\"@list\"}}}},\"a:a\":{}{core}{}}}",
            open.repeat(levels - 1),
            close.repeat(levels - 1)
        );
        let _ = read(text.as_bytes(), Format::JsonLd, &Limits::default(), None);
        let nests = format!("{{\"@context\":{{\"t\":\"a:t\"}},{}\"t\":1{}}}", "\"@nest\":{".repeat(90), "}".repeat(90));
        assert_eq!(read(nests.as_bytes(), Format::JsonLd, &Limits::default(), None).unwrap().graph.len(), 1);
    }
    let scoped = format!("{{\"@context\":{}1{}}}", "{\"t\":{\"@id\":\"a:b\",\"@context\":".repeat(45), "}}".repeat(45));
    assert!(read(scoped.as_bytes(), Format::JsonLd, &Limits::default(), None).is_err());
}

#[test]
fn json_ld_contexts_that_cost_much() {
    let terms: Vec<String> = (0..20_000).map(|it| format!("\"t{it}\":\"a:{it}\"")).collect();
    let objects = "{\"@context\":{\"x\":\"a:x\"},\"a:b\":1},".repeat(100_000);
    let copies = format!("{{\"@context\":{{{}}},\"@graph\":[{objects}1]}}", terms.join(","));
    assert_eq!(limit(&copies, Format::JsonLd), "steps of using contexts");
    // Each term has a context of its own, and each is looked at when the term is defined.
    let scoped: Vec<String> =
        (0..50_000).map(|it| format!("\"t{it}\":{{\"@id\":\"a:{it}\",\"@context\":{{\"x\":\"a:x\"}}}}")).collect();
    assert_eq!(limit(&format!("{{\"@context\":{{{}}}}}", scoped.join(",")), Format::JsonLd), "steps of using contexts");
    // A context used anew at each object.
    let used = "{\"t\":{\"x0\":{}}},".repeat(100_000);
    let inner: Vec<String> = (0..1_000).map(|it| format!("\"x{it}\":\"a:{it}\"")).collect();
    let used =
        format!("{{\"@context\":{{\"t\":{{\"@id\":\"a:t\",\"@context\":{{{}}}}}}},\"@graph\":[{used}1]}}", inner.join(","));
    assert_eq!(limit(&used, Format::JsonLd), "steps of using contexts");
}

#[test]
fn json_ld_terms_that_grow() {
    let chain: Vec<String> = (0..100_000).map(|it| format!("\"t{it}\":\"t{}:xxxxxxxx\"", it + 1)).collect();
    assert_eq!(limit(&format!("{{\"@context\":{{{}}}}}", chain.join(",")), Format::JsonLd), "terms defined by one another");
    let chain: Vec<String> =
        (1..100_000).map(|it| format!("\"t{it}\":{{\"@id\":\"t{}:xxxxxxxx\",\"@prefix\":true}}", it - 1)).collect();
    let chain = format!("{{\"@context\":{{\"t0\":{{\"@id\":\"a:\",\"@prefix\":true}},{}}}}}", chain.join(","));
    assert_eq!(limit(&chain, Format::JsonLd), "bytes of an IRI");
    let long = "x".repeat(8_000);
    let values = "1,".repeat(400_000);
    for document in [
        format!("{{\"@id\":\"a:{long}\",\"a:p\":[{values}1]}}"),
        format!("{{\"@context\":{{\"p\":\"a:{long}\"}},\"p\":[{values}1]}}"),
        format!("{{\"@context\":{{\"@base\":\"a:{long}/\"}},\"a:p\":[{}1]}}", "{\"@id\":\"x\"},".repeat(100_000)),
        format!(
            "{{\"@context\":{{\"@vocab\":\"a:{long}/\"}},\"p\":{{{}\"x\":1}}}}",
            (0..100_000).map(|it| format!("\"p{it}\":1,")).collect::<String>()
        ),
    ] {
        assert_eq!(limit(&document, Format::JsonLd), "bytes of all terms, written out");
    }
    assert_eq!(limit(&format!("{{\"a:p\":[{}1]}}", "1,".repeat(4_000_000)), Format::JsonLd), "JSON values");
    assert_eq!(limit(&format!("{{\"a:p\":[{}1]}}", "1,".repeat(600_000)), Format::JsonLd), "statements");
    let relative = "{\"@base\":\"aaaaaaaa/\"},".repeat(100_000);
    assert_eq!(limit(&format!("{{\"@context\":[{relative}{{}}]}}"), Format::JsonLd), "bytes of an IRI");
}
