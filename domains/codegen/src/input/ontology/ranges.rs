//! What an IRI that stands for values becomes.

use super::super::forge;
use super::super::graph::Reading;
use super::super::rdf::vocabulary::{
    OWL_EQUIVALENT_CLASS, OWL_ON_DATATYPE, OWL_THING, RDF, RDF_LANG_STRING, RDFS, RDFS_LITERAL, RDFS_RESOURCE, SH_IRI, XSD,
    schema_name, short,
};
use super::classes::{Classes, Kind};
use crate::model::{Range, Scalar};

/// A datatype's scalar and what it loses.
type Mapping = (Scalar, Option<String>);

/// Datatypes declared by way of one another are followed this deep.
const BASES_MAX: usize = 8;

/// The scalar of a datatype that is known, or declared by way of one that is.
pub(super) fn datatype(iri: &str, reading: &Reading<'_>) -> Option<Mapping> {
    let mut at = iri.to_owned();
    for depth in 0..BASES_MAX {
        if let Some((scalar, loss)) = known(&at) {
            let loss = loss.map(str::to_owned);
            return Some((scalar, if depth == 0 { loss } else { Some("its restrictions are not expressed".to_owned()) }));
        }
        at = base(&at, reading)?;
    }
    None
}

/// The datatype that another restricts.
fn base(iri: &str, reading: &Reading<'_>) -> Option<String> {
    let statements = reading.statements;
    let direct = statements.said_of_iri(iri, OWL_ON_DATATYPE).iter().find_map(|it| it.object.iri());
    let within = || {
        let nodes = statements.said_of_iri(iri, OWL_EQUIVALENT_CLASS).iter().filter_map(|it| it.object.node());
        nodes.flat_map(|node| statements.iris(node, OWL_ON_DATATYPE)).next()
    };
    direct.or_else(within).filter(|base| *base != iri).map(str::to_owned)
}

fn known(iri: &str) -> Option<(Scalar, Option<&'static str>)> {
    if let Some(found) = forge::scalar(iri) {
        return Some(found);
    }
    if let Some(name) = iri.strip_prefix(XSD) {
        return xsd(name);
    }
    if let Some(name) = schema_name(iri) {
        return schema(name);
    }
    match iri {
        RDF_LANG_STRING => Some((Scalar::String, Some("the language is lost"))),
        RDFS_LITERAL => Some((Scalar::Json, Some("it is any literal"))),
        _ if iri.strip_prefix(RDF).is_some_and(|name| matches!(name, "PlainLiteral" | "HTML" | "XMLLiteral")) => {
            Some((Scalar::String, Some("any text passes")))
        }
        _ if iri.strip_prefix(RDF) == Some("JSON") => Some((Scalar::Json, None)),
        _ => None,
    }
}

/// Datatypes of XML Schema that the specification does not map.
fn xsd(name: &str) -> Option<(Scalar, Option<&'static str>)> {
    Some(match name {
        "dateTimeStamp" => (Scalar::Datetime, None),
        "byte" | "short" | "unsignedByte" | "unsignedShort" => (Scalar::Int, Some("an int holds more")),
        "nonNegativeInteger" | "positiveInteger" | "nonPositiveInteger" | "negativeInteger" => {
            (Scalar::Int, Some("it is bounded on one side, an int has 32 bits and a sign"))
        }
        "unsignedInt" => (Scalar::Long, Some("a long holds more")),
        "unsignedLong" => (Scalar::Long, Some("a long holds half of it")),
        "anyURI" | "normalizedString" | "token" | "language" | "Name" | "NCName" | "NMTOKEN" | "ID" | "IDREF" | "QName" => {
            (Scalar::String, Some("any text passes"))
        }
        "time" | "duration" | "dayTimeDuration" | "yearMonthDuration" | "gYear" | "gYearMonth" | "gMonth" | "gMonthDay"
        | "gDay" => (Scalar::String, Some("it is kept as text")),
        "hexBinary" | "base64Binary" => (Scalar::String, Some("it is kept as text")),
        "anySimpleType" | "anyAtomicType" => (Scalar::Json, Some("it is any literal")),
        _ => return None,
    })
}

/// Datatypes of schema.org; those below them are found by their superclasses.
fn schema(name: &str) -> Option<(Scalar, Option<&'static str>)> {
    Some(match name {
        "Text" | "URL" => (Scalar::String, None),
        "Boolean" => (Scalar::Bool, None),
        "Number" | "Float" => (Scalar::Float, None),
        "Integer" => (Scalar::Int, Some("it is unbounded, an int has 32 bits")),
        "Date" => (Scalar::Datetime, Some("it has no time, a datetime has")),
        "DateTime" => (Scalar::Datetime, None),
        "Time" | "Quantity" => (Scalar::String, Some("it is kept as text")),
        "DataType" => (Scalar::Json, Some("it is any value")),
        _ => return None,
    })
}

/// What values of an IRI are: objects, values of an enumeration, scalars; IRIs, as text, where it is nothing here. What is lost is told
/// of the property. Nothing, and a fault, for a datatype nobody knows.
pub(super) fn named(iri: &str, literal: bool, property: &str, classes: &Classes<'_>, reading: &mut Reading<'_>) -> Option<Range> {
    if let Some(scalar) = reading.options.lossy_ranges.get(iri) {
        reading.lossy.insert(format!("{iri}={}", scalar.name()));
        return Some(Range::Scalar(*scalar));
    }
    match classes.all.get(iri).map(|class| (&class.kind, &class.name)) {
        Some((Kind::Type, name)) => return Some(Range::Type(name.clone())),
        Some((Kind::Enumeration(_), name)) => return Some(Range::Enumeration(name.clone())),
        Some((Kind::Datatype(scalar, loss), _)) => return Some(lossy(iri, *scalar, loss.as_deref(), property, reading)),
        None => {}
    }
    if let Some((scalar, loss)) = datatype(iri, reading) {
        return Some(lossy(iri, scalar, loss.as_deref(), property, reading));
    }
    if literal || iri.starts_with(XSD) {
        let message =
            format!("the datatype {} has no scalar; expected a lossy range such as `{}=string`", short(iri), iri.escape_debug());
        reading.tell("E-RANGE-UNKNOWN", property, message);
        return None;
    }
    let anything = matches!(iri, OWL_THING | RDFS_RESOURCE | SH_IRI) || iri.starts_with(RDFS);
    let why = if anything { "can be anything" } else { "is declared elsewhere" };
    reading.tell("W-RANGE-EXTERNAL", property, format!("{} {why}: values are IRIs, as text", short(iri)));
    Some(Range::Scalar(Scalar::String))
}

fn lossy(iri: &str, scalar: Scalar, loss: Option<&str>, property: &str, reading: &mut Reading<'_>) -> Range {
    if let Some(loss) = loss {
        reading.tell("W-RANGE-LOSSY", property, format!("the range {} becomes {}: {loss}", short(iri), scalar.name()));
    }
    Range::Scalar(scalar)
}
