//! YAML for the card's front matter: values written so that every reader of YAML 1.1 and 1.2 reads the same.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Writes members as a YAML block mapping, one a line, in order.
pub(super) fn mapping(members: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_members(&mut text, members, 0);
    text
}

fn write_members(text: &mut String, members: &Map<String, Value>, indent: usize) {
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 || text.is_empty() || text.ends_with('\n') {
            let _ = write!(text, "{:indent$}", "");
        }
        let _ = write!(text, "{}:", key(name));
        write_value(text, value, indent);
    }
}

/// Writes a value after `name:` or `-`, with the line's end.
fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            write_members(text, members, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            for item in items {
                let _ = write!(text, "{:indent$}-", "");
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        text.push(' ');
                        write_members(text, members, indent + 2);
                    }
                    item => write_value(text, item, indent + 2),
                }
            }
        }
        Value::Object(_) => text.push_str(" {}\n"),
        Value::Array(_) => text.push_str(" []\n"),
        Value::String(value) => {
            let _ = writeln!(text, " {}", quoted(value));
        }
        Value::Number(number) => {
            // Without an exponent: YAML 1.1 takes `1e-7` for a text.
            let _ = match number.as_f64() {
                Some(value) if !number.is_i64() && !number.is_u64() => writeln!(text, " {}", decimal(value)),
                _ => writeln!(text, " {number}"),
            };
        }
        Value::Bool(value) => {
            let _ = writeln!(text, " {value}");
        }
        Value::Null => text.push_str(" null\n"),
    }
}

/// A number with a point and without an exponent.
fn decimal(value: f64) -> String {
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// A name as a key: plain where that is safe.
fn key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&name.to_ascii_lowercase().as_str());
    if plain { name.to_owned() } else { quoted(name) }
}

/// A text in double quotes: whatever a recipe says stays one value.
pub(super) fn quoted(text: &str) -> String {
    // JSON strings are YAML strings, but for what JSON lets stand and YAML takes for a line's end or forbids.
    let mut quoted = String::with_capacity(text.len() + 2);
    for c in Value::from(text).to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted
}
