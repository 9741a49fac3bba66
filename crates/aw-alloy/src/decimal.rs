//! Exact decimals: what a verdict compares. `0.1 + 0.2` is `0.3` here, and `85.4 - 88.4` is exactly `-3`.
//!
//! A value is read from a number's spelling and never rounded: there is no division, and what is too long or too large to be held
//! exactly is refused. Crates were weighed: the small ones round at 28 digits, the exact ones bring big integers and still need bounds
//! against spellings such as `1e-99999999`. Adding, subtracting, multiplying and comparing digits is all that verdicts need.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{Node, Number};

/// Most significant digits of a value that is read.
const DIGITS_MAX: usize = 400;
/// Largest power of ten, either way, of a value that is read: all finite doubles are within.
const EXPONENT_MAX: i32 = 400;

/// An exact decimal number: digits and a power of ten.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// Whether it is below zero; never for zero.
    negative: bool,
    /// Digits, most significant first, without zeros at either end; none for zero.
    digits: Vec<u8>,
    /// The power of ten of the last digit; 0 for zero.
    exponent: i32,
}

/// Why a text is not a decimal that can be compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Not a number in JSON's spelling.
    #[error("`{0}` is not a number")]
    Spelling(String),
    /// More digits or a larger power of ten than is held.
    #[error("a number of more than {DIGITS_MAX} digits, or beyond 1e{EXPONENT_MAX}, is not compared")]
    Size,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { negative: false, digits: Vec::new(), exponent: 0 };

    /// The value of a number as it is spelled; no double comes between.
    ///
    /// # Errors
    /// [`DecimalError::Size`] when it is too long to be held exactly.
    pub fn of(number: &Number) -> Result<Self, DecimalError> {
        number.lexeme().parse()
    }

    /// The value of a node; `None` when it is no number, or one that is not held exactly.
    pub fn of_node(node: &Node) -> Option<Self> {
        Self::of(node.as_number()?).ok()
    }

    /// The value that a double is spelled with, which is the shortest one that reads back to it; `None` when it is not finite.
    pub fn from_f64(value: f64) -> Option<Self> {
        Self::of(&Number::from_f64(value)?).ok()
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Its distance from zero.
    #[must_use]
    pub fn abs(&self) -> Self {
        Self { negative: false, ..self.clone() }
    }

    /// This plus `other`.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let (mine, theirs) = (self.aligned(exponent), other.aligned(exponent));
        if self.negative == other.negative {
            return Self::new(self.negative, add(&mine, &theirs), exponent);
        }
        match magnitude(&mine, &theirs) {
            Ordering::Less => Self::new(other.negative, subtract(&theirs, &mine), exponent),
            _ => Self::new(self.negative, subtract(&mine, &theirs), exponent),
        }
    }

    /// This minus `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&Self::new(!other.negative, other.digits.clone(), other.exponent))
    }

    /// This times `other`.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        // Column sums stay far below 2^32: at most a few thousand products of two digits each.
        let mut columns = vec![0u32; self.digits.len() + other.digits.len()];
        for (i, a) in self.digits.iter().enumerate() {
            for (j, b) in other.digits.iter().enumerate() {
                columns[i + j + 1] += u32::from(*a) * u32::from(*b);
            }
        }
        let mut carry = 0;
        for column in columns.iter_mut().rev() {
            let sum = *column + carry;
            (*column, carry) = (sum % 10, sum / 10);
        }
        let digits = columns.into_iter().map(|digit| digit as u8).collect();
        Self::new(self.negative != other.negative, digits, self.exponent + other.exponent)
    }

    /// This times 100: a fraction as points.
    #[must_use]
    pub fn hundredfold(&self) -> Self {
        Self::new(self.negative, self.digits.clone(), self.exponent + 2)
    }

    fn new(negative: bool, mut digits: Vec<u8>, mut exponent: i32) -> Self {
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        while digits.last() == Some(&0) {
            digits.pop();
            exponent += 1;
        }
        if digits.is_empty() { Self::ZERO } else { Self { negative, digits, exponent } }
    }

    /// The digits as a whole number of `10^exponent`, which is at most its own.
    fn aligned(&self, exponent: i32) -> Vec<u8> {
        let zeros = if self.digits.is_empty() { 0 } else { (self.exponent - exponent).max(0) as usize };
        self.digits.iter().copied().chain(std::iter::repeat_n(0, zeros)).collect()
    }
}

fn magnitude(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Digit `place` from the right, 0 beyond the left end.
fn digit(digits: &[u8], place: usize) -> u8 {
    digits.len().checked_sub(place + 1).map_or(0, |at| digits[at])
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = (0..=a.len().max(b.len()))
        .map(|place| {
            let column = digit(a, place) + digit(b, place) + carry;
            carry = column / 10;
            column % 10
        })
        .collect();
    sum.reverse();
    sum
}

/// `a` minus `b`, which is not larger.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut rest: Vec<u8> = (0..a.len())
        .map(|place| {
            let take = digit(b, place) + borrow;
            borrow = u8::from(digit(a, place) < take);
            digit(a, place) + 10 * borrow - take
        })
        .collect();
    rest.reverse();
    rest
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let difference = self.minus(other);
        match (difference.negative, difference.digits.is_empty()) {
            (true, _) => Ordering::Less,
            (false, true) => Ordering::Equal,
            (false, false) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<u32> for Decimal {
    fn from(value: u32) -> Self {
        Self::new(false, value.to_string().bytes().map(|byte| byte - b'0').collect(), 0)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads a number in JSON's spelling.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let shown = || DecimalError::Spelling(text.chars().take(40).collect());
        // The bounds come first: the spelling may be long.
        if text.len() > 2 * DIGITS_MAX {
            return Err(DecimalError::Size);
        }
        let number = Number::from_lexeme(text).ok_or_else(shown)?;
        let (mantissa, power) = number.lexeme().split_once(['e', 'E']).unwrap_or((number.lexeme(), "0"));
        let power: i32 = power.parse().map_err(|_| DecimalError::Size)?;
        let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
        if digits.iter().all(|digit| *digit == 0) {
            return Ok(Self::ZERO);
        }
        let value = Self::new(negative, digits, power.saturating_sub(fraction.len() as i32));
        let first = value.exponent.saturating_add(value.digits.len() as i32);
        let small = value.exponent >= -EXPONENT_MAX && first <= EXPONENT_MAX && value.digits.len() <= DIGITS_MAX;
        small.then_some(value).ok_or(DecimalError::Size)
    }
}

impl fmt::Display for Decimal {
    /// Writes the value in full, without exponent and without zeros that say nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let point = self.digits.len() as i32 + self.exponent;
        let digit = |at: i32| usize::try_from(at).ok().and_then(|at| self.digits.get(at)).copied().unwrap_or(0);
        let write =
            |f: &mut fmt::Formatter<'_>, range: std::ops::Range<i32>| range.map(digit).try_for_each(|digit| write!(f, "{digit}"));
        if point <= 0 {
            f.write_str("0")?
        } else {
            write(f, 0..point)?
        }
        if self.exponent < 0 {
            f.write_str(".")?;
            write(f, point.min(0)..0)?;
            write(f, point.max(0)..self.digits.len() as i32)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Decimal {
    /// Writes a string: a JSON number would be read as a double by most.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An exact decimal, written in full.",
            "type": "string",
            "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$"
        })
    }
}
