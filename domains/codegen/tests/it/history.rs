//! Versions of schema.org compared, held fact by fact against what rdflib finds in the same files (`history.tsv`).

use std::collections::BTreeSet;
use std::fs;

use codegen::diff::{Class, Diff, Facts, Kind, Step, diff};
use codegen::input::{Format, Ontology, ReadOptions, Vocabulary, read};

/// What `xtask/parity/history.py` writes.
const FOUND: &str = include_str!("history.tsv");

fn version(number: &str) -> Option<Ontology> {
    let path = aw_testkit::shared("ontologies")?.join(format!("schemaorg-{number}.ttl"));
    let (version, namespace) = (Some(format!("{number}.0")), Some("Schema.Org".to_owned()));
    let options = ReadOptions { vocabulary: Vocabulary::Ontology, version, namespace, ..ReadOptions::default() };
    let read = read(&fs::read(path).unwrap(), Format::Turtle, &options);
    Some(read.unwrap_or_else(|found| panic!("{:#?}", &found[..found.len().min(5)])))
}

fn compare(old: &Ontology, new: &Ontology) -> Diff {
    diff(&old.model, &new.model, &new.renames).with_facts(&old.facts, &new.facts)
}

/// Facts as lines: what kind, and its terms.
fn lines(facts: &Facts) -> BTreeSet<String> {
    let terms = [("type", &facts.types), ("property", &facts.properties)];
    let edges = [("domain", &facts.domains), ("range", &facts.ranges), ("superclass", &facts.superclasses)];
    let terms = terms.into_iter().flat_map(|(kind, all)| all.iter().map(move |term| format!("{kind}\t{term}")));
    let edges = edges.into_iter().flat_map(|(kind, all)| all.iter().map(move |(from, to)| format!("{kind}\t{from}\t{to}")));
    terms.chain(edges).collect()
}

/// What rdflib finds: the facts that went or came between two versions, and the terms that are only mentioned.
fn found(versions: &str, sign: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let of = |line: &'static str| line.strip_prefix(versions)?.strip_prefix('\t')?.strip_prefix(sign)?.strip_prefix('\t');
    let (mentions, facts) = FOUND.lines().filter_map(of).map(str::to_owned).partition(|line| line.starts_with("mention-"));
    (facts, mentions)
}

/// Terms that one version leaves out as mentioned only, and the other does not, in the form of [`found`].
fn mentions(old: &Ontology, new: &Ontology) -> BTreeSet<String> {
    let of = |ontology: &Ontology| -> BTreeSet<String> {
        let told = ontology.diagnostics.iter().filter(|it| it.code == "W-MENTIONED");
        let kind = |message: &str| if message.contains("a class of") { "type" } else { "property" };
        told.map(|it| format!("mention-{}\t{}", kind(&it.message), it.subject)).collect()
    };
    &of(new) - &of(old)
}

#[test]
fn schema_org_lists_everything_that_it_took_back() {
    let (Some(old), Some(middle), Some(new)) = (version("15.0"), version("29.0"), version("30.0")) else { return };
    for (versions, old, new) in [("15.0-29.0", &old, &middle), ("29.0-30.0", &middle, &new)] {
        let diff = compare(old, new);
        let (removed, none) = found(versions, "-");
        let (added, mentioned) = found(versions, "+");
        assert!(!removed.is_empty() && !added.is_empty() && none.is_empty(), "the list of {versions} is whole");
        assert_eq!(lines(&diff.facts.removed), removed, "{versions}, removed");
        assert_eq!(lines(&diff.facts.added), added, "{versions}, added");
        assert_eq!(mentions(old, new), mentioned, "{versions}, mentioned only");

        assert_eq!((diff.class, diff.step), (Some(Class::Destructive), Step::Major));
        assert!(diff.version_step().is_empty());
        // Each destructive change has to be named, and naming each is enough.
        let names: Vec<&str> = diff.of_class(Class::Destructive).map(|change| change.subject.as_str()).collect();
        assert!(!names.is_empty());
        assert!(diff.permit::<&str>(&[]).is_err() && diff.permit(&names[1..]).is_err());
        assert!(diff.permit(&names).is_ok());
        // The text has every fact that went, by its own name.
        let text = diff.text();
        for term in removed.iter().flat_map(|line| line.split('\t').skip(1)) {
            assert!(text.contains(term), "{term}");
        }
        // Back is as far as there, and no step forwards.
        let back = compare(new, old);
        assert_eq!(lines(&back.facts.added), removed);
        assert_eq!(lines(&back.facts.removed), added);
        assert_eq!(back.version_step()[0].code, "E-VERSION-STEP");
    }
    let diff = compare(&old, &middle);
    let gone = |change: &&codegen::diff::Change| matches!(change.what, Kind::TypeRemoved | Kind::EnumerationRemoved);
    let gone: Vec<&str> = diff.changes.iter().filter(gone).map(|change| change.subject.as_str()).collect();
    assert_eq!(gone, ["DeliveryTimeSettings"], "the type that went, in the model too");
}
