//! Sources: files under roots, HTTP with everything that can go wrong, formats, what was generated last.

use std::fs;
use std::os::unix::fs::symlink;

use aw_alloy::digest::Digest;
use codegen::input::Format;
use codegen::net::{Network, Secret};
use codegen::source::{Asked, Fetched, Generated, Location, SourceError, Sources, State};

use crate::server::{Server, header};

const TURTLE: &[u8] = b"<urn:a> <urn:b> <urn:c> .\n";

fn inside() -> Sources {
    Sources { network: Network { private: true, ..Network::default() }, ..Sources::default() }
}

fn fetch(sources: &Sources, place: &str, validator: Option<&str>) -> Result<Fetched, SourceError> {
    sources.fetch(&Location::parse(place)?, validator)
}

fn code(sources: &Sources, place: &str) -> &'static str {
    fetch(sources, place, None).unwrap_err().code()
}

#[test]
fn files_are_read_by_path_and_by_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mödel one.ttl");
    fs::write(&path, TURTLE).unwrap();
    let text = path.to_str().unwrap();
    let encoded = format!("file://{}", text.replace('ö', "%C3%B6").replace(' ', "%20"));
    let by_path = fetch(&Sources::default(), text, None).unwrap();
    let by_address = fetch(&Sources::default(), &encoded, None).unwrap();
    assert_eq!(by_path, by_address);
    assert_eq!((by_path.bytes.as_slice(), by_path.source_uri.as_str(), by_path.not_modified), (TURTLE, encoded.as_str(), false));
    assert_eq!(by_path.content_type, None);

    let empty = folder.path().join("empty.ttl");
    fs::write(&empty, b"").unwrap();
    assert_eq!(code(&Sources::default(), empty.to_str().unwrap()), "E-SOURCE-EMPTY");
    assert_eq!(code(&Sources::default(), folder.path().to_str().unwrap()), "E-SOURCE-READ", "a folder");
    assert_eq!(code(&Sources::default(), "/dev/null"), "E-SOURCE-READ", "a device");
    assert_eq!(code(&Sources::default(), folder.path().join("none.ttl").to_str().unwrap()), "E-SOURCE-READ");
    let long = folder.path().join("long.ttl");
    fs::File::create(&long).unwrap().set_len((32 << 20) + 1).unwrap();
    assert_eq!(code(&Sources::default(), long.to_str().unwrap()), "E-SOURCE-LIMIT");
}

#[test]
fn nothing_outside_the_roots_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (folder.path().join("root"), folder.path().join("root-other"));
    for place in [&root, &other] {
        fs::create_dir(place).unwrap();
        fs::write(place.join("a.ttl"), TURTLE).unwrap();
    }
    fs::create_dir(root.join("sub")).unwrap();
    fs::write(root.join("sub/b.ttl"), TURTLE).unwrap();
    symlink(other.join("a.ttl"), root.join("out.ttl")).unwrap();
    symlink(&other, root.join("out")).unwrap();
    symlink("sub/b.ttl", root.join("in.ttl")).unwrap();
    let sources = Sources { roots: Some(vec![root.clone()]), ..Sources::default() };
    let place = |below: &str| root.join(below).to_str().unwrap().to_owned();
    for below in ["a.ttl", "sub/b.ttl", "in.ttl"] {
        assert_eq!(fetch(&sources, &place(below), None).unwrap().bytes, TURTLE, "{below}");
    }
    for outside in
        [place("out.ttl"), place("out/a.ttl"), other.join("a.ttl").to_str().unwrap().to_owned(), "/etc/passwd".to_owned()]
    {
        assert_eq!(code(&sources, &outside), "E-SOURCE-ROOT", "{outside}");
    }
    assert_eq!(code(&sources, &place("none.ttl")), "E-SOURCE-ROOT", "what is not there is no different from what is outside");
    assert_eq!(code(&sources, &format!("file://{}/sub/%2e%2e/%2e%2e/root-other/a.ttl", root.display())), "E-SOURCE-LOCATION");
    let closed = Sources { roots: Some(Vec::new()), ..Sources::default() };
    assert_eq!(code(&closed, &place("a.ttl")), "E-SOURCE-ROOT");
}

