//! The publishing serialisation, and the same on one line.

use super::super::{Member, Node, Value};
use super::string::write_ascii;

/// Writes a document the way documents are published: members in their order, two spaces per level, `": "`, one
/// item per line, empty containers closed at once, non-ASCII characters as `\uXXXX`, numbers as they were spelled,
/// no final newline.
///
/// # Source
/// spec/alloy-format 1.5.
pub fn publish(node: &Node) -> String {
    let mut out = String::new();
    write(&mut out, node, Some(0));
    out
}

/// Writes a document on one line without spaces, otherwise as [`publish`] does.
pub fn compact(node: &Node) -> String {
    let mut out = String::new();
    write(&mut out, node, None);
    out
}

/// Appends `node`; `level` is how deep it stands, or `None` for one line.
fn write(out: &mut String, node: &Node, level: Option<usize>) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(number.lexeme()),
        Value::String(text) => write_ascii(out, text),
        Value::Array(items) => write_items(out, ['[', ']'], items.iter(), level, write),
        Value::Object(object) => write_items(out, ['{', '}'], object.iter(), level, write_member),
    }
}

fn write_member(out: &mut String, member: &Member, level: Option<usize>) {
    write_ascii(out, &member.name);
    out.push_str(if level.is_some() { ": " } else { ":" });
    write(out, &member.value, level);
}

fn write_items<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    level: Option<usize>,
    write_item: impl Fn(&mut String, T, Option<usize>),
) {
    out.push(open);
    let empty = items.len() == 0;
    let inner = level.map(|level| level + 1);
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.push(',');
        }
        new_line(out, inner);
        write_item(out, item, inner);
    }
    if !empty {
        new_line(out, level);
    }
    out.push(close);
}

fn new_line(out: &mut String, level: Option<usize>) {
    if let Some(level) = level {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}
