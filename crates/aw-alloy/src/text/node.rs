//! The tree both readers build.

use std::fmt;

use super::{Member, Number, Object};

/// Names a place in a text; lines and columns count from 1, columns in characters.
///
/// [`Mark::NONE`] (line 0) stands for a value that was built by a program and not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, PartialOrd, Ord)]
pub struct Mark {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Mark {
    /// The place of what was never in a text.
    pub const NONE: Self = Self { line: 0, column: 0 };

    /// Returns the place, or `None` for [`Mark::NONE`].
    pub fn known(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Holds one value and where it started. Two nodes are equal when their values are, wherever they stood.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where the value started.
    pub at: Mark,
}

/// Holds a JSON value.
///
/// Equality is that of the format (spec/alloy-format 1.4): numbers by value, members in any order.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `null`, which is not the same as an absent member.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in its spelling.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object with its members in order.
    Object(Object),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Value {
    /// Returns the JSON Schema name of this kind of value, with `integer` for whole numbers.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(number) if number.is_integer() => "integer",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

impl Node {
    /// Returns a value that was read at `at`.
    pub fn new(value: Value, at: Mark) -> Self {
        Self { value, at }
    }

    /// Returns `null` without a place.
    pub fn null() -> Self {
        Value::Null.into()
    }

    /// Returns a double without a place, or `None` when it is not finite.
    pub fn from_f64(value: f64) -> Option<Self> {
        Number::from_f64(value).map(Self::from)
    }

    /// Returns the value of member `name`, or `None` when there is none or this is no object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// Returns the value of member `name` for changing it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.as_object_mut()?.get_mut(name)
    }

    /// Says whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Returns the boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self.value { Some(value) } else { None }
    }

    /// Returns the number, if this is one.
    pub fn as_number(&self) -> Option<&Number> {
        if let Value::Number(number) = &self.value { Some(number) } else { None }
    }

    /// Returns the number as [`Number::as_u64`] does, if this is one.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// Returns the number as [`Number::as_i64`] does, if this is one.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// Returns the nearest double, if this is a number.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// Returns the string, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    /// Returns the elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Value::Array(items) = &self.value { Some(items) } else { None }
    }

    /// Returns the elements for changing them, if this is an array.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Self>> {
        if let Value::Array(items) = &mut self.value { Some(items) } else { None }
    }

    /// Returns the object, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        if let Value::Object(object) = &self.value { Some(object) } else { None }
    }

    /// Returns the object for changing it, if this is one.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        if let Value::Object(object) = &mut self.value { Some(object) } else { None }
    }

    /// Returns the same value for typed reading. Whole numbers up to 2^53 - 1 become integers however they are
    /// spelled, so that what a schema accepts as an integer also reads as one; others become the nearest double.
    pub fn to_serde(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number_to_serde(number),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) => items.iter().map(Self::to_serde).collect(),
            Value::Object(object) => object.iter().map(|member| (member.name.clone(), member.value.to_serde())).collect(),
        }
    }

    /// Returns the same value as a tree without places.
    pub fn from_serde(value: &serde_json::Value) -> Self {
        use serde_json::Value as Serde;
        match value {
            Serde::Null => Self::null(),
            Serde::Bool(value) => (*value).into(),
            Serde::Number(number) => number_from_serde(number).into(),
            Serde::String(text) => text.as_str().into(),
            Serde::Array(items) => items.iter().map(Self::from_serde).collect::<Vec<_>>().into(),
            Serde::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.clone(), Self::from_serde(value)));
                members.collect::<Object>().into()
            }
        }
    }
}

fn number_to_serde(number: &Number) -> serde_json::Value {
    match (number.as_u64(), number.as_i64()) {
        (Some(value), _) => value.into(),
        (None, Some(value)) => value.into(),
        (None, None) => number.as_f64().into(),
    }
}

fn number_from_serde(number: &serde_json::Number) -> Number {
    match (number.as_u64(), number.as_i64()) {
        (Some(value), _) => value.into(),
        (None, Some(value)) => value.into(),
        (None, None) => {
            let value = number.as_f64().expect("without arbitrary precision a number is u64, i64 or f64");
            Number::from_f64(value).expect("a serde_json number is finite")
        }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self { value, at: Mark::NONE }
    }
}

/// Builds a node without a place from each plain type.
macro_rules! node_from {
    ($($from:ty => |$value:ident| $build:expr;)*) => {
        $(impl From<$from> for Node {
            fn from($value: $from) -> Self {
                $build.into()
            }
        })*
    };
}

node_from! {
    bool => |value| Value::Bool(value);
    Number => |value| Value::Number(value);
    u64 => |value| Value::Number(value.into());
    i64 => |value| Value::Number(value.into());
    u32 => |value| u64::from(value);
    i32 => |value| i64::from(value);
    &str => |value| Value::String(value.to_owned());
    String => |value| Value::String(value);
    Vec<Node> => |value| Value::Array(value);
    Object => |value| Value::Object(value);
}

impl FromIterator<Node> for Node {
    /// Collects an array.
    fn from_iter<I: IntoIterator<Item = Self>>(items: I) -> Self {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl From<(String, Node)> for Member {
    fn from((name, value): (String, Node)) -> Self {
        Self { name, name_at: Mark::NONE, value }
    }
}
