//! Canonical JSON: the bytes that are hashed and signed.

use std::cmp::Ordering;

use thiserror::Error;

use super::number::{INTEGER_MAX, Number};
use super::{Member, Node, Value};

/// Says why a value has no canonical form.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// A whole number beyond what a double holds exactly: writing it as one would change it.
    #[error("`{path}`: integer `{lexeme}` has no canonical form, expected -{INTEGER_MAX} to {INTEGER_MAX}")]
    IntegerRange {
        /// Where it is, such as `stages[2].level`; empty for the document itself.
        path: String,
        /// The number as spelled.
        lexeme: String,
    },
}

/// Writes the one form that equal documents share: members sorted by the UTF-16 code units of their names, no
/// spaces, numbers as ECMAScript prints doubles, minimal escapes, UTF-8.
///
/// Numbers are doubles: `12.0` and `12` come out alike, and a spelling with more digits than a double holds comes
/// out as the nearest double. Whole doubles from 2^53 to 1e21 come out as plain digits, as the RFC demands, which
/// the strict reader of this crate refuses to read back.
///
/// # Errors
/// [`CanonicalError::IntegerRange`] for an integer spelled beyond plus or minus 2^53 - 1; only a tree that a program
/// built can hold one.
///
/// # Source
/// RFC 8785.
pub fn to_bytes(node: &Node) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    let mut path = Vec::new();
    write(&mut out, node, &mut path)?;
    Ok(out)
}

/// One step down the tree, kept for the error message.
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

fn write<'a>(out: &mut Vec<u8>, node: &'a Node, path: &mut Vec<Step<'a>>) -> Result<(), CanonicalError> {
    match &node.value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => write_number(out, number, path)?,
        Value::String(text) => write_string(out, text),
        Value::Array(items) => write_array(out, items, path)?,
        Value::Object(object) => write_object(out, object.iter().as_slice(), path)?,
    }
    Ok(())
}

fn write_array<'a>(out: &mut Vec<u8>, items: &'a [Node], path: &mut Vec<Step<'a>>) -> Result<(), CanonicalError> {
    out.push(b'[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        path.push(Step::Item(position));
        write(out, item, path)?;
        path.pop();
    }
    out.push(b']');
    Ok(())
}

fn write_object<'a>(out: &mut Vec<u8>, members: &'a [Member], path: &mut Vec<Step<'a>>) -> Result<(), CanonicalError> {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_unstable_by(|a, b| utf16_order(&a.name, &b.name));
    out.push(b'{');
    for (position, member) in sorted.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_string(out, &member.name);
        out.push(b':');
        path.push(Step::Member(&member.name));
        write(out, &member.value, path)?;
        path.pop();
    }
    out.push(b'}');
    Ok(())
}

fn write_number(out: &mut Vec<u8>, number: &Number, path: &[Step<'_>]) -> Result<(), CanonicalError> {
    if number.is_integer_lexeme() && !number.is_integer() {
        return Err(CanonicalError::IntegerRange { path: path_text(path), lexeme: number.lexeme().to_owned() });
    }
    out.extend(ryu_js::Buffer::new().format_finite(number.as_f64()).as_bytes());
    Ok(())
}

/// Compares by UTF-16 code units. That is the order of the UTF-8 bytes except that characters beyond U+FFFF, which
/// UTF-16 spells with surrogates, come before U+E000 to U+FFFF: the first bytes 0xF0 and up before 0xEE and 0xEF.
fn utf16_order(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { byte };
    let differing = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    differing.map_or_else(|| a.len().cmp(&b.len()), |(a, b)| rank(a).cmp(&rank(b)))
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            0x08 => out.extend(b"\\b"),
            0x0c => out.extend(b"\\f"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            byte => out.extend(format!("\\u{byte:04x}").bytes()),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn path_text(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Member(name) => super::problem::push_member(&mut text, name),
            Step::Item(position) => super::problem::push_item(&mut text, *position),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The shortcut over bytes against the definition.
        #[test]
        fn byte_order_is_utf16_order(
            a in "[a\u{7f}\u{80}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}😀é]{0,4}",
            b in "[a\u{7f}\u{80}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}😀é]{0,4}",
        ) {
            prop_assert_eq!(utf16_order(&a, &b), a.encode_utf16().cmp(b.encode_utf16()));
        }
    }
}
