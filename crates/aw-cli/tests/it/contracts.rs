//! Contracts from ontologies that nobody should be handed, and the same contracts wherever and however an ontology is written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aw_alloy::digest::Digest;
use serde_json::{Value, json};

use crate::support::PROGRAM;

/// Most memory a run may ask the system for, in KiB, everything that is mapped included.
const MEMORY_KIB: u64 = 1_500_000;
/// Most processor seconds: a run that ends at all ends long before.
const SECONDS: u64 = 120;

const PREFIXES: &str = "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix ex: <http://e/m#> .\n";

struct Run {
    code: Option<i32>,
    said: String,
}

/// Generates contracts of a file in a folder, within limits, in a shell that is given more to do before, by way of another program.
fn generate(folder: &Path, source: &Path, out: &str, [namespace, before, by]: [&str; 3]) -> Run {
    let script = format!("ulimit -v {MEMORY_KIB} && ulimit -t {SECONDS} && {before} exec {by} \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(folder).stdin(Stdio::null()).args(["-c", &script, "sh", PROGRAM, "--home"]).arg(folder.join("home"));
    command.args(["codegen", "generate"]).arg(source).args(["--vocabulary", "auto", "--namespace", namespace]);
    let ended = command.args(["--ontology-version", "1.0.0", "--out", out]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    Run { code: ended.status.code(), said }
}

/// Every file below a folder and its bytes' digest.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let digest = Digest::of(&fs::read(&path).unwrap()).hex();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), digest);
            }
        }
    }
    found
}

/// A document that is hostile, and what is said of it; nothing when it is generated from.
struct Hostile {
    name: &'static str,
    text: String,
    said: &'static [&'static str],
}

fn turtle(name: &'static str, text: impl AsRef<str>, said: &'static [&'static str]) -> Hostile {
    Hostile { name, text: format!("{PREFIXES}{}", text.as_ref()), said }
}

fn hostile() -> Vec<Hostile> {
    let many = |count: usize, write: &dyn Fn(&mut String, usize)| {
        let mut text = String::new();
        (0..count).for_each(|at| write(&mut text, at));
        text
    };
    let million = many(1_000_000, &|text, at| write!(text, "{at},").unwrap());
    let lines = many(400_000, &|text, at| writeln!(text, "ex:s{at} ex:p ex:s{at} .").unwrap());
    let clique = many(40, &|text, at| {
        (0..40).filter(|other| *other != at).for_each(|other| write!(text, "_:b{at} ex:p _:b{other} . ").unwrap());
    });
    let literal = |bytes: usize| format!("ex:A a owl:Class ; rdfs:label \"{}\" .", "x".repeat(bytes));
    let labels =
        many(30, &|text, at| writeln!(text, "ex:A{at} a owl:Class ; rdfs:label \"{}\" .", "y".repeat(1_000_000)).unwrap());
    let base = many(60, &|text, at| writeln!(text, "@base <{}{at}/> .", "a/".repeat(120)).unwrap());
    let nested = format!("{{\"@id\":\"a:b\",\"a:p\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let context = many(200, &|text, at| write!(text, "\"p{at}\":\"p{}:a\",", at + 1).unwrap());
    let anchors = many(60, &|text, at| {
        writeln!(text, "a{}: &a{} [*a{at},*a{at},*a{at},*a{at},*a{at},*a{at},*a{at}]", at + 1, at + 1).unwrap()
    });
    let process = |id: &str| {
        format!(
            "version: 1.0.0\nnamespace: A.B\nobjectTypes: [{{name: A, fields: [{{name: a, type: string}}]}}]\n\
             processes: [{{id: {id}, name: P, steps: [{{name: e, kind: end}}]}}]\n"
        )
    };
    vec![
        turtle("million.ttl", format!("ex:a ex:p {million} 1 ."), &["statements"]),
        turtle("lines.ttl", format!("ex:A a owl:Class . {lines}"), &[]),
        turtle("brackets.ttl", format!("ex:a ex:p {}", "[ ex:p ".repeat(200_000)), &["nested"]),
        turtle("lists.ttl", format!("ex:a ex:p {}", "(".repeat(200_000)), &["nested"]),
        Hostile { name: "nested.jsonld", text: nested, said: &["nested"] },
        Hostile {
            name: "context.jsonld",
            text: format!("{{\"@context\":{{{context}\"p200\":\"p0:a\"}},\"p0:x\":1}}"),
            said: &["above the limit"],
        },
        turtle("clique.ttl", clique, &["blank nodes"]),
        turtle("literal.ttl", literal(3_000_000), &["bytes of a literal"]),
        turtle("labels.ttl", labels, &[]),
        turtle("base.ttl", base, &["IRI"]),
        turtle(
            "path.ttl",
            "<http://e/../../../etc/passwd> a owl:Class . <http://e/m#..> a owl:Class .",
            &["ends in nothing that can become a name"],
        ),
        turtle("controls.ttl", "<http://e/m#A\\u202EB> a owl:Class . ex:A a owl:Class ; rdfs:label \"\\u202E*/ \\u0000\" .", &[]),
        turtle(
            "cycle.ttl",
            "ex:A rdfs:subClassOf ex:B ; a owl:Class . ex:B a owl:Class ; rdfs:subClassOf ex:A .",
            &["superclasses lead back"],
        ),
        Hostile { name: "anchors.yaml", text: format!("a0: &a0 [1,1]\n{anchors}"), said: &["too many values"] },
        Hostile { name: "process.yaml", text: process("../../escaped"), said: &["cannot identify a process"] },
        Hostile { name: "deep.yaml", text: "[".repeat(100_000), said: &["nest", "deep"] },
    ]
}

