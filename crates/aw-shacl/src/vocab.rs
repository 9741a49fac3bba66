//! The names SHACL gives to things, and which of them this crate knows.

use oxrdf::NamedNodeRef;

/// The namespace of SHACL.
pub const SH: &str = "http://www.w3.org/ns/shacl#";

macro_rules! terms {
    ($($name:ident = $local:literal),* $(,)?) => {
        $(pub const $name: NamedNodeRef<'static> = NamedNodeRef::new_unchecked(concat!("http://www.w3.org/ns/shacl#", $local));)*
    };
}

terms! {
    NODE_SHAPE = "NodeShape", PROPERTY_SHAPE = "PropertyShape",
    TARGET_NODE = "targetNode", TARGET_CLASS = "targetClass", TARGET_SUBJECTS_OF = "targetSubjectsOf",
    TARGET_OBJECTS_OF = "targetObjectsOf",
    PATH = "path", INVERSE_PATH = "inversePath", ALTERNATIVE_PATH = "alternativePath", ZERO_OR_MORE_PATH = "zeroOrMorePath",
    ONE_OR_MORE_PATH = "oneOrMorePath", ZERO_OR_ONE_PATH = "zeroOrOnePath",
    SEVERITY = "severity", MESSAGE = "message", DEACTIVATED = "deactivated",
    VIOLATION = "Violation",
    CLASS = "class", DATATYPE = "datatype", NODE_KIND = "nodeKind", MIN_COUNT = "minCount", MAX_COUNT = "maxCount",
    MIN_EXCLUSIVE = "minExclusive", MIN_INCLUSIVE = "minInclusive", MAX_EXCLUSIVE = "maxExclusive",
    MAX_INCLUSIVE = "maxInclusive", MIN_LENGTH = "minLength", MAX_LENGTH = "maxLength", PATTERN = "pattern", FLAGS = "flags",
    LANGUAGE_IN = "languageIn", UNIQUE_LANG = "uniqueLang", EQUALS = "equals", DISJOINT = "disjoint", LESS_THAN = "lessThan",
    LESS_THAN_OR_EQUALS = "lessThanOrEquals", NOT = "not", AND = "and", OR = "or", XONE = "xone", NODE = "node",
    PROPERTY = "property", QUALIFIED_VALUE_SHAPE = "qualifiedValueShape", QUALIFIED_MIN_COUNT = "qualifiedMinCount",
    QUALIFIED_MAX_COUNT = "qualifiedMaxCount", QUALIFIED_VALUE_SHAPES_DISJOINT = "qualifiedValueShapesDisjoint",
    CLOSED = "closed", IGNORED_PROPERTIES = "ignoredProperties", HAS_VALUE = "hasValue", IN = "in", SPARQL = "sparql",
    BLANK_NODE = "BlankNode", IRI = "IRI", LITERAL = "Literal", BLANK_NODE_OR_IRI = "BlankNodeOrIRI",
    BLANK_NODE_OR_LITERAL = "BlankNodeOrLiteral", IRI_OR_LITERAL = "IRIOrLiteral",
    VALIDATION_REPORT = "ValidationReport", VALIDATION_RESULT = "ValidationResult", CONFORMS = "conforms", RESULT = "result",
    DETAIL = "detail", FOCUS_NODE = "focusNode", RESULT_PATH = "resultPath", VALUE = "value", RESULT_MESSAGE = "resultMessage",
    RESULT_SEVERITY = "resultSeverity", SOURCE_SHAPE = "sourceShape", SOURCE_CONSTRAINT = "sourceConstraint",
    SOURCE_CONSTRAINT_COMPONENT = "sourceConstraintComponent",
}

#[cfg(feature = "sparql")]
terms! {
    SELECT = "select", ASK = "ask", PREFIXES = "prefixes", DECLARE = "declare", PREFIX = "prefix", NAMESPACE = "namespace",
    CONSTRAINT_COMPONENT = "ConstraintComponent", PARAMETER = "parameter", OPTIONAL = "optional", VALIDATOR = "validator",
    NODE_VALIDATOR = "nodeValidator", PROPERTY_VALIDATOR = "propertyValidator",
    SPARQL_CONSTRAINT_COMPONENT = "SPARQLConstraintComponent",
}

/// `rdfs:subClassOf`.
pub const SUB_CLASS_OF: NamedNodeRef<'static> = NamedNodeRef::new_unchecked("http://www.w3.org/2000/01/rdf-schema#subClassOf");
/// `owl:Class`.
pub const OWL_CLASS: NamedNodeRef<'static> = NamedNodeRef::new_unchecked("http://www.w3.org/2002/07/owl#Class");
/// `owl:imports`.
pub const OWL_IMPORTS: NamedNodeRef<'static> = NamedNodeRef::new_unchecked("http://www.w3.org/2002/07/owl#imports");

/// Predicates that make their subject a shape: the parameters of the built-in constraint components.
pub const PARAMETERS: [&str; 36] = [
    "and",
    "class",
    "closed",
    "datatype",
    "disjoint",
    "equals",
    "flags",
    "hasValue",
    "ignoredProperties",
    "in",
    "languageIn",
    "lessThan",
    "lessThanOrEquals",
    "maxCount",
    "maxExclusive",
    "maxInclusive",
    "maxLength",
    "minCount",
    "minExclusive",
    "minInclusive",
    "minLength",
    "node",
    "nodeKind",
    "not",
    "or",
    "pattern",
    "property",
    "qualifiedMaxCount",
    "qualifiedMinCount",
    "qualifiedValueShape",
    "qualifiedValueShapesDisjoint",
    "sparql",
    "uniqueLang",
    "xone",
    "targetClass",
    "targetNode",
];

/// Predicates that make their subject a shape by giving it a target (beside the two at the end of [`PARAMETERS`]).
pub const TARGETS: [&str; 2] = ["targetObjectsOf", "targetSubjectsOf"];

/// Other predicates of the recommendation: known, and without an effect of their own on what a shape demands.
pub const OTHERS: [&str; 41] = [
    "path",
    "inversePath",
    "alternativePath",
    "zeroOrMorePath",
    "oneOrMorePath",
    "zeroOrOnePath",
    "severity",
    "message",
    "deactivated",
    "name",
    "description",
    "order",
    "group",
    "defaultValue",
    "labelTemplate",
    "parameter",
    "optional",
    "validator",
    "nodeValidator",
    "propertyValidator",
    "ask",
    "select",
    "prefixes",
    "declare",
    "prefix",
    "namespace",
    "conforms",
    "result",
    "detail",
    "focusNode",
    "resultPath",
    "value",
    "resultMessage",
    "resultSeverity",
    "sourceShape",
    "sourceConstraint",
    "sourceConstraintComponent",
    "shapesGraphWellFormed",
    "shapesGraph",
    "suggestedShapesGraph",
    "conformsTo",
];

/// The part of an IRI behind the namespace of SHACL.
pub fn local(iri: &str) -> Option<&str> {
    iri.strip_prefix(SH)
}
