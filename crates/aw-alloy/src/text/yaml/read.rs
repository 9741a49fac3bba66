//! The reader: parser events in, one tree out.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::super::error::SyntaxErrorKind as Kind;
use super::super::{Limits, Mark, Member, Node, Object, SyntaxError, Value};
use super::scalar;

/// Reads one YAML document that means the same as some JSON document.
///
/// Accepts mappings with string keys, sequences and scalars of the YAML 1.2 core schema whose numbers are spelled as
/// in JSON. Anchors, aliases, tags, merge keys, several documents, other keys, duplicate keys, infinities and other
/// number spellings are refused, each with its place and what to write instead. Quoted and block scalars are always
/// strings. As YAML escapes are code points, a character beyond U+FFFF is written as itself or as `\UXXXXXXXX`, not
/// as JSON's pair of `\uXXXX`. Brackets nest 255 deep at most.
///
/// # Errors
/// [`SyntaxError`] with the place of the first thing refused, or of what exceeds `limits`.
///
/// # Source
/// YAML 1.2.2, section 10.3 (core schema).
pub fn parse(text: &str, limits: &Limits) -> Result<Node, SyntaxError> {
    read(text, limits, None)
}

/// Reads as [`parse`], and puts a copy of the anchored value wherever an alias stands. Anchored values may have `expanded` values
/// together, and so may what aliases stand for, however they nest.
///
/// # Errors
/// As [`parse`], and for an alias of a value that is not complete before it, as a key, or beyond `expanded`.
pub fn parse_with_aliases(text: &str, limits: &Limits, expanded: usize) -> Result<Node, SyntaxError> {
    read(text, limits, Some(Aliases { anchored: HashMap::new(), room: expanded, left: expanded, limit: expanded }))
}

fn read(text: &str, limits: &Limits, aliases: Option<Aliases>) -> Result<Node, SyntaxError> {
    let start = Mark { line: 1, column: 1 };
    if text.len() > limits.bytes_allowed() {
        return Err(Kind::TooLarge { bytes: text.len(), limit: limits.bytes_allowed() }.at(start));
    }
    if text.starts_with('\u{feff}') {
        return Err(Kind::ByteOrderMark.at(start));
    }
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        limits,
        nodes_left: limits.nodes,
        aliases,
        end: end(text),
        open: Vec::new(),
        root: None,
    };
    reader.document().map_err(|error| SyntaxError { at: error.at.min(reader.end), ..error })
}

/// The place after the last character. The scanner ends a text without a final line break with one of its own and places what it
/// misses there on a line the text does not have.
fn end(text: &str) -> Mark {
    let is_break = |character: char| matches!(character, '\n' | '\r');
    let breaks = text.matches(is_break).count() - text.matches("\r\n").count();
    let last = text.rsplit(is_break).next().unwrap_or_default();
    let count = |value: usize| u32::try_from(value).expect("texts are shorter than 2^32 bytes");
    Mark { line: count(breaks + 1), column: count(last.chars().count() + 1) }
}

/// The deepest nesting of `[` and `{` that the scanner follows.
const FLOW_DEPTH_MAX: u32 = u8::MAX as u32;

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    limits: &'a Limits,
    nodes_left: usize,
    /// What aliases stand for, where they are accepted.
    aliases: Option<Aliases>,
    /// No place lies behind it.
    end: Mark,
    /// The containers around what is read next, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
}

struct Open {
    /// The scanner's number of the anchor; 0 without one.
    anchor: usize,
    at: Mark,
    container: Container,
}

enum Container {
    Array(Vec<Node>),
    Object(Object, Option<(String, Mark)>),
}

