//! From a shapes graph to [`Shapes`].

use std::collections::HashSet;

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{Graph, NamedNodeRef, Term, TermRef};

use super::reader::Reader;
use super::{Bound, Constraint, Index, Make, NodeKind, Shape, Shapes, Target, find, logic, order};
use crate::limits::Limits;
use crate::path::{self, Path};
use crate::problem::{Problem, ProblemKind, Remark, ShapesError};
use crate::term::{iri, literal, node};
use crate::{regex, vocab};

pub fn parse(graph: &Graph, limits: &Limits) -> Result<Shapes, ShapesError> {
    let mut problems = Vec::new();
    #[cfg(feature = "sparql")]
    let declared = crate::sparql::declared(graph, &mut problems);
    #[cfg(feature = "sparql")]
    let more = declared.iter().flat_map(|component| component.parameters()).collect();
    #[cfg(not(feature = "sparql"))]
    let more = HashSet::new();
    let mut remarks = Vec::new();
    let nodes = find::find(graph, &more, limits, &mut problems, &mut remarks);
    let index: Index<'_> = nodes.iter().enumerate().map(|(id, &node)| (node, id)).collect();
    let classes = find::classes(graph);
    let typed = |class| -> HashSet<_> {
        let all = find::subclasses(graph, TermRef::from(class)).into_iter();
        all.flat_map(|class| graph.subjects_for_predicate_object(rdf::TYPE, class)).map(TermRef::from).collect()
    };
    let typed = [typed(vocab::NODE_SHAPE), typed(vocab::PROPERTY_SHAPE)];
    let at = vocab::NODE_SHAPE.into();
    let mut reader = Reader { graph, limits, index: &index, problems, remarks, regexes: regex::Compiler::new(limits), at };
    let mut shapes: Vec<Shape> = nodes
        .iter()
        .map(|&node| {
            reader.at = node;
            shape(&mut reader, &classes, &typed)
        })
        .collect();
    #[cfg(feature = "sparql")]
    for (id, shape) in shapes.iter_mut().enumerate() {
        reader.at = nodes[id];
        crate::sparql::constraints(&mut reader, &declared, shape);
    }
    logic::siblings(&mut shapes, &mut reader);
    for imports in graph.triples_for_predicate(vocab::OWL_IMPORTS) {
        let message = format!("owl:imports {} is not followed; add what it names to the shapes graph", imports.object);
        reader.remarks.push(Remark { node: TermRef::from(imports.subject).into_owned(), message });
    }
    let Reader { mut problems, mut remarks, .. } = reader;
    order::check(&shapes, limits, &mut problems);
    if problems.is_empty() && shapes.iter().all(|shape| shape.targets.is_empty()) {
        let message = "no shape has a target, so nothing would be validated; give one sh:targetClass, sh:targetNode, \
                       sh:targetSubjectsOf or sh:targetObjectsOf, or make it a class";
        problems.push(Problem { kind: ProblemKind::NoTargets, node: None, property: None, value: None, message: message.into() });
    }
    if !problems.is_empty() {
        // The label of a blank node decides last.
        let name = |node: &Term| (!matches!(node, Term::BlankNode(_))).then(|| node.to_string());
        problems.sort_by_cached_key(|p| {
            (p.node.as_ref().map(name), p.property.clone(), p.message.clone(), p.node.as_ref().map(ToString::to_string))
        });
        problems.dedup();
        return Err(ShapesError { problems });
    }
    remarks.sort_by_cached_key(|r| (r.node.to_string(), r.message.clone()));
    remarks.dedup();
    Ok(Shapes {
        #[cfg(feature = "sparql")]
        graph: shapes.iter().any(|s| s.constraints.iter().any(Constraint::is_query)).then(|| graph.clone()),
        shapes,
        limits: *limits,
        remarks,
    })
}

impl Constraint {
    #[cfg(feature = "sparql")]
    fn is_query(&self) -> bool {
        matches!(self, Self::Sparql(_) | Self::Component(_))
    }
}

fn shape<'g>(reader: &mut Reader<'g, '_>, classes: &HashSet<TermRef<'g>>, typed: &[HashSet<TermRef<'g>>; 2]) -> Shape {
    let path = path(reader);
    let has_path = !reader.values(vocab::PATH).is_empty();
    if has_path && typed[0].contains(&reader.at) {
        reader.ill_formed(vocab::PATH, None, "a node shape has no path; declare it sh:PropertyShape or remove the path");
    }
    if !has_path && typed[1].contains(&reader.at) {
        reader.ill_formed(vocab::PATH, None, "a property shape needs exactly one path");
    }
    let severity = reader.one(vocab::SEVERITY).and_then(|value| reader.iri(vocab::SEVERITY, value));
    let messages = messages(reader);
    Shape {
        node: reader.at.into_owned(),
        targets: targets(reader, classes),
        constraints: constraints(reader, has_path),
        severity: severity.unwrap_or_else(|| vocab::VIOLATION.into_owned()),
        messages,
        deactivated: reader.boolean(vocab::DEACTIVATED),
        path,
    }
}

