//! Numbers of any size, compared exactly; floating point as SPARQL promotes it.

use std::cmp::Ordering;

/// A numeric value.
#[derive(Clone, Copy, Debug)]
pub enum Number<'a> {
    /// `xsd:decimal` and what is derived from it.
    Decimal(Decimal<'a>),
    /// `xsd:float`.
    Float(f32),
    /// `xsd:double`.
    Double(f64),
}

/// A decimal as its digits: no leading zeros before the point, no trailing ones behind it.
#[derive(Clone, Copy, Debug)]
pub struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    text: &'a str,
}

impl<'a> Decimal<'a> {
    /// Reads `[+-]?digits(.digits)?` or `[+-]?.digits`, with the point only when `point` says so.
    pub fn parse(text: &'a str, point: bool) -> Option<Self> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').filter(|_| point).unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: text.starts_with('-') && !zero, whole, fraction, text })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        let by_length = self.whole.len().cmp(&other.whole.len());
        by_length.then_with(|| self.whole.cmp(other.whole)).then_with(|| self.fraction.cmp(other.fraction))
    }

    /// The nearest double.
    fn to_double(self) -> f64 {
        self.text.parse().unwrap_or(f64::NAN)
    }

    /// The nearest float.
    fn to_float(self) -> f32 {
        self.text.parse().unwrap_or(f32::NAN)
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal<'_> {}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
        }
    }
}

/// Reads a float or double: a decimal, perhaps with an exponent, or `INF`, `+INF`, `-INF`, `NaN`.
pub fn floating(text: &str) -> Option<f64> {
    match text {
        "INF" | "+INF" => return Some(f64::INFINITY),
        "-INF" => return Some(f64::NEG_INFINITY),
        "NaN" => return Some(f64::NAN),
        _ => (),
    }
    is_floating(text).then(|| text.parse().ok()).flatten()
}

/// As [`floating`], rounded once.
pub fn floating_32(text: &str) -> Option<f32> {
    match text {
        "INF" | "+INF" => Some(f32::INFINITY),
        "-INF" => Some(f32::NEG_INFINITY),
        "NaN" => Some(f32::NAN),
        _ => is_floating(text).then(|| text.parse().ok()).flatten(),
    }
}

fn is_floating(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    Decimal::parse(mantissa, true).is_some() && exponent.is_none_or(|e| Decimal::parse(e, false).is_some())
}

/// SPARQL's numeric order: the operands are promoted to the wider type first.
pub fn compare(a: Number<'_>, b: Number<'_>) -> Option<Ordering> {
    match (a, b) {
        (Number::Decimal(a), Number::Decimal(b)) => Some(a.cmp(&b)),
        (Number::Double(_), _) | (_, Number::Double(_)) => double(a).partial_cmp(&double(b)),
        _ => float(a).partial_cmp(&float(b)),
    }
}

fn double(number: Number<'_>) -> f64 {
    match number {
        Number::Decimal(decimal) => decimal.to_double(),
        Number::Float(float) => float.into(),
        Number::Double(double) => double,
    }
}

fn float(number: Number<'_>) -> f32 {
    match number {
        Number::Decimal(decimal) => decimal.to_float(),
        Number::Float(float) => float,
        Number::Double(_) => f32::NAN, // never asked for: a double makes both doubles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_compared_exactly_whatever_their_size() {
        let check = |a: &str, b: &str, expected: Ordering| {
            let (a, b) = (Decimal::parse(a, true).unwrap(), Decimal::parse(b, true).unwrap());
            assert_eq!(a.cmp(&b), expected, "{a:?} {b:?}");
        };
        check("1.0", "01.", Ordering::Equal);
        check("-0", "+0.000", Ordering::Equal);
        check("-2", "-10", Ordering::Greater);
        check("100000000000000000000000000000000000000001", "100000000000000000000000000000000000000000", Ordering::Greater);
        check("0.10000000000000000000000000000000000000001", ".1", Ordering::Greater);
        check("0.09", "0.1", Ordering::Less);
        assert!(
            Decimal::parse("1.5", false).is_none()
                && Decimal::parse(".", true).is_none()
                && Decimal::parse("1e3", true).is_none()
        );
    }

    #[test]
    fn floating_point_has_its_own_forms() {
        assert_eq!(floating("1e3"), Some(1000.0));
        for wrong in ["inf", "infinity", "nan", "1e", "e3", "", "0x10", "1e1.5", " 1"] {
            assert_eq!(floating(wrong), None, "{wrong}");
        }
    }
}
