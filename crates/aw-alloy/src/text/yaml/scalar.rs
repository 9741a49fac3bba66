//! What a plain scalar means (YAML 1.2 core schema).

use super::super::error::SyntaxErrorKind as Kind;
use super::super::number::{INTEGER_MAX, is_integer_lexeme, spelling_length};
use super::super::{Number, Value};

/// Resolves an unquoted scalar.
///
/// Numbers must be spelled as in JSON. Other spellings that YAML reads as numbers are refused rather than rewritten,
/// because the spelling is part of a document.
pub(super) fn resolve(text: &str) -> Result<Value, Kind> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(Kind::NotFinite { lexeme: text.to_owned() });
    }
    if spelling_length(text.as_bytes()) == Some(text.len()) {
        return json_number(text);
    }
    match odd_spelling(unsigned, text) {
        Some(reason) => Err(Kind::NumberSpelling { lexeme: text.to_owned(), reason, hint: Some(rewrite(text)) }),
        None => Ok(Value::String(text.to_owned())),
    }
}

fn json_number(text: &str) -> Result<Value, Kind> {
    let number = Number::from_lexeme(text).ok_or_else(|| Kind::NotFinite { lexeme: text.to_owned() })?;
    if is_integer_lexeme(text.as_bytes()) && !number.is_integer() {
        return Err(Kind::IntegerRange { lexeme: text.to_owned() });
    }
    Ok(Value::Number(number))
}

/// Says why a scalar that some YAML reader takes for a number is none in JSON; `None` when it is plain text.
fn odd_spelling(unsigned: &str, text: &str) -> Option<&'static str> {
    let all = |digits: &str, fits: fn(&u8) -> bool| !digits.is_empty() && digits.bytes().all(|byte| fits(&byte));
    if unsigned.strip_prefix("0x").is_some_and(|digits| all(digits, u8::is_ascii_hexdigit)) {
        return Some("hexadecimal");
    }
    if unsigned.strip_prefix("0o").is_some_and(|digits| all(digits, |byte| (b'0'..=b'7').contains(byte))) {
        return Some("octal");
    }
    let joined = unsigned.replace('_', "");
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') || !core_float(&joined) {
        return None;
    }
    Some(match unsigned.as_bytes() {
        _ if joined != unsigned => "an underscore between digits",
        _ if text.starts_with('+') => "a leading `+`",
        [b'0', b'0'..=b'9', ..] => "a leading zero",
        [b'.', ..] => "no digit before the point",
        _ => "no digit after the point",
    })
}

/// Matches the core schema's float, which includes its decimal integer: `\.[0-9]+|[0-9]+(\.[0-9]*)?` and exponent.
fn core_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// Suggests the JSON spelling of the same number, or quotes.
fn rewrite(text: &str) -> String {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = |digits, base| u64::from_str_radix(digits, base).ok().filter(|&value| value <= INTEGER_MAX as u64);
    let spelled = match (unsigned.strip_prefix("0x"), unsigned.strip_prefix("0o")) {
        (Some(digits), _) => radix(digits, 16).map(|value| value.to_string()),
        (_, Some(digits)) => radix(digits, 8).map(|value| value.to_string()),
        _ => decimal(&unsigned.replace('_', "")),
    };
    match spelled {
        Some(spelled) => format!("write `{sign}{spelled}`, or put it in quotes if it is text"),
        None => "put it in quotes if it is text".to_owned(),
    }
}

/// Brings a decimal into JSON's form by moving no digit that counts.
fn decimal(unsigned: &str) -> Option<String> {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => unsigned.split_at(at),
        None => (unsigned, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let point = if mantissa.contains('.') { "." } else { "" };
    let fraction = if point == "." && fraction.is_empty() { "0" } else { fraction };
    let spelled = format!("{whole}{point}{fraction}{exponent}");
    Number::from_lexeme(&spelled).map(|_| spelled)
}