/// `sh:message`: strings, perhaps with a language, at most one a language.
pub fn messages(reader: &mut Reader<'_, '_>) -> Vec<oxrdf::Literal> {
    let mut messages = Vec::new();
    let mut languages = HashSet::new();
    for value in reader.values(vocab::MESSAGE) {
        match literal(value).filter(|l| matches!(l.datatype(), xsd::STRING | rdf::LANG_STRING)) {
            Some(message) => {
                if !languages.insert(message.language()) {
                    reader.remark(format!("several sh:message of one language ({})", message.language().unwrap_or("none")));
                }
                messages.push(message.into_owned());
            }
            None => reader.ill_formed(vocab::MESSAGE, Some(value), "a message is a string, with or without a language"),
        }
    }
    messages
}

fn path(reader: &mut Reader<'_, '_>) -> Option<Path> {
    let value = reader.one(vocab::PATH)?;
    match path::parse(reader.graph, value, reader.limits) {
        Ok(path) => Some(path),
        Err((kind, why)) => {
            reader.problem(kind, vocab::PATH, None, why);
            None
        }
    }
}

fn targets<'g>(reader: &mut Reader<'g, '_>, classes: &HashSet<TermRef<'g>>) -> Vec<Target> {
    let mut targets = Vec::new();
    for value in reader.values(vocab::TARGET_NODE) {
        if matches!(value, TermRef::BlankNode(_)) {
            reader.ill_formed(vocab::TARGET_NODE, Some(value), "the value must be an IRI or a literal");
        }
        targets.push(Target::Node(value.into_owned()));
    }
    for value in reader.values(vocab::TARGET_CLASS) {
        targets.extend(reader.iri(vocab::TARGET_CLASS, value).map(|class| Target::Class(class.into())));
    }
    if iri(reader.at).is_some() && classes.contains(&reader.at) {
        targets.push(Target::Class(reader.at.into_owned()));
    }
    for value in reader.values(vocab::TARGET_SUBJECTS_OF) {
        targets.extend(reader.iri(vocab::TARGET_SUBJECTS_OF, value).map(Target::SubjectsOf));
    }
    for value in reader.values(vocab::TARGET_OBJECTS_OF) {
        targets.extend(reader.iri(vocab::TARGET_OBJECTS_OF, value).map(Target::ObjectsOf));
    }
    targets.dedup();
    targets
}

fn constraints(reader: &mut Reader<'_, '_>, is_property: bool) -> Vec<Constraint> {
    let mut found = Vec::new();
    value_types(reader, &mut found);
    counts(reader, &mut found, is_property);
    ranges(reader, &mut found);
    strings(reader, &mut found, is_property);
    pairs(reader, &mut found, is_property);
    logic::read(reader, &mut found, is_property);
    for value in reader.values(vocab::HAS_VALUE) {
        found.push(Constraint::HasValue(value.into_owned()));
    }
    if let Some(members) = reader.one(vocab::IN).and_then(|value| reader.list(vocab::IN, value)) {
        let mut members: Vec<_> = members.into_iter().map(TermRef::into_owned).collect();
        members.sort_by(|a, b| crate::term::order(a.as_ref(), b.as_ref()));
        members.dedup();
        found.push(Constraint::In(members));
    }
    #[cfg(not(feature = "sparql"))]
    for value in reader.values(vocab::SPARQL) {
        reader.problem(ProblemKind::Unsupported, vocab::SPARQL, Some(value), "built without the feature `sparql`");
    }
    found
}

fn value_types(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>) {
    for value in reader.values(vocab::CLASS) {
        found.extend(reader.iri(vocab::CLASS, value).map(|class| Constraint::Class(class.into())));
    }
    if let Some(value) = reader.one(vocab::DATATYPE) {
        found.extend(reader.iri(vocab::DATATYPE, value).map(Constraint::Datatype));
    }
    if let Some(value) = reader.one(vocab::NODE_KIND) {
        match node_kind(value) {
            Some(kind) => found.push(Constraint::NodeKind(kind)),
            None => reader.ill_formed(
                vocab::NODE_KIND,
                Some(value),
                "the value must be sh:BlankNode, sh:IRI, sh:Literal, sh:BlankNodeOrIRI, sh:BlankNodeOrLiteral or sh:IRIOrLiteral",
            ),
        }
    }
}

fn node_kind(value: TermRef<'_>) -> Option<NodeKind> {
    let (blank, iri, literal) = match iri(value)? {
        vocab::BLANK_NODE => (true, false, false),
        vocab::IRI => (false, true, false),
        vocab::LITERAL => (false, false, true),
        vocab::BLANK_NODE_OR_IRI => (true, true, false),
        vocab::BLANK_NODE_OR_LITERAL => (true, false, true),
        vocab::IRI_OR_LITERAL => (false, true, true),
        _ => return None,
    };
    Some(NodeKind { blank, iri, literal })
}