struct Aliases {
    /// The complete values that have an anchor, with how many values each is.
    anchored: HashMap<usize, (Node, usize)>,
    /// How many more values may be anchored: nested anchors keep what they share several times.
    room: usize,
    /// How many more values aliases may stand for.
    left: usize,
    limit: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, SyntaxError> {
        let mut documents = 0;
        while let Some(next) = self.events.next_event() {
            let (event, span) = next.map_err(scan_error)?;
            let at = mark(span.start).min(self.end);
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(refuse("a second document", "write one document per file").at(at));
                    }
                }
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::Alias(anchor) => self.alias(anchor, at)?,
                Event::Scalar(text, style, anchor, tag) => {
                    self.plain_node(anchor, tag.as_deref(), at)?;
                    self.scalar(&text, style, anchor, at)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.plain_node(anchor, tag.as_deref(), at)?;
                    self.open(Open { anchor, at, container: Container::Array(Vec::new()) })?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.plain_node(anchor, tag.as_deref(), at)?;
                    self.open(Open { anchor, at, container: Container::Object(Object::new(), None) })?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
            }
        }
        self.root.take().ok_or_else(|| Kind::Empty.at(Mark { line: 1, column: 1 }))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, at: Mark) -> Result<(), SyntaxError> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Container::Object(_, key @ None)) = self.innermost() {
            *key = Some((key_text(text, plain).map_err(|kind| kind.at(at))?, at));
            return Ok(());
        }
        self.count(1, at)?;
        let value = if plain { scalar::resolve(text).map_err(|kind| kind.at(at))? } else { Value::String(text.to_owned()) };
        self.add(Node { value, at }, anchor)
    }

    /// The innermost container that is open.
    fn innermost(&mut self) -> Option<&mut Container> {
        self.open.last_mut().map(|open| &mut open.container)
    }

    fn alias(&mut self, anchor: usize, at: Mark) -> Result<(), SyntaxError> {
        if matches!(self.innermost(), Some(Container::Object(_, None))) {
            return Err(refuse("an alias as a mapping key", "write the key out").at(at));
        }
        let Some(aliases) = &mut self.aliases else {
            return Err(refuse("an alias", "repeat the value in full").at(at));
        };
        let Some((node, values)) = aliases.anchored.get(&anchor) else {
            return Err(refuse("an alias within its own value", "repeat the part that is meant").at(at));
        };
        let limit = aliases.limit;
        aliases.left = aliases.left.checked_sub(*values).ok_or_else(|| Kind::TooManyNodes { limit }.at(at))?;
        let (node, values) = (node.clone(), *values);
        let deepest = self.limits.depth_allowed();
        if self.open.len() + depth(&node) > deepest as usize {
            return Err(Kind::TooDeep { limit: deepest }.at(at));
        }
        self.count(values, at)?;
        self.add(node, 0)
    }

    fn count(&mut self, values: usize, at: Mark) -> Result<(), SyntaxError> {
        let left = self.nodes_left.checked_sub(values);
        self.nodes_left = left.ok_or_else(|| Kind::TooManyNodes { limit: self.limits.nodes }.at(at))?;
        Ok(())
    }

    fn open(&mut self, open: Open) -> Result<(), SyntaxError> {
        let at = open.at;
        if let Some(Container::Object(_, None)) = self.innermost() {
            let construct = match open.container {
                Container::Array(_) => "a sequence as a mapping key",
                Container::Object(..) => "a mapping as a mapping key",
            };
            return Err(refuse(construct, "use a string as the key").at(at));
        }
        let limit = self.limits.depth_allowed();
        if self.open.len() >= limit as usize {
            return Err(Kind::TooDeep { limit }.at(at));
        }
        self.count(1, at)?;
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let Open { anchor, at, container } = self.open.pop().expect("the parser closes only what it opened");
        let value = match container {
            Container::Array(items) => Value::Array(items),
            Container::Object(object, _) => Value::Object(object),
        };
        self.add(Node { value, at }, anchor)
    }

    /// Puts a finished value where it belongs, and keeps it for aliases when it has an anchor.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        if let Some(aliases) = self.aliases.as_mut().filter(|_| anchor != 0) {
            let values = size(&node);
            let limit = aliases.limit;
            aliases.room = aliases.room.checked_sub(values).ok_or_else(|| Kind::TooManyNodes { limit }.at(node.at))?;
            aliases.anchored.insert(anchor, (node.clone(), values));
        }
        match self.innermost() {
            None => self.root = Some(node),
            Some(Container::Array(items)) => items.push(node),
            Some(Container::Object(object, key)) => {
                let (name, name_at) = key.take().expect("a mapping's value follows its key");
                if let Err((first, member)) = object.push(Member { name, name_at, value: node }) {
                    let first = object.iter().as_slice()[first].name_at;
                    return Err(Kind::Duplicate { name: member.name, first }.at(member.name_at));
                }
            }
        }
        Ok(())
    }

    fn plain_node(&self, anchor: usize, tag: Option<&Tag>, at: Mark) -> Result<(), SyntaxError> {
        if let Some(tag) = tag {
            return Err(refuse(&format!("tag `{tag}`"), "remove the tag; quotes make a string").at(at));
        }
        if anchor != 0 && self.aliases.is_none() {
            return Err(refuse("an anchor", "remove it and repeat the value where it is needed").at(at));
        }
        Ok(())
    }
}

/// How many values a value is, itself included.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(object) => 1 + object.iter().map(|member| size(&member.value)).sum::<usize>(),
        _ => 1,
    }
}

/// How deep containers nest in a value; 0 for a scalar.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.iter().map(|member| depth(&member.value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn key_text(text: &str, plain: bool) -> Result<String, Kind> {
    if plain && text == "<<" {
        return Err(refuse("a merge key `<<`", "write the members out"));
    }
    let key = |kind| Kind::KeyNotString { key: text.to_owned(), kind };
    if !plain {
        return Ok(text.to_owned());
    }
    match scalar::resolve(text) {
        Ok(Value::String(name)) => Ok(name),
        Ok(value) => Err(key(value.kind())),
        // Whatever is wrong with the number, as a key it wants quotes.
        Err(_) => Err(key("number")),
    }
}

fn refuse(construct: &str, hint: &'static str) -> Kind {
    Kind::YamlConstruct { construct: construct.to_owned(), hint }
}

fn scan_error(error: ScanError) -> SyntaxError {
    let kind = match error.info() {
        // The scanner counts open brackets in one byte.
        "recursion limit exceeded" => Kind::TooDeep { limit: FLOW_DEPTH_MAX },
        reason => Kind::Yaml { reason: reason.to_owned() },
    };
    kind.at(mark(*error.marker()))
}

fn mark(marker: Marker) -> Mark {
    let count = |value: usize| u32::try_from(value).expect("texts are shorter than 2^32 bytes");
    Mark { line: count(marker.line()), column: count(marker.col() + 1) }
}
