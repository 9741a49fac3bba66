//! IRIs that front ends know.

/// The forge vocabulary: its own IRI, then the published one, which is an exact synonym (codegen, section 3).
pub(crate) const FORGE: [&str; 2] = ["urn:alloyworks:forge#", "http://agentarmy.dev/forge#"];

/// schema.org's two spellings.
pub(crate) const SCHEMA: [&str; 2] = ["https://schema.org/", "http://schema.org/"];

pub(crate) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
pub(crate) const RDFS: &str = "http://www.w3.org/2000/01/rdf-schema#";
pub(crate) const OWL: &str = "http://www.w3.org/2002/07/owl#";
pub(crate) const XSD: &str = "http://www.w3.org/2001/XMLSchema#";
pub(crate) const SH: &str = "http://www.w3.org/ns/shacl#";

/// Declares constants for IRIs.
macro_rules! iris {
    ($($base:literal { $($name:ident = $local:literal),+ $(,)? })+) => {
        $($(pub(crate) const $name: &str = concat!($base, $local);)+)+
    };
}

iris! {
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#" {
        RDF_TYPE = "type", RDF_FIRST = "first", RDF_REST = "rest", RDF_NIL = "nil", RDF_PROPERTY = "Property",
        RDF_LANG_STRING = "langString",
    }
    "http://www.w3.org/2000/01/rdf-schema#" {
        RDFS_CLASS = "Class", RDFS_LABEL = "label", RDFS_COMMENT = "comment", RDFS_DOMAIN = "domain", RDFS_RANGE = "range",
        RDFS_SUB_CLASS_OF = "subClassOf", RDFS_DATATYPE = "Datatype", RDFS_LITERAL = "Literal", RDFS_RESOURCE = "Resource",
    }
    "http://www.w3.org/2002/07/owl#" {
        OWL_CLASS = "Class", OWL_THING = "Thing", OWL_ONTOLOGY = "Ontology", OWL_VERSION_INFO = "versionInfo",
        OWL_DATATYPE_PROPERTY = "DatatypeProperty", OWL_OBJECT_PROPERTY = "ObjectProperty",
        OWL_FUNCTIONAL_PROPERTY = "FunctionalProperty", OWL_INVERSE_OF = "inverseOf", OWL_UNION_OF = "unionOf",
        OWL_INTERSECTION_OF = "intersectionOf", OWL_ONE_OF = "oneOf", OWL_EQUIVALENT_CLASS = "equivalentClass",
        OWL_RESTRICTION = "Restriction", OWL_ON_PROPERTY = "onProperty", OWL_SOME_VALUES_FROM = "someValuesFrom",
        OWL_ALL_VALUES_FROM = "allValuesFrom", OWL_CARDINALITY = "cardinality", OWL_MIN_CARDINALITY = "minCardinality",
        OWL_MAX_CARDINALITY = "maxCardinality", OWL_QUALIFIED = "qualifiedCardinality",
        OWL_MIN_QUALIFIED = "minQualifiedCardinality", OWL_MAX_QUALIFIED = "maxQualifiedCardinality", OWL_ON_CLASS = "onClass",
        OWL_ON_DATA_RANGE = "onDataRange", OWL_ON_DATATYPE = "onDatatype", OWL_NAMED_INDIVIDUAL = "NamedIndividual",
        OWL_DEPRECATED = "deprecated",
    }
    "http://www.w3.org/2001/XMLSchema#" { XSD_BOOLEAN = "boolean" }
    "http://www.w3.org/ns/shacl#" {
        SH_NODE_SHAPE = "NodeShape", SH_TARGET_CLASS = "targetClass", SH_PROPERTY = "property", SH_PATH = "path",
        SH_DATATYPE = "datatype", SH_CLASS = "class", SH_NODE = "node", SH_NODE_KIND = "nodeKind", SH_IN = "in",
        SH_MIN_COUNT = "minCount", SH_MAX_COUNT = "maxCount", SH_OR = "or", SH_DEACTIVATED = "deactivated", SH_LITERAL = "Literal",
        SH_IRI = "IRI", SH_BLANK_NODE = "BlankNode", SH_BLANK_NODE_OR_IRI = "BlankNodeOrIRI",
    }
    "http://www.w3.org/2004/02/skos/core#" { SKOS_DEFINITION = "definition" }
    "http://purl.org/vocab/vann/" { VANN_PREFIX = "preferredNamespacePrefix" }
}

/// The name of a term of the forge vocabulary, whichever IRI it is written with.
pub(crate) fn forge_name(iri: &str) -> Option<&str> {
    FORGE.iter().find_map(|base| iri.strip_prefix(base))
}

/// The name of a term of schema.org, with `https` or `http`.
pub(crate) fn schema_name(iri: &str) -> Option<&str> {
    SCHEMA.iter().find_map(|base| iri.strip_prefix(base))
}

/// Prefixes that messages abbreviate.
const SHORT: [(&str, &str); 13] = [
    ("rdf", RDF),
    ("rdfs", RDFS),
    ("owl", OWL),
    ("xsd", XSD),
    ("sh", SH),
    ("f", FORGE[0]),
    ("f", FORGE[1]),
    ("schema", SCHEMA[0]),
    ("schema", SCHEMA[1]),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("vann", "http://purl.org/vocab/vann/"),
];

/// An IRI for a message: with a usual prefix where that is shorter and plain.
pub(crate) fn short(iri: &str) -> String {
    let plain = |name: &str| !name.is_empty() && name.len() < 100 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let found =
        SHORT.iter().find_map(|(prefix, base)| iri.strip_prefix(base).filter(|name| plain(name)).map(|name| (prefix, name)));
    found.map_or_else(|| super::shown(iri), |(prefix, name)| format!("{prefix}:{name}"))
}
