//! Numbers that keep their spelling.

use std::fmt;

/// The largest integer that every JSON implementation reads exactly: 2^53 - 1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Lexemes up to this many bytes are kept inside the number: all but absurd spellings.
const INLINE: usize = 22;

/// Holds a number as it was spelled; `14`, `14.0` and `1.4e1` stay apart in text and are equal as values.
#[derive(Clone)]
pub struct Number(Lexeme);

#[derive(Clone)]
enum Lexeme {
    Inline { length: u8, bytes: [u8; INLINE] },
    Heap(Box<str>),
}

impl Number {
    /// Returns the number spelled `lexeme`, or `None` when that is not a finite number in JSON's spelling.
    pub fn from_lexeme(lexeme: &str) -> Option<Self> {
        let number = (spelling_length(lexeme.as_bytes()) == Some(lexeme.len())).then(|| Self::trusted(lexeme))?;
        number.as_f64().is_finite().then_some(number)
    }

    /// Returns `value` in the shortest spelling that reads back to it, with `.0` kept on whole numbers and an
    /// exponent below 1e-4 and from 1e16 (as the published documents' writer does), or `None` when it is not finite.
    pub fn from_f64(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self::trusted(&spell_float(value)))
    }

    /// Keeps a lexeme that the caller has already checked.
    pub(crate) fn trusted(lexeme: &str) -> Self {
        let length = lexeme.len();
        if length > INLINE {
            return Self(Lexeme::Heap(lexeme.into()));
        }
        let mut bytes = [0; INLINE];
        bytes[..length].copy_from_slice(lexeme.as_bytes());
        Self(Lexeme::Inline { length: length as u8, bytes })
    }

    /// Returns the number as it was spelled.
    pub fn lexeme(&self) -> &str {
        match &self.0 {
            Lexeme::Inline { length, bytes } => {
                str::from_utf8(&bytes[..usize::from(*length)]).expect("a lexeme was copied whole from a str")
            }
            Lexeme::Heap(text) => text,
        }
    }

    /// Says whether the value is whole and within plus or minus [`INTEGER_MAX`], however it is spelled: `12.0` is,
    /// as in JSON Schema and in RFC 8785.
    pub fn is_integer(&self) -> bool {
        self.as_i64().is_some_and(|value| value.unsigned_abs() <= INTEGER_MAX.unsigned_abs())
    }

    /// Says whether the spelling has neither fraction nor exponent.
    pub(crate) fn is_integer_lexeme(&self) -> bool {
        is_integer_lexeme(self.lexeme().as_bytes())
    }

    /// Returns the value when it is whole and fits; a value spelled with fraction or exponent only up to
    /// [`INTEGER_MAX`], where doubles are exact.
    pub fn as_u64(&self) -> Option<u64> {
        if self.is_integer_lexeme() {
            return match self.lexeme().parse() {
                Ok(value) => Some(value),
                // `-0` is a whole number that `u64` does not parse.
                Err(_) => self.as_i64().and_then(|value| u64::try_from(value).ok()),
            };
        }
        self.whole_float().and_then(|value| u64::try_from(value).ok())
    }

    /// Returns the value when it is whole and fits; see [`Number::as_u64`].
    pub fn as_i64(&self) -> Option<i64> {
        if self.is_integer_lexeme() { self.lexeme().parse().ok() } else { self.whole_float() }
    }

    /// Returns the nearest double.
    pub fn as_f64(&self) -> f64 {
        self.lexeme().parse().expect("every JSON number is a spelling Rust reads")
    }

    fn whole_float(&self) -> Option<i64> {
        let value = self.as_f64();
        let exact = value.fract() == 0.0 && value.abs() <= INTEGER_MAX as f64;
        exact.then_some(value as i64)
    }
}

impl PartialEq for Number {
    /// Compares values, not spellings.
    fn eq(&self, other: &Self) -> bool {
        match (self.is_integer_lexeme(), other.is_integer_lexeme()) {
            (true, true) => match (self.as_i64(), other.as_i64()) {
                (None, None) => self.lexeme() == other.lexeme(),
                (mine, theirs) => mine == theirs,
            },
            _ => self.as_f64() == other.as_f64(),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.lexeme())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.lexeme())
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::trusted(&value.to_string())
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::trusted(&value.to_string())
    }
}

/// Says whether a lexeme in JSON's spelling has neither fraction nor exponent.
pub(crate) fn is_integer_lexeme(lexeme: &[u8]) -> bool {
    !lexeme.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// Returns how many of the first bytes spell a JSON number, or `None` when they start none.
pub(crate) fn spelling_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = usize::from(bytes.first() == Some(&b'-'));
    end += match bytes.get(end)? {
        b'0' => 1,
        b'1'..=b'9' => digits(end),
        _ => return None,
    };
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent == 0 {
            return None;
        }
        end += 1 + sign + exponent;
    }
    Some(end)
}

/// Lays the shortest digits of a finite double out the way the published documents' writer does.
fn spell_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a whole exponent");
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spelling_is_kept_and_values_compare() {
        let number = |text: &str| Number::from_lexeme(text).unwrap();
        for text in ["0", "-0", "14", "14.0", "1.40e+01", "-3.5E-2", &format!("0.{}", "1".repeat(60))] {
            assert_eq!(number(text).lexeme(), text);
        }
        assert_eq!(number("14"), number("1.40e+01"));
        assert_eq!(number("-0"), number("0.0"));
        assert_ne!(number("14"), number("14.5"));
        assert_eq!(number("9007199254740993").as_u64(), Some(9_007_199_254_740_993));
        assert_ne!(number("9007199254740993"), number("9007199254740992"));
        assert_eq!(number("12.0").as_u64(), Some(12));
        assert_eq!(number("-0").as_u64(), Some(0));
        assert_eq!(number("12.5").as_i64(), None);
        assert!(!number("9007199254740992").is_integer());
        assert!(number("-9007199254740991").is_integer());
    }

    #[test]
    fn other_spellings_are_no_numbers() {
        for text in ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x10", "1_000", "NaN", "Infinity", " 1", "1 ", "1e400"] {
            assert!(Number::from_lexeme(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn floats_are_spelled_as_the_published_writer_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (12.0, "12.0"),
            (85.4, "85.4"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(Number::from_f64(value).unwrap().lexeme(), text);
        }
        assert!(Number::from_f64(f64::NAN).is_none() && Number::from_f64(f64::INFINITY).is_none());
    }
}