#[test]
fn http_is_asked_as_the_specification_says() {
    let server = Server::new(|asked| {
        if asked.headers.get("if-none-match").is_some_and(|etag| etag == "\"one\"") {
            return (304, vec![], vec![]);
        }
        (200, vec![header("ETag", "\"one\""), header("Content-Type", "text/turtle; charset=utf-8")], TURTLE.to_vec())
    });
    let sources = Sources { bearer: Secret::new("token-of-mine"), ..inside() };
    let place = server.url("/model?sig=secret");
    let first = fetch(&sources, &place, None).unwrap();
    assert_eq!((first.bytes.as_slice(), first.validator.as_deref(), first.not_modified), (TURTLE, Some("\"one\""), false));
    assert!(!first.source_uri.contains("secret"), "{}", first.source_uri);
    assert_eq!(first.content_type.as_deref(), Some("text/turtle; charset=utf-8"));
    let again = fetch(&sources, &place, first.validator.as_deref()).unwrap();
    assert_eq!((again.bytes.len(), again.not_modified, again.validator), (0, true, first.validator));
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked[0].headers["authorization"], "Bearer token-of-mine");
    assert!(asked[0].headers["accept"].starts_with("application/n-triples, text/turtle"));
    assert!(!asked[0].headers.contains_key("if-none-match"));
    assert_eq!((asked[1].headers["if-none-match"].as_str(), asked[1].path.as_str()), ("\"one\"", "/model?sig=secret"));
}

#[test]
fn http_answers_that_are_no_ontology_are_errors() {
    let server = Server::new(|asked| match asked.path.as_str() {
        "/empty" => (200, vec![], vec![]),
        "/304" => (304, vec![], vec![]),
        "/204" => (204, vec![], vec![]),
        "/404" => (404, vec![], [b"no such\x1b[31m model ".repeat(30), b"end".to_vec()].concat()),
        "/long" => (200, vec![], vec![b' '; (32 << 20) + 1]),
        "/lie" => (200, vec![header("Content-Length", "999999999999")], vec![b' '; 100]),
        "/cut" => (200, vec![header("Content-Length", "100")], vec![b' '; 50]),
        _ => (500, vec![], vec![]),
    });
    for (path, expected) in [
        ("/empty", "E-SOURCE-EMPTY"),
        ("/304", "E-SOURCE-HTTP"),
        ("/204", "E-SOURCE-HTTP"),
        ("/500", "E-SOURCE-HTTP"),
        ("/long", "E-SOURCE-LIMIT"),
        ("/lie", "E-SOURCE-HTTP"),
        ("/cut", "E-SOURCE-HTTP"),
    ] {
        assert_eq!(code(&inside(), &server.url(path)), expected, "{path}");
    }
    let error = fetch(&inside(), &server.url("/404"), None).unwrap_err().to_string();
    let said = error.split("answers 404: ").nth(1).unwrap();
    assert!(said.starts_with("no such [31m model") && said.chars().count() <= 200 && !said.contains("end"), "{error}");
    assert_eq!(code(&inside(), "http://127.0.0.1:1/nobody"), "E-SOURCE-HTTP");
}

