//! What expansion gives: node objects, value objects and lists, with what RDF has no use for left out.

use std::rc::Rc;

use super::json::Node;

/// An item of an expanded document.
#[derive(Debug)]
pub enum Item<'a> {
    /// A node object.
    Node(Box<Object<'a>>),
    /// A value object.
    Value(Box<Literal<'a>>),
    /// A list object.
    List(Vec<Self>),
}

/// What an element is expanded to.
#[derive(Debug)]
pub enum Out<'a> {
    /// Nothing.
    Null,
    /// One item.
    One(Item<'a>),
    /// An array of items.
    Many(Vec<Item<'a>>),
}

impl<'a> Out<'a> {
    /// The items, in an array.
    pub fn items(self) -> Vec<Item<'a>> {
        match self {
            Self::Null => Vec::new(),
            Self::One(item) => vec![item],
            Self::Many(items) => items,
        }
    }
}

/// The `@id` of a node object.
#[derive(Clone, Debug, Default)]
pub enum Id {
    /// It has none.
    #[default]
    Absent,
    /// An IRI or blank node label, which may still be incorrect.
    Given(Rc<str>),
    /// Something that is ignored because it looks like a keyword.
    Ignored,
}

/// A node object.
#[derive(Debug, Default)]
pub struct Object<'a> {
    /// Its place in the text.
    pub at: usize,
    /// `@id`
    pub id: Id,
    /// `@type`
    pub types: Vec<Rc<str>>,
    /// Properties and their values; a property may stand several times.
    pub properties: Vec<(Rc<str>, Vec<Item<'a>>)>,
    /// Properties of the values that have the node as their value.
    pub reverse: Vec<(Rc<str>, Vec<Item<'a>>)>,
    /// `@graph`
    pub graph: Option<Vec<Item<'a>>>,
    /// `@included`
    pub included: Vec<Item<'a>>,
}

impl Object<'_> {
    /// Whether it holds nothing but its name.
    pub fn is_bare(&self) -> bool {
        self.types.is_empty() && self.properties.is_empty() && self.reverse.is_empty() && self.included.is_empty()
    }
}

impl Item<'_> {
    /// Whether it is a graph object.
    pub fn is_graph(&self) -> bool {
        matches!(self, Self::Node(object) if object.graph.is_some() && object.is_bare())
    }
}

/// The value of a value object.
#[derive(Clone, Copy, Debug)]
pub enum Scalar<'a> {
    /// A string.
    Text(&'a str),
    /// A number as it is written.
    Number(&'a str),
    /// `true` or `false`
    Bool(bool),
    /// Any JSON, of the type `@json`.
    Json(&'a Node),
}

/// A value object.
#[derive(Debug)]
pub struct Literal<'a> {
    /// Its place in the text.
    pub at: usize,
    /// `@value`
    pub value: Scalar<'a>,
    /// `@type`
    pub datatype: Option<Rc<str>>,
    /// `@language`
    pub language: Option<Rc<str>>,
    /// Whether it has a `@direction`.
    pub direction: bool,
}
