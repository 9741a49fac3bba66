//! Strings as JSON escapes them.

use super::super::error::SyntaxErrorKind as Kind;

/// Says what was wrong with a string, and at which byte of the text.
pub(super) struct Fault {
    pub offset: usize,
    pub kind: Kind,
}

/// Reads the string whose opening quote is at `start`. Returns its content, the offset after the closing quote, and
/// by how many bytes its characters exceed one byte each.
pub(super) fn read(text: &str, start: usize) -> Result<(String, usize, usize), Fault> {
    let bytes = text.as_bytes();
    let mut content = String::new();
    let mut from = start + 1;
    let mut at = from;
    let mut extra = 0;
    loop {
        let run = plain_run(&bytes[at..]);
        at += run;
        match bytes.get(at) {
            Some(b'"') => {
                if content.is_empty() {
                    content = text[from..at].to_owned();
                } else {
                    content.push_str(&text[from..at]);
                }
                return Ok((content, at + 1, extra));
            }
            Some(b'\\') => {
                content.push_str(&text[from..at]);
                let (char, length) = escape(text, at)?;
                content.push(char);
                at += length;
                from = at;
            }
            Some(&byte) if byte < 0x20 => {
                return Err(Fault { offset: at, kind: Kind::ControlCharacter { code: byte } });
            }
            Some(&byte) => {
                extra += usize::from(is_continuation(byte));
                at += 1;
            }
            None => {
                let kind = Kind::Unexpected {
                    found: "end of the text inside a string".to_owned(),
                    expected: "a closing `\"`",
                    hint: None,
                };
                return Err(Fault { offset: at, kind });
            }
        }
    }
}

/// Returns by how many bytes the characters of `bytes` exceed one byte each.
pub(super) fn extra_bytes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| is_continuation(byte)).count()
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// Returns how many of the first bytes stand for themselves and take one byte per character.
fn plain_run(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == b'"' || byte == b'\\' || !(0x20..0x80).contains(&byte)).unwrap_or(bytes.len())
}

/// Reads the escape whose backslash is at `at`; returns the character and how many bytes spelled it.
fn escape(text: &str, at: usize) -> Result<(char, usize), Fault> {
    let char = match text.as_bytes().get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(text, at),
        _ => return Err(unknown_escape(text, at)),
    };
    Ok((char, 2))
}

fn unknown_escape(text: &str, at: usize) -> Fault {
    let shown = if text.as_bytes().get(at + 1) == Some(&b'u') { 6 } else { 2 };
    let escape = text[at..].chars().take(shown).take_while(|char| !char.is_control()).collect();
    Fault { offset: at, kind: Kind::Escape { escape } }
}

fn unicode_escape(text: &str, at: usize) -> Result<(char, usize), Fault> {
    let unit = code_unit(text, at).ok_or_else(|| unknown_escape(text, at))?;
    if let Some(char) = char::from_u32(u32::from(unit)) {
        return Ok((char, 6));
    }
    let low = code_unit(text, at + 6).map(|low| char::decode_utf16([unit, low]).next());
    match low {
        Some(Some(Ok(char))) => Ok((char, 12)),
        _ => Err(Fault { offset: at, kind: Kind::LoneSurrogate { escape: text[at..at + 6].to_owned() } }),
    }
}

/// Reads `\uXXXX` at `at`.
fn code_unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.as_bytes().get(at..at + 6)?.strip_prefix(b"\\u")?;
    // `from_str_radix` alone would take a sign.
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Appends `text` in quotes with every character outside printable ASCII escaped.
pub(super) fn write_ascii(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !(0x20..0x7f).contains(&byte) || matches!(byte, b'"' | b'\\')) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = from.chars();
        write_escape(out, chars.next().expect("`position` found a byte"));
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn write_escape(out: &mut String, char: char) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}