#[test]
fn redirects_stay_on_the_list_and_keep_the_token() {
    let target = Server::new(|_| (200, vec![], TURTLE.to_vec()));
    let elsewhere = target.url("/model.ttl");
    let port = target.port;
    let server = Server::new(move |asked| {
        let to = match asked.path.as_str() {
            "/own" => "/model.ttl".to_owned(),
            "/below" => "model.ttl".to_owned(),
            "/away" => elsewhere.clone(),
            "/name" => format!("http://localhost:{port}/model.ttl"),
            "/circle" => "/circle".to_owned(),
            "/file" => "file:///etc/passwd".to_owned(),
            "/metadata" => "http://169.254.169.254/latest/meta-data".to_owned(),
            "/nowhere" => return (302, vec![], vec![]),
            _ => return (200, vec![], TURTLE.to_vec()),
        };
        (302, vec![header("Location", &to)], vec![])
    });
    let open = Sources { bearer: Secret::new("token-of-mine"), ..inside() };
    for own in ["/own", "/below"] {
        assert_eq!(fetch(&open, &server.url(own), None).unwrap().bytes, TURTLE);
    }
    assert_eq!(server.asked.lock().unwrap().last().unwrap().headers["authorization"], "Bearer token-of-mine");
    for path in ["/away", "/name", "/circle", "/file", "/metadata", "/nowhere"] {
        assert_eq!(code(&open, &server.url(path)), "E-SOURCE-ORIGIN", "{path}");
    }
    // With a list, redirects lead to whom it names, and to nobody else; the token stays behind.
    let list = format!("{},{}", server.url(""), target.url(""));
    let listed = |list: &str| Sources {
        network: Network { allowed: Some(Network::origins(list).unwrap()), ..Network::default() },
        bearer: Secret::new("token-of-mine"),
        ..Sources::default()
    };
    assert_eq!(fetch(&listed(&list), &server.url("/away"), None).unwrap().bytes, TURTLE);
    assert!(!target.asked.lock().unwrap().last().unwrap().headers.contains_key("authorization"));
    for path in ["/name", "/metadata"] {
        assert_eq!(code(&listed(&list), &server.url(path)), "E-SOURCE-ORIGIN", "{path}");
    }
    assert_eq!(code(&listed("https://a.example"), &server.url("/own")), "E-SOURCE-ORIGIN", "not even asked");
}

#[test]
fn names_that_lead_inside_are_not_asked() {
    let server = Server::new(|_| (200, vec![], TURTLE.to_vec()));
    let port = server.port;
    let strict = Sources { network: Network { plain: true, ..Network::default() }, ..Sources::default() };
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0.0.0.0", "2130706433"] {
        let error = fetch(&strict, &format!("http://{host}:{port}/a.ttl"), None).unwrap_err();
        assert_eq!(error.code(), "E-SOURCE-HTTP", "{host}: {error}");
    }
    assert!(server.asked.lock().unwrap().is_empty(), "nobody connected");
    let error = fetch(&strict, &format!("http://127.0.0.1:{port}/a.ttl"), None).unwrap_err().to_string();
    assert!(error.contains("not a public address"), "{error}");
    let plain = fetch(&Sources::default(), "http://ontology.example/a.ttl", None).unwrap_err().to_string();
    assert!(plain.contains("without TLS"), "{plain}");
}