/// Says so when a parameter that only property shapes have stands on a node shape.
fn only_property(reader: &mut Reader<'_, '_>, property: NamedNodeRef<'_>, is_property: bool) -> bool {
    if !is_property {
        reader.ill_formed(property, None, "only property shapes have it; this shape has no sh:path");
    }
    is_property
}

fn counts(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>, is_property: bool) {
    let kinds: [(_, Make<i64>); 2] = [(vocab::MIN_COUNT, Constraint::MinCount), (vocab::MAX_COUNT, Constraint::MaxCount)];
    for (property, kind) in kinds {
        if let Some(value) = reader.one(property)
            && only_property(reader, property, is_property)
        {
            found.extend(reader.integer(property, value).map(kind));
        }
    }
}

fn ranges(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>) {
    for (property, bound) in [
        (vocab::MIN_EXCLUSIVE, Bound::MinExclusive),
        (vocab::MIN_INCLUSIVE, Bound::MinInclusive),
        (vocab::MAX_EXCLUSIVE, Bound::MaxExclusive),
        (vocab::MAX_INCLUSIVE, Bound::MaxInclusive),
    ] {
        if let Some(value) = reader.one(property) {
            found.extend(reader.literal(property, value).map(|literal| Constraint::Range(bound, literal)));
        }
    }
}

fn strings(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>, is_property: bool) {
    let kinds: [(_, Make<i64>); 2] = [(vocab::MIN_LENGTH, Constraint::MinLength), (vocab::MAX_LENGTH, Constraint::MaxLength)];
    for (property, kind) in kinds {
        if let Some(value) = reader.one(property) {
            found.extend(reader.integer(property, value).map(kind));
        }
    }
    pattern(reader, found);
    if let Some(members) = reader.one(vocab::LANGUAGE_IN).and_then(|value| reader.list(vocab::LANGUAGE_IN, value)) {
        let languages = members.into_iter().filter_map(|member| reader.string(vocab::LANGUAGE_IN, member)).collect();
        found.push(Constraint::LanguageIn(languages));
    }
    if !reader.values(vocab::UNIQUE_LANG).is_empty()
        && only_property(reader, vocab::UNIQUE_LANG, is_property)
        && reader.boolean(vocab::UNIQUE_LANG)
    {
        found.push(Constraint::UniqueLang);
    }
}

fn pattern(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>) {
    let flags = reader.one(vocab::FLAGS).and_then(|value| reader.string(vocab::FLAGS, value));
    let Some(value) = reader.one(vocab::PATTERN) else {
        if flags.is_some() && reader.values(vocab::PATTERN).is_empty() {
            reader.remark("sh:flags without sh:pattern has no effect");
        }
        return;
    };
    let Some(pattern) = reader.string(vocab::PATTERN, value) else { return };
    match reader.regexes.compile(&pattern, flags.as_deref().unwrap_or(""), reader.limits) {
        Ok(regex) => found.push(Constraint::Pattern { regex, pattern }),
        Err(why) => reader.ill_formed(vocab::PATTERN, None, why),
    }
}

fn pairs(reader: &mut Reader<'_, '_>, found: &mut Vec<Constraint>, is_property: bool) {
    let kinds: [(_, bool, Make<oxrdf::NamedNode>); 4] = [
        (vocab::EQUALS, false, Constraint::Equals),
        (vocab::DISJOINT, false, Constraint::Disjoint),
        (vocab::LESS_THAN, true, Constraint::LessThan),
        (vocab::LESS_THAN_OR_EQUALS, true, Constraint::LessThanOrEquals),
    ];
    for (property, on_paths, kind) in kinds {
        let values = reader.values(property);
        if !values.is_empty() && on_paths && !only_property(reader, property, is_property) {
            continue;
        }
        for value in values {
            found.extend(reader.iri(property, value).map(kind));
        }
    }
}

/// The predicates of the property shapes of a closed shape, beside those that are ignored.
pub fn closed(reader: &mut Reader<'_, '_>) -> Option<Constraint> {
    let ignored = reader.one(vocab::IGNORED_PROPERTIES).and_then(|value| reader.list(vocab::IGNORED_PROPERTIES, value));
    let has_closed = !reader.values(vocab::CLOSED).is_empty();
    let is_closed = reader.boolean(vocab::CLOSED);
    let mut allowed: Vec<_> =
        ignored.iter().flatten().filter_map(|&value| reader.iri(vocab::IGNORED_PROPERTIES, value)).collect();
    if ignored.is_some() && !has_closed {
        reader.remark("sh:ignoredProperties without sh:closed has no effect");
    }
    if !is_closed {
        return None;
    }
    for property in reader.values(vocab::PROPERTY) {
        let paths = node(property).into_iter().flat_map(|p| reader.graph.objects_for_subject_predicate(p, vocab::PATH));
        allowed.extend(paths.filter_map(iri).map(NamedNodeRef::into_owned));
    }
    allowed.sort();
    allowed.dedup();
    Some(Constraint::Closed(allowed))
}