#[test]
fn malicious_ontologies_end_in_bounded_memory_and_write_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = String::new();
    for document in hostile() {
        let place = folder.path().join(document.name.replace('.', "-"));
        fs::create_dir(&place).unwrap();
        let source = place.join(document.name);
        fs::write(&source, &document.text).unwrap();
        let run = generate(&place, &source, "out", ["A.B", "", ""]);
        let generated = run.code == Some(0);
        if run.code.is_none_or(|code| code > 5) || generated != document.said.is_empty() {
            writeln!(wrong, "{}: ended with {:?}: {:.600}", document.name, run.code, run.said).unwrap();
        }
        if !document.said.is_empty() && !document.said.iter().any(|said| run.said.contains(said)) {
            writeln!(wrong, "{}: expected one of {:?} in: {:.600}", document.name, document.said, run.said).unwrap();
        }
        let written = files(&place);
        let elsewhere: Vec<_> = written
            .keys()
            .filter(|path| !path.starts_with("out") && !path.starts_with("home") && *path != Path::new(document.name))
            .collect();
        assert!(elsewhere.is_empty(), "{}: {elsewhere:?}", document.name);
        assert_eq!(written.keys().any(|path| path.starts_with("out")), generated, "{}", document.name);
        fs::remove_dir_all(&place).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing beside the folders");
}

/// A graph in canonical N-Triples as JSON-LD, each statement a node of its own.
fn json_ld(lines: &[String]) -> String {
    let node = |text: &str| text.strip_prefix('<').and_then(|it| it.strip_suffix('>')).unwrap_or(text).to_owned();
    let statement = |line: &String| {
        let (subject, rest) = line.split_once(' ').unwrap();
        let (predicate, object) = rest.trim_end_matches(" .").split_once(' ').unwrap();
        let object = match object.strip_prefix('"').map(|text| text.rsplit_once('"').unwrap()) {
            None => json!({"@id": node(object)}),
            Some((text, "")) => json!({"@value": serde_json::from_str::<Value>(&format!("\"{text}\"")).unwrap()}),
            Some((text, kind)) => json!({"@value": text, "@type": node(kind.trim_start_matches("^^"))}),
        };
        let mut statement = json!({"@id": node(subject)});
        statement[node(predicate)] = object;
        statement
    };
    Value::Array(lines.iter().map(statement).collect()).to_string()
}

#[test]
fn the_same_contracts_come_from_every_form_order_and_machine() {
    let folder = tempfile::tempdir().unwrap();
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/contracts/reference.ttl");
    let graph = Command::new(PROGRAM)
        .args(["--home", "home", "codegen", "snapshot"])
        .arg(&reference)
        .args(["--out", "graph.nt"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(graph.status.success(), "{}", String::from_utf8_lossy(&graph.stderr));
    let lines: Vec<String> = fs::read_to_string(folder.path().join("graph.nt")).unwrap().lines().map(str::to_owned).collect();
    assert!(lines.len() > 50);
    // Another user, where there may be one and it can reach the program.
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let reachable =
        Command::new("setpriv").args(nobody).args(["test", "-x", PROGRAM]).status().is_ok_and(|ended| ended.success());
    if !reachable {
        eprintln!("skipped: running as another user needs root, setpriv, and a program that others may run");
    }
    let mut expected: Option<BTreeMap<PathBuf, String>> = None;
    for at in 0..20_usize {
        let place = folder.path().join(format!("machine {at}"));
        fs::create_dir(&place).unwrap();
        // Another order of statements, other names of blank nodes, another syntax.
        let mut shuffled: Vec<String> = lines.iter().map(|line| line.replace("_:c14n", &format!("_:x{at}y"))).collect();
        let count = shuffled.len();
        (0..count).for_each(|one| shuffled.swap(one, (one * 7 + at * 13) % count));
        let (name, text) = match at % 3 {
            0 => ("a.nt", shuffled.join("\n") + "\n"),
            1 => ("b.ttl", shuffled.join("\r\n# between\r\n")),
            _ => ("c.jsonld", json_ld(&shuffled)),
        };
        let source = place.join(name);
        fs::write(&source, text).unwrap();
        let machines = [
            "umask 077; export HOME=/nowhere TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8;",
            "umask 002; export TZ=America/St_Johns LC_ALL=C RAYON_NUM_THREADS=1;",
            "cd /; unset HOME USER LOGNAME TMPDIR; export SOURCE_DATE_EPOCH=1;",
        ];
        let out = place.join("out");
        let other_user = reachable && at % 4 == 3;
        if other_user {
            Command::new("chown").args(["-R", "65534:65534"]).arg(&place).status().unwrap();
            Command::new("chmod").arg("a+rx").arg(folder.path()).status().unwrap();
        }
        let by = if other_user { format!("setpriv {}", nobody.join(" ")) } else { String::new() };
        let run = generate(
            &place,
            &source,
            out.to_str().unwrap(),
            ["Alloyworks.Reference.Contracts", machines[at % machines.len()], &by],
        );
        assert_eq!(run.code, Some(0), "{name} on machine {at}: {}", run.said);
        let found = files(&out);
        assert_eq!(found.len(), 8, "{found:?}");
        assert_eq!(&found, expected.get_or_insert_with(|| found.clone()), "{name} on machine {at}");
    }
}