#[test]
fn whether_a_source_is_there_is_asked_without_reading_it() {
    let server = Server::new(|asked| match asked.path.as_str() {
        // More than is read of any source; its bytes never come.
        "/long" => (200, vec![header("Content-Length", "99999999999")], vec![]),
        "/gone" => (404, vec![], b"nothing here".to_vec()),
        _ => (304, vec![], vec![]),
    });
    let answers = |place: &str| inside().answers(&Location::parse(place)?);
    answers(&server.url("/long")).unwrap();
    assert!(fetch(&inside(), &server.url("/long"), None).is_err());
    assert!(answers(&server.url("/gone")).unwrap_err().to_string().contains("nothing here"));
    assert!(answers(&server.url("/odd")).unwrap_err().to_string().contains("expected 200"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ttl");
    assert_eq!(answers(path.to_str().unwrap()).unwrap_err().code(), "E-SOURCE-READ");
    fs::write(&path, b"").unwrap();
    assert_eq!(answers(path.to_str().unwrap()).unwrap_err().code(), "E-SOURCE-EMPTY");
    fs::write(&path, TURTLE).unwrap();
    answers(path.to_str().unwrap()).unwrap();
}

#[test]
fn formats_are_said_and_never_guessed() {
    let of = |place: &str, content_type: Option<&str>| Format::stated(content_type, Location::parse(place).unwrap().name());
    use Format::{JsonLd, NTriples, Turtle, Yaml};
    for (place, content_type, expected) in [
        ("/a.ttl", None, Turtle),
        ("/a.NT", None, NTriples),
        ("/a.ntriples", None, NTriples),
        ("/a.jsonld", None, JsonLd),
        ("/a.json-ld", None, JsonLd),
        ("/a.yaml", None, Yaml),
        ("/a.yml", None, Yaml),
        ("https://h.example/a.ttl", Some("application/n-triples"), NTriples),
        ("https://h.example/a.ttl", Some("text/plain; charset=utf-8"), Turtle),
        ("https://h.example/a", Some("Application/LD+JSON;profile=x"), JsonLd),
        ("https://h.example/a.ttl?x=.nt", None, Turtle),
        ("s3://bucket/dir.d/a.yaml", None, Yaml),
    ] {
        assert_eq!(of(place, content_type).unwrap(), expected, "{place} {content_type:?}");
    }
    for (place, content_type) in [
        ("/a", None),
        ("https://h.example/a.d/b", None),
        ("https://h.example/a", Some("text/plain")),
        ("/a.json", None),
        ("/ttl", None),
    ] {
        assert_eq!(of(place, content_type).unwrap_err().code, "E-FORMAT-UNKNOWN", "{place}");
    }
}

#[test]
fn object_stores_are_refused_where_nobody_allowed_them() {
    assert_eq!(code(&Sources::default(), "s3://bucket/a.ttl"), "E-SOURCE-READ");
}

#[test]
fn what_was_generated_last_decides() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/state.json");
    let (python, both) = (["python".to_owned()], ["python".to_owned(), "rust".to_owned()]);
    let asked = |targets| Asked {
        source_uri: "https://h.example/a.ttl",
        forge_version: "0.1.0",
        profile: "wire",
        targets,
        options: Digest::of(b""),
    };
    let generated = |validator: &str, graph: &[u8], model: &[u8]| Generated {
        validator: Some(validator.to_owned()),
        graph_digest: Some(Digest::of(graph)),
        model_digest: Digest::of(model),
    };
    let mut state = State::read(&path).unwrap();
    assert_eq!(state.validator(&asked(&python)), None);
    state.record(&asked(&python), &generated("\"one\"", b"g1", b"m1"));
    state.write(&path).unwrap();
    let state = State::read(&path).unwrap();
    assert_eq!(state.validator(&asked(&python)), Some("\"one\""));
    assert!(state.same_source(&asked(&python), Some("\"one\"")) && !state.same_source(&asked(&python), Some("\"two\"")));
    assert!(!state.same_source(&asked(&python), None), "no validator is no proof");
    assert!(state.same_graph(&asked(&python), &Digest::of(b"g1")) && !state.same_graph(&asked(&python), &Digest::of(b"g2")));
    assert!(state.same_model(&asked(&python), &Digest::of(b"m1")) && !state.same_model(&asked(&python), &Digest::of(b"m2")));
    // A target that was never generated is generated, whatever the source says.
    assert_eq!(state.validator(&asked(&both)), None);
    assert!(!state.same_model(&asked(&both), &Digest::of(b"m1")));
    // Everything that the result depends on is part of the question.
    for other in [
        Asked { forge_version: "0.1.1", ..asked(&python) },
        Asked { profile: "plain", ..asked(&python) },
        Asked { options: Digest::of(b"a template"), ..asked(&python) },
        Asked { source_uri: "https://h.example/b.ttl", ..asked(&python) },
    ] {
        assert_eq!(state.validator(&other), None, "{other:?}");
    }
    let mut mixed = state.clone();
    mixed.record(&asked(&both[1..]), &generated("\"two\"", b"g1", b"m1"));
    assert_eq!(mixed.validator(&asked(&both)), None, "two states of the source are none");
    assert!(mixed.same_graph(&asked(&both), &Digest::of(b"g1")));
    fs::write(&path, b"{\"generated\": 1}").unwrap();
    assert!(State::read(&path).unwrap_err().to_string().contains("remove it"));
}
