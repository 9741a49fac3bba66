//! Text of an ontology as it may stand in source files.

use std::fmt::Write;

use crate::model::ObjectType;

/// Whether a character only moves or ends text: white space, controls, and the characters that change the direction of text, which
/// compilers refuse in comments because they make code read otherwise than it runs.
fn is_blank(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Runs of what [`is_blank`] as one space, none at the ends.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(is_blank).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// One line that ends no comment of any target: what could is taken apart by a space.
pub(super) fn harmless(text: &str) -> String {
    // Twice: of three quotes the first round leaves two that touch.
    one_line(text).replace("*/", "* /").replace("\"\"", "\" \"").replace("\"\"", "\" \"").replace('\\', "/")
}

/// The label of a type, on one line.
pub(super) fn label(object: &ObjectType) -> String {
    let line = one_line(&object.label());
    if line.is_empty() { object.name.clone() } else { line }
}

/// Text of an XML element.
pub(super) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The inside of a Python docstring.
pub(super) fn docstring(text: &str) -> String {
    let mut inside = text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    // A quote at the end would join those that close; after an even number of backslashes it is not escaped yet.
    let open = inside.strip_suffix('"').map(|before| (before.len(), before.len() - before.trim_end_matches('\\').len()));
    if let Some((at, backslashes)) = open
        && backslashes % 2 == 0
    {
        inside.insert(at, '\\');
    }
    inside
}

/// How a language writes a character that may not stand in a string as it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Escape {
    /// `\u0000`, `\U00000000`: C# and Python.
    Fixed,
    /// `\u{0}`: Rust and TypeScript.
    Braced,
}

/// A string literal between `quote`s.
pub(super) fn literal(text: &str, quote: char, escape: Escape) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            c if c == quote => {
                quoted.push('\\');
                quoted.push(c);
            }
            ' ' => quoted.push(' '),
            c if is_blank(c) => {
                let code = u32::from(c);
                // Writing to a string does not fail.
                let _ = match escape {
                    Escape::Fixed if code > 0xffff => write!(quoted, "\\U{code:08x}"),
                    Escape::Fixed => write!(quoted, "\\u{code:04x}"),
                    Escape::Braced => write!(quoted, "\\u{{{code:x}}}"),
                };
            }
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}

/// Text of an XML attribute between double quotes.
pub(super) fn attribute(text: &str) -> String {
    xml(&one_line(text)).replace('"', "&quot;")
}

/// JSON with sorted members, two spaces of indent and a line feed at the end.
pub(super) fn json(value: &serde_json::Value) -> Vec<u8> {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    format!("{sorted:#}\n").into_bytes()
}

/// The same JSON with nothing in it but ASCII.
pub(super) fn ascii_json(value: &serde_json::Value) -> Vec<u8> {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    let text = format!("{sorted:#}\n");
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii.into_bytes()
}

/// The text with one line feed at its end.
pub(super) fn one_newline_at_end(mut text: String) -> String {
    text.truncate(text.trim_end_matches('\n').len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docstrings_cannot_be_closed_from_inside() {
        assert_eq!(docstring(r#"a """ b\"#), r#"a \"\"\" b\\"#);
        assert_eq!(docstring(r#"say "hi""#), r#"say "hi\""#);
        assert_eq!(docstring(r#"\""#), r#"\\\""#);
        assert_eq!(docstring(r#"""""#), r#"\"\"\""#);
        assert_eq!(docstring(r#""""""#), r#"\"\"\"\""#);
    }

    #[test]
    fn literals_hold_any_text() {
        assert_eq!(literal("a'b\\c\n\u{2028}é", '\'', Escape::Braced), "'a\\'b\\\\c\\u{a}\\u{2028}é'");
        assert_eq!(literal("\"\u{202e}\0", '"', Escape::Fixed), "\"\\\"\\u202e\\u0000\"");
    }

    #[test]
    fn lines_are_one_line() {
        assert_eq!(one_line(" a\r\n\u{85}\u{2029}b\u{202e} c\u{0} "), "a b c");
        assert_eq!(harmless("*/ \"\"\" \\"), "* / \" \" \" /");
    }
}
