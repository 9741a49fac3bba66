//! The strict reader (RFC 8259, I-JSON numbers, unique names).

use super::super::error::SyntaxErrorKind as Kind;
use super::super::number::{INTEGER_MAX, is_integer_lexeme, spelling_length};
use super::super::{Limits, Mark, Member, Node, Number, Object, SyntaxError, Value};
use super::string;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Longer lexemes without an exponent could still exceed a double.
const ALWAYS_FINITE_DIGITS: usize = 300;

/// Reads one JSON document.
///
/// Stricter than most readers, so that two readers never disagree about a document: names are unique, whole numbers
/// stay within plus or minus 2^53 - 1 and numbers are finite. Order, nulls and number spellings are kept.
///
/// # Errors
/// [`SyntaxError`] with the place of the first thing that is not strict JSON or exceeds `limits`.
///
/// # Source
/// RFC 8259; RFC 7493 (I-JSON) sections 2.2 and 2.3.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Node, SyntaxError> {
    if bytes.len() > limits.bytes_allowed() {
        return Err(Kind::TooLarge { bytes: bytes.len(), limit: limits.bytes_allowed() }.at(START));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        return Err(Kind::ByteOrderMark.at(START));
    }
    let text = str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        line_start: 0,
        depth_left: limits.depth_allowed(),
        nodes_left: limits.nodes,
        items: Vec::new(),
        limits,
    };
    reader.document()
}

const START: Mark = Mark { line: 1, column: 1 };

fn not_utf8(bytes: &[u8], offset: usize) -> SyntaxError {
    let before = String::from_utf8_lossy(&bytes[..offset]);
    let line_text = before.rsplit('\n').next().unwrap_or_default();
    let at = Mark {
        line: count(before.bytes().filter(|&byte| byte == b'\n').count() + 1),
        column: count(line_text.chars().count() + 1),
    };
    Kind::NotUtf8 { byte: bytes[offset], offset }.at(at)
}

fn count(value: usize) -> u32 {
    u32::try_from(value).expect("texts are shorter than 2^32 bytes")
}

