//! JSON as a tree that knows where each value stands, and its canonical form (RFC 8785).

use std::collections::HashSet;
use std::fmt::Write;

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use super::{Error, Result};
use crate::Limits;
use crate::problem::Fault;

/// A value and its place.
#[derive(Debug)]
pub struct Node {
    /// Its first byte in the text.
    pub at: usize,
    /// What it is.
    pub value: Value,
}

/// A JSON value.
#[derive(Debug)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as it is written; it is finite.
    Number(Box<str>),
    /// A string.
    Text(Box<str>),
    /// An array.
    Array(Vec<Node>),
    /// An object, in the order of the text; no name stands twice.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: Box<str>,
    /// The first byte of the name in the text.
    pub at: usize,
    /// Its value.
    pub node: Node,
}

/// `null`, nowhere.
pub static NULL: Node = Node { at: 0, value: Value::Null };

impl Node {
    /// A string's text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An object's members.
    pub fn members(&self) -> Option<&[Member]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of an object with this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members()?.iter().find(|it| &*it.name == name).map(|it| &it.node)
    }

    /// An array's items, or the value itself as the only one.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::Array(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether both are the same value, wherever they stand.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Value::Object(_), Value::Object(_)) | (Value::Number(_), Value::Number(_)) => self.canonical() == other.canonical(),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Null, Value::Null) => true,
            _ => false,
        }
    }

    /// The canonical form of RFC 8785.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut String) {
        match &self.value {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => out.push_str(ryu_js::Buffer::new().format_finite(number.parse::<f64>().unwrap_or_default())),
            Value::Text(text) => write_text(text, out),
            Value::Array(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<&Member> = members.iter().collect();
                members.sort_by(|a, b| a.name.encode_utf16().cmp(b.name.encode_utf16()));
                out.push('{');
                for (place, member) in members.into_iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    write_text(&member.name, out);
                    out.push(':');
                    member.node.write_canonical(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// An array or object that is not closed yet.
enum Open {
    Array(usize, Vec<Node>),
    Object(usize, Vec<Member>, Option<(Box<str>, usize)>),
}

/// Reads JSON into a tree.
///
/// # Errors
/// When it is no JSON, holds a name twice in one object or an infinite number, or is too deep, too long or too large.
pub fn parse(text: &str, limits: &Limits) -> Result<Node> {
    let bytes = text.as_bytes();
    let above = |at, what, limit| Err(Error { at, fault: Fault::Limit { what, limit } });
    // One more than is allowed, so that the limit is told here.
    let mut parser = LowLevelJsonParser::new().with_max_stack_size(limits.nesting + 2);
    let (mut offset, mut open, mut count) = (0, Vec::<Open>::new(), 0usize);
    let values = limits.triples.saturating_mul(4);
    loop {
        let result = parser.parse_next(&bytes[offset..], true);
        let blank = bytes[offset..].iter().take_while(|it| matches!(it, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':')).count();
        let at = offset + blank;
        offset += result.consumed_bytes;
        let event = match result.event {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                let at = usize::try_from(error.location().start.offset).unwrap_or(text.len());
                return Err(Error { at, fault: Fault::Syntax(error.message().to_owned()) });
            }
            None => return Err(Error { at: text.len(), fault: Fault::Syntax("unexpected end of the document".into()) }),
        };
        count += 1;
        if count > values {
            return above(at, "JSON values", values);
        }
        let value = match event {
            JsonEvent::StartArray | JsonEvent::StartObject => {
                if open.len() >= limits.nesting {
                    return above(at, "nested objects and arrays", limits.nesting);
                }
                let is_array = event == JsonEvent::StartArray;
                open.push(if is_array { Open::Array(at, Vec::new()) } else { Open::Object(at, Vec::new(), None) });
                continue;
            }
            JsonEvent::ObjectKey(name) => {
                if name.len() > limits.literal {
                    return above(at, "bytes of a name", limits.literal);
                }
                if let Some(Open::Object(_, _, waiting)) = open.last_mut() {
                    *waiting = Some((name.into(), at));
                }
                continue;
            }
            JsonEvent::EndArray | JsonEvent::EndObject => match open.pop() {
                Some(Open::Array(at, items)) => Node { at, value: Value::Array(items) },
                Some(Open::Object(at, members, _)) => {
                    distinct(&members)?;
                    Node { at, value: Value::Object(members) }
                }
                None => continue,
            },
            JsonEvent::Null => Node { at, value: Value::Null },
            JsonEvent::Boolean(value) => Node { at, value: Value::Bool(value) },
            JsonEvent::Number(number) => {
                if !number.parse::<f64>().is_ok_and(f64::is_finite) {
                    return Err(Error { at, fault: Fault::Syntax(format!("{number} is no number that can be held")) });
                }
                Node { at, value: Value::Number(number.into()) }
            }
            JsonEvent::String(text) => {
                if text.len() > limits.literal {
                    return above(at, "bytes of a literal", limits.literal);
                }
                Node { at, value: Value::Text(text.into()) }
            }
            JsonEvent::Eof => return Err(Error { at, fault: Fault::Syntax("an empty document; expected JSON".into()) }),
        };
        match open.last_mut() {
            Some(Open::Array(_, items)) => items.push(value),
            Some(Open::Object(_, members, waiting)) => {
                if let Some((name, at)) = waiting.take() {
                    members.push(Member { name, at, node: value });
                }
            }
            None => return ended(&mut parser, bytes, offset, value),
        }
    }
}

/// Nothing follows the outermost value.
fn ended(parser: &mut LowLevelJsonParser, bytes: &[u8], offset: usize, value: Node) -> Result<Node> {
    match parser.parse_next(&bytes[offset..], true).event {
        Some(Ok(JsonEvent::Eof)) => Ok(value),
        Some(Err(error)) => {
            let at = usize::try_from(error.location().start.offset).unwrap_or(offset);
            Err(Error { at, fault: Fault::Syntax(error.message().to_owned()) })
        }
        _ => Err(Error { at: offset, fault: Fault::Syntax("expected nothing after the outermost value".into()) }),
    }
}

fn distinct(members: &[Member]) -> Result<()> {
    let mut names = HashSet::with_capacity(members.len());
    match members.iter().find(|it| !names.insert(&*it.name)) {
        None => Ok(()),
        Some(twice) => Err(Error { at: twice.at, fault: Fault::Syntax(format!("`{}` stands twice in one object", twice.name)) }),
    }
}
