//! Version and namespace of an ontology that has no `f:Model`.

use super::super::graph::Reading;
use super::super::rdf::vocabulary::{OWL_ONTOLOGY, OWL_VERSION_INFO, RDF_TYPE, VANN_PREFIX};
use super::super::rdf::{Node, Statement, shown};
use crate::model::{is_namespace, pascal};

/// The version and namespace: the caller's, else the ontology's own.
pub(super) fn read(reading: &mut Reading<'_>) -> (String, String) {
    let statements = reading.statements;
    let is_header = |it: &&Statement<'_>| it.predicate == RDF_TYPE && it.object.iri() == Some(OWL_ONTOLOGY);
    let ontologies: Vec<Node<'_>> = statements.all().iter().filter(is_header).map(|it| it.subject).collect();
    imports(&ontologies, reading);
    let version = match &reading.options.version {
        Some(version) => version.clone(),
        None => own(&ontologies, OWL_VERSION_INFO, "version", reading).map(|text| padded(&text, reading)).unwrap_or_else(|| {
            let message = "no version is given, and there is no single owl:versionInfo that is one; expected a semantic version";
            reading.tell("E-VERSION-MISSING", "document", message);
            "0.0.0".to_owned()
        }),
    };
    let namespace = match &reading.options.namespace {
        Some(namespace) => namespace.clone(),
        None => {
            let prefix = own(&ontologies, VANN_PREFIX, "namespace", reading).map(|prefix| pascal(&prefix));
            prefix.filter(|prefix| is_namespace(prefix)).unwrap_or_else(|| {
                let message = "no namespace is given, and there is no vann:preferredNamespacePrefix that can be one; expected \
                               identifiers joined by dots";
                reading.tell("E-NAMESPACE-MISSING", "document", message);
                "Ontology".to_owned()
            })
        }
    };
    (version, namespace)
}

/// The one text that headers say with a predicate.
fn own<'a>(ontologies: &[Node<'a>], predicate: &str, what: &str, reading: &mut Reading<'a>) -> Option<String> {
    let statements = reading.statements;
    let said: Vec<Statement<'a>> = ontologies.iter().flat_map(|it| statements.said(*it, predicate)).copied().collect();
    let [one] = said.as_slice() else { return None };
    let text = one.object.literal()?.value().to_owned();
    if what == "version" && semver::Version::parse(&pad(&text)).is_err() {
        return None;
    }
    statements.map(one);
    Some(text)
}

/// A version of one or two numbers with the zeros it lacks.
fn pad(text: &str) -> String {
    let numbers = text.split('.').count();
    let plain = text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let zeros = if plain { 3_usize.saturating_sub(numbers) } else { 0 };
    format!("{text}{}", ".0".repeat(zeros))
}

fn padded(text: &str, reading: &mut Reading<'_>) -> String {
    let version = pad(text);
    if version != text {
        reading.tell("I-VERSION", "document", format!("the version `{text}` is taken for `{version}`"));
    }
    version
}

fn imports<'a>(ontologies: &[Node<'a>], reading: &mut Reading<'a>) {
    let statements = reading.statements;
    for statement in ontologies.iter().flat_map(|it| statements.said(*it, "http://www.w3.org/2002/07/owl#imports")) {
        let Some(iri) = statement.object.iri().filter(|iri| statements.about(Node::Iri(iri)).is_empty()) else { continue };
        statements.report(statement);
        let message =
            format!("the import {} is not read: nothing is fetched; hand the document over beside this one", shown(iri));
        reading.tell("W-IMPORT-NOT-READ", statement.subject.iri().unwrap_or("document"), message);
    }
}