struct Reader<'a> {
    text: &'a str,
    /// Byte offset of what is read next.
    at: usize,
    line: u32,
    /// Byte offset at which the line would have started if all its characters so far took one byte: the column is
    /// the distance to it.
    line_start: usize,
    depth_left: u32,
    nodes_left: usize,
    /// Elements of the arrays being read, so that each finished array is allocated once in its right size.
    items: Vec<Node>,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, SyntaxError> {
        self.skip_space();
        if self.peek().is_none() {
            return Err(Kind::Empty.at(self.mark()));
        }
        let node = self.value()?;
        self.skip_space();
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(Kind::Trailing { found: self.found() }.at(self.mark())),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn mark(&self) -> Mark {
        self.mark_of(self.at)
    }

    /// Returns the place of a byte on the current line, before which all multi-byte characters are accounted for.
    fn mark_of(&self, offset: usize) -> Mark {
        Mark { line: self.line, column: count(offset - self.line_start + 1) }
    }

    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                    self.line_start = self.at;
                }
                _ => return,
            }
        }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        let at = self.mark();
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or_else(|| Kind::TooManyNodes { limit: self.limits.nodes }.at(at))?;
        let value = match self.peek() {
            Some(b'"') => Value::String(self.string()?),
            Some(b'{') => Value::Object(self.nested(Self::object)?),
            Some(b'[') => Value::Array(self.nested(Self::array)?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Node { value, at })
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return Err(Kind::TooDeep { limit: self.limits.depth_allowed() }.at(self.mark()));
        };
        self.depth_left = left;
        self.at += 1;
        self.skip_space();
        let value = read(self)?;
        self.depth_left += 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let first = self.items.len();
        if self.take(b']') {
            return Ok(Vec::new());
        }
        loop {
            let item = self.value()?;
            self.items.push(item);
            if self.ends(b']', "`,` or `]`", "a value")? {
                return Ok(self.items.drain(first..).collect());
            }
        }
    }

    fn object(&mut self) -> Result<Object, SyntaxError> {
        let mut object = Object::new();
        if self.take(b'}') {
            return Ok(object);
        }
        loop {
            let member = self.member()?;
            if let Err((first, member)) = object.push(member) {
                let first = object.iter().as_slice()[first].name_at;
                return Err(Kind::Duplicate { name: member.name, first }.at(member.name_at));
            }
            if self.ends(b'}', "`,` or `}`", "a member name in double quotes")? {
                return Ok(object);
            }
        }
    }

    fn member(&mut self) -> Result<Member, SyntaxError> {
        let name_at = self.mark();
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a member name in double quotes"));
        }
        let name = self.string()?;
        self.skip_space();
        if !self.take(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.skip_space();
        Ok(Member { name, name_at, value: self.value()? })
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Reads what follows an item: the closing bracket (`true`) or a comma and the start of another item.
    fn ends(&mut self, close: u8, expected: &'static str, item: &'static str) -> Result<bool, SyntaxError> {
        self.skip_space();
        if self.take(close) {
            return Ok(true);
        }
        let comma = self.mark();
        if !self.take(b',') {
            return Err(self.unexpected(expected));
        }
        self.skip_space();
        if self.peek() == Some(close) {
            let hint = Some("remove the comma before it");
            let found = format!("`{}` after `,` ({comma})", char::from(close));
            return Err(Kind::Unexpected { found, expected: item, hint }.at(self.mark()));
        }
        Ok(false)
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let (text, end, extra) = string::read(self.text, self.at).map_err(|fault| {
            self.line_start += string::extra_bytes(&self.text.as_bytes()[self.at..fault.offset]);
            fault.kind.at(self.mark_of(fault.offset))
        })?;
        self.line_start += extra;
        self.at = end;
        Ok(text)
    }

    fn number(&mut self) -> Result<Number, SyntaxError> {
        let bytes = &self.text.as_bytes()[self.at..];
        let length = spelling_length(bytes).filter(|&length| !bytes.get(length).is_some_and(continues_a_number));
        let Some(length) = length else { return Err(self.number_fault()) };
        let lexeme = &self.text[self.at..self.at + length];
        check_range(lexeme).map_err(|kind| kind.at(self.mark()))?;
        self.at += length;
        Ok(Number::trusted(lexeme))
    }

    fn number_fault(&self) -> SyntaxError {
        let lexeme = self.rest_of_word();
        let digits = lexeme.trim_start_matches('-');
        let kind = match digits {
            "Infinity" | "inf" | "NaN" | "nan" => Kind::NotFinite { lexeme },
            _ => {
                let reason = number_reason(digits);
                Kind::NumberSpelling { lexeme, reason, hint: None }
            }
        };
        kind.at(self.mark())
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            let follows = self.text.as_bytes().get(self.at + word.len());
            if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) && !follows.is_some_and(in_a_word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        let word = self.rest_of_word();
        if matches!(word.as_str(), "NaN" | "nan" | "Infinity" | "inf" | "+Infinity") {
            return Err(Kind::NotFinite { lexeme: word }.at(self.mark()));
        }
        if matches!(word.as_bytes(), [b'+' | b'.', b'.' | b'0'..=b'9', ..]) {
            return Err(self.number_fault());
        }
        Err(self.unexpected("a value"))
    }

    fn unexpected(&self, expected: &'static str) -> SyntaxError {
        let hint = match self.peek() {
            Some(b'\'') => Some("put strings in double quotes"),
            Some(b'/' | b'#') => Some("JSON has no comments; remove it"),
            Some(b'T' | b't') if self.rest_of_word().eq_ignore_ascii_case("true") => Some("write `true`"),
            Some(b'F' | b'f') if self.rest_of_word().eq_ignore_ascii_case("false") => Some("write `false`"),
            Some(b'N' | b'n') if matches!(self.rest_of_word().as_str(), "None" | "Null" | "NULL" | "nil") => Some("write `null`"),
            Some(b'_' | b'$' | b'a'..=b'z' | b'A'..=b'Z') if expected != "`:`" => Some("put it in double quotes"),
            _ => None,
        };
        Kind::Unexpected { found: self.found(), expected, hint }.at(self.mark())
    }

    /// Describes what is read next.
    fn found(&self) -> String {
        let word = self.rest_of_word();
        match self.text[self.at..].chars().next() {
            None => "end of the text".to_owned(),
            Some(_) if !word.is_empty() => format!("`{word}`"),
            Some(char) if char.is_control() => format!("character U+{:04X}", u32::from(char)),
            Some(char) => format!("`{char}`"),
        }
    }

    /// Returns the letters, digits and signs that are read next, for messages.
    fn rest_of_word(&self) -> String {
        let rest = self.text[self.at..].bytes().take_while(in_a_word).take(LEXEME_SHOWN);
        rest.map(char::from).collect()
    }
}

/// Of an unreadable word a message quotes no more than this many bytes.
const LEXEME_SHOWN: usize = 40;

fn in_a_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-' | b'$')
}

fn continues_a_number(byte: &u8) -> bool {
    in_a_word(byte)
}

fn check_range(lexeme: &str) -> Result<(), Kind> {
    // 15 digits are below 2^53 and need no second look; nearly every number is that short.
    if lexeme.len() <= 15 && !lexeme.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return Ok(());
    }
    if is_integer_lexeme(lexeme.as_bytes()) {
        let within = lexeme.parse::<i64>().is_ok_and(|value| value.unsigned_abs() <= INTEGER_MAX.unsigned_abs());
        return if within { Ok(()) } else { Err(Kind::IntegerRange { lexeme: shown(lexeme) }) };
    }
    let exponent = lexeme.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    if !exponent && lexeme.len() < ALWAYS_FINITE_DIGITS {
        return Ok(());
    }
    let finite = lexeme.parse::<f64>().is_ok_and(f64::is_finite);
    if finite { Ok(()) } else { Err(Kind::NotFinite { lexeme: shown(lexeme) }) }
}

fn shown(lexeme: &str) -> String {
    match lexeme.get(..LEXEME_SHOWN) {
        Some(start) if lexeme.len() > LEXEME_SHOWN => format!("{start}…"),
        _ => lexeme.to_owned(),
    }
}

fn number_reason(digits: &str) -> &'static str {
    match digits.as_bytes() {
        [b'+', ..] => "a leading `+`",
        [b'.', ..] => "no digit before the point",
        [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..] => "only decimal digits",
        [b'0', b'0'..=b'9', ..] => "a leading zero",
        _ if digits.contains('_') => "an underscore between digits",
        _ if digits.is_empty() => "a sign without digits",
        _ => "digits, then an optional fraction, then an optional exponent",
    }
}
