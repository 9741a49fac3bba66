//! Small pieces of Markdown.

use serde_json::Value;

/// A text as a cell of a table or a word of a line: nothing in it ends either.
pub(super) fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '<' | '[' | ']' | '*' | '`' => {
                cell.push('\\');
                cell.push(c);
            }
            c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => cell.push(' '),
            c => cell.push(c),
        }
    }
    cell
}

/// A number without trailing zeros.
pub(super) fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with its thousands apart.
pub(super) fn grouped(value: &Value) -> String {
    let digits = value.as_u64().map(|number| number.to_string()).unwrap_or_default();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A word as a shell takes it.
pub(super) fn shell(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    let text = if text.starts_with('-') { format!("./{text}") } else { text.to_owned() };
    if !text.is_empty() && text.bytes().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
