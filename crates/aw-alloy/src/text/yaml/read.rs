//! The reader: parser events in, one tree out.

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
    /// No place lies behind it.
    end: Mark,
    /// The containers around what is read next, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
}

enum Open {
    Array { at: Mark, items: Vec<Node> },
    Object { at: Mark, object: Object, key: Option<(String, Mark)> },
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
                Event::Alias(_) => {
                    return Err(refuse("an alias", "repeat the value in full").at(at));
                }
                Event::Scalar(text, style, anchor, tag) => {
                    plain_node(anchor, tag.as_deref(), at)?;
                    self.scalar(&text, style, at)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    plain_node(anchor, tag.as_deref(), at)?;
                    self.open(Open::Array { at, items: Vec::new() }, at)?;
                }
                Event::MappingStart(anchor, tag) => {
                    plain_node(anchor, tag.as_deref(), at)?;
                    self.open(Open::Object { at, object: Object::new(), key: None }, at)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
            }
        }
        self.root.take().ok_or_else(|| Kind::Empty.at(Mark { line: 1, column: 1 }))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Mark) -> Result<(), SyntaxError> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Open::Object { key: key @ None, .. }) = self.open.last_mut() {
            *key = Some((key_text(text, plain).map_err(|kind| kind.at(at))?, at));
            return Ok(());
        }
        self.count(at)?;
        let value = if plain { scalar::resolve(text).map_err(|kind| kind.at(at))? } else { Value::String(text.to_owned()) };
        self.add(Node { value, at })
    }

    fn count(&mut self, at: Mark) -> Result<(), SyntaxError> {
        let left = self.nodes_left.checked_sub(1);
        self.nodes_left = left.ok_or_else(|| Kind::TooManyNodes { limit: self.limits.nodes }.at(at))?;
        Ok(())
    }

    fn open(&mut self, container: Open, at: Mark) -> Result<(), SyntaxError> {
        if let Some(Open::Object { key: None, .. }) = self.open.last() {
            let construct = match container {
                Open::Array { .. } => "a sequence as a mapping key",
                Open::Object { .. } => "a mapping as a mapping key",
            };
            return Err(refuse(construct, "use a string as the key").at(at));
        }
        let limit = self.limits.depth_allowed();
        if self.open.len() >= limit as usize {
            return Err(Kind::TooDeep { limit }.at(at));
        }
        self.count(at)?;
        self.open.push(container);
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let node = match self.open.pop().expect("the parser closes only what it opened") {
            Open::Array { at, items } => Node { value: Value::Array(items), at },
            Open::Object { at, object, .. } => Node { value: Value::Object(object), at },
        };
        self.add(node)
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node) -> Result<(), SyntaxError> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Array { items, .. }) => items.push(node),
            Some(Open::Object { object, key, .. }) => {
                let (name, name_at) = key.take().expect("a mapping's value follows its key");
                if let Err((first, member)) = object.push(Member { name, name_at, value: node }) {
                    let first = object.iter().as_slice()[first].name_at;
                    return Err(Kind::Duplicate { name: member.name, first }.at(member.name_at));
                }
            }
        }
        Ok(())
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

fn plain_node(anchor: usize, tag: Option<&Tag>, at: Mark) -> Result<(), SyntaxError> {
    if let Some(tag) = tag {
        return Err(refuse(&format!("tag `{tag}`"), "remove the tag; quotes make a string").at(at));
    }
    if anchor != 0 {
        return Err(refuse("an anchor", "remove it and repeat the value where it is needed").at(at));
    }
    Ok(())
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
