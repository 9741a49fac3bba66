//! Shapes, as they are after reading: every reference resolved, every literal parsed, every pattern compiled.

mod find;
mod logic;
mod order;
mod parse;
mod reader;

use std::collections::HashMap;

use oxrdf::{Graph, Literal, NamedNode, Term, TermRef};
use regex::Regex;

use crate::limits::Limits;
use crate::path::Path;
use crate::problem::{Remark, ShapesError};
#[cfg(feature = "sparql")]
pub use find::subclasses;
#[cfg(feature = "sparql")]
pub use parse::messages;
#[cfg(feature = "sparql")]
pub use reader::Reader;

#[cfg(feature = "sparql")]
use crate::sparql::{ComponentUse, SparqlConstraint};

/// Where a shape stands in [`Shapes`].
pub type ShapeId = usize;

/// A shapes graph that was read and found well-formed.
///
/// ```
/// use aw_shacl::{Limits, Shapes};
/// # let graph = oxttl::TurtleParser::new().for_slice(r#"
/// # @prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <http://example.org/> .
/// # ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:property [ sh:path ex:p ; sh:minCount 1 ] ."#).collect::<Result<_, _>>().unwrap();
/// let shapes = Shapes::parse(&graph, &Limits::default())?;
/// assert_eq!(shapes.len(), 2);
/// # Ok::<(), aw_shacl::ShapesError>(())
/// ```
#[derive(Debug)]
pub struct Shapes {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) limits: Limits,
    pub(crate) remarks: Vec<Remark>,
    /// The graph itself, which queries may read as `$shapesGraph`; kept only when there is a query.
    #[cfg(feature = "sparql")]
    pub(crate) graph: Option<Graph>,
}

impl Shapes {
    /// Reads every shape of `graph`, used or not.
    ///
    /// # Errors
    /// All problems found: ill-formed, unsupported or recursive shapes, shapes beyond `limits`, and no target at all.
    pub fn parse(graph: &Graph, limits: &Limits) -> Result<Self, ShapesError> {
        parse::parse(graph, limits)
    }

    /// How many shapes there are.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether there are none; never so after reading.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// What is allowed and without effect, sorted by node.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }
}

/// One shape.
#[derive(Debug)]
pub(crate) struct Shape {
    pub node: Term,
    /// Present on property shapes.
    pub path: Option<Path>,
    pub targets: Vec<Target>,
    pub constraints: Vec<Constraint>,
    pub severity: NamedNode,
    pub messages: Vec<Literal>,
    pub deactivated: bool,
}

/// What a shape is for (SHACL, section 2.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Node(Term),
    /// Also that of a shape which is itself a class.
    Class(Term),
    SubjectsOf(NamedNode),
    ObjectsOf(NamedNode),
}

/// One constraint (SHACL, section 4).
#[derive(Debug)]
pub(crate) enum Constraint {
    Class(Term),
    Datatype(NamedNode),
    NodeKind(NodeKind),
    MinCount(i64),
    MaxCount(i64),
    Range(Bound, Literal),
    MinLength(i64),
    MaxLength(i64),
    Pattern {
        regex: Regex,
        pattern: String,
    },
    LanguageIn(Vec<String>),
    UniqueLang,
    Equals(NamedNode),
    Disjoint(NamedNode),
    LessThan(NamedNode),
    LessThanOrEquals(NamedNode),
    Not(ShapeId),
    And(Vec<ShapeId>),
    Or(Vec<ShapeId>),
    Xone(Vec<ShapeId>),
    Node(ShapeId),
    Property(ShapeId),
    Qualified {
        shape: ShapeId,
        min: Option<i64>,
        max: Option<i64>,
        siblings: Vec<ShapeId>,
    },
    /// The predicates that are allowed.
    Closed(Vec<NamedNode>),
    HasValue(Term),
    In(Vec<Term>),
    #[cfg(feature = "sparql")]
    Sparql(Box<SparqlConstraint>),
    #[cfg(feature = "sparql")]
    Component(Box<ComponentUse>),
}

/// The four bounds of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    MinExclusive,
    MinInclusive,
    MaxExclusive,
    MaxInclusive,
}

/// The values of `sh:nodeKind`, as what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeKind {
    pub blank: bool,
    pub iri: bool,
    pub literal: bool,
}

/// Makes a constraint of the value of its parameter.
pub(crate) type Make<T> = fn(T) -> Constraint;

/// Which shape a node of the shapes graph is.
pub(crate) type Index<'g> = HashMap<TermRef<'g>, ShapeId>;
