//! Sizes as people write them.

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A limit on memory as people write it: `8GB`, `512MiB`, a plain number of bytes, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// At most that many bytes.
    Bytes(u64),
    /// No limit.
    None,
}

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// There is no number in front.
    #[error("`{text}` is not a size: expected a number and a unit, as in `8GB` or `512MiB`, or `none`")]
    Number {
        /// The text as given, shortened.
        text: String,
    },
    /// The unit is not known.
    #[error("`{text}` has the unit `{unit}`; expected one of {UNIT_NAMES}, or none for bytes")]
    Unit {
        /// The text as given, shortened.
        text: String,
        /// The unit in it.
        unit: String,
    },
    /// No bytes at all, or more than can be counted.
    #[error("`{text}` is out of range: expected 1 byte to 16 EiB")]
    Range {
        /// The text as given, shortened.
        text: String,
    },
}

const UNITS: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];
const UNIT_NAMES: &str = "`B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`";

impl FromStr for MemoryLimit {
    type Err = SizeError;

    fn from_str(given: &str) -> Result<Self, SizeError> {
        let text: String = given.chars().take(40).collect();
        let given = given.trim();
        if given.eq_ignore_ascii_case("none") {
            return Ok(Self::None);
        }
        let digits = given.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(given.len());
        let (number, unit) = given.split_at(digits);
        let unit = unit.trim();
        let Some((whole, thousandths)) = decimal(number) else {
            return Err(SizeError::Number { text });
        };
        let factor = match UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(SizeError::Unit { text, unit: unit.chars().take(20).collect() }),
        };
        let factor = u128::from(factor);
        let bytes = whole.checked_mul(factor).and_then(|bytes| bytes.checked_add(factor * thousandths / 1000));
        let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
        bytes.filter(|bytes| *bytes > 0).map(Self::Bytes).ok_or(SizeError::Range { text })
    }
}

/// Whole part and thousandths of a decimal number; digits after the third are cut off.
fn decimal(text: &str) -> Option<(u128, u128)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty() || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A number that not even this holds is out of range, as the largest one is.
    let whole = whole.parse().unwrap_or(u128::MAX);
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some((whole, padded.parse().ok()?))
}

impl<'de> Deserialize<'de> for MemoryLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for MemoryLimit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MemoryLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_people_write() {
        let cases: &[(&str, u64)] = &[
            ("8GB", 8_000_000_000),
            ("8 gb", 8_000_000_000),
            ("1.5GiB", 1_610_612_736),
            ("0.5kB", 500),
            ("1.5KiB", 1536),
            ("512MiB", 536_870_912),
            ("12", 12),
            ("0.0015GB", 1_000_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(MemoryLimit::Bytes(*bytes)), "{text}");
        }
        assert_eq!("None".parse(), Ok(MemoryLimit::None));
    }

    #[test]
    fn anything_else_is_refused_with_what_would_be_right() {
        for text in ["", "GB", "-1GB", "1..5GB", ".5GB", "5.GB", "1e3GB", "8 G B"] {
            let error = text.parse::<MemoryLimit>().expect_err(text).to_string();
            assert!(error.contains("expected"), "{error}");
        }
        assert!(matches!("8G".parse::<MemoryLimit>(), Err(SizeError::Unit { .. })));
        for text in ["0", "0GB", "99999999999999999999", "99999999999TB"] {
            assert!(matches!(text.parse::<MemoryLimit>(), Err(SizeError::Range { .. })), "{text}");
        }
    }
}
