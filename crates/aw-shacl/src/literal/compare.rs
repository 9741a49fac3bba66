//! SPARQL's `<` over literals.

use std::cmp::Ordering;

use oxrdf::vocab::xsd;
use oxrdf::{LiteralRef, TermRef};
use oxsdatatypes::{Date, DateTime, Duration, GDay, GMonth, GMonthDay, GYear, GYearMonth, Time};

use super::lexical::integer_range;
use super::number::{Decimal, Number, compare as compare_numbers, floating, floating_32};
use crate::term::literal;

/// Orders two terms as SPARQL's operators do, with the dates, times and durations of XPath beside what SPARQL demands.
///
/// Nothing when they cannot be compared: of different kinds, ill-formed, not literals, or times of which only one has an offset
/// and which are too near to each other to tell.
pub fn compare(a: TermRef<'_>, b: TermRef<'_>) -> Option<Ordering> {
    let (a, b) = (literal(a)?, literal(b)?);
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return compare_numbers(a, b);
    }
    let (kind, other) = (kind(a)?, kind(b)?);
    if kind != other {
        return None;
    }
    let (a, b) = (a.value(), b.value());
    match kind {
        Kind::String => Some(a.cmp(b)),
        Kind::Boolean => Some(boolean(a)?.cmp(&boolean(b)?)),
        Kind::DateTime => parsed::<DateTime>(a, b),
        Kind::Date => parsed::<Date>(a, b),
        Kind::Time => parsed::<Time>(a, b),
        Kind::GYear => parsed::<GYear>(a, b),
        Kind::GYearMonth => parsed::<GYearMonth>(a, b),
        Kind::GMonth => parsed::<GMonth>(a, b),
        Kind::GMonthDay => parsed::<GMonthDay>(a, b),
        Kind::GDay => parsed::<GDay>(a, b),
        Kind::Duration => parsed::<Duration>(a, b),
    }
}

/// Kinds within which values have an order.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    String,
    Boolean,
    DateTime,
    Date,
    Time,
    GYear,
    GYearMonth,
    GMonth,
    GMonthDay,
    GDay,
    Duration,
}

fn kind(literal: LiteralRef<'_>) -> Option<Kind> {
    Some(match literal.datatype() {
        xsd::STRING => Kind::String,
        xsd::BOOLEAN => Kind::Boolean,
        xsd::DATE_TIME | xsd::DATE_TIME_STAMP => Kind::DateTime,
        xsd::DATE => Kind::Date,
        xsd::TIME => Kind::Time,
        xsd::G_YEAR => Kind::GYear,
        xsd::G_YEAR_MONTH => Kind::GYearMonth,
        xsd::G_MONTH => Kind::GMonth,
        xsd::G_MONTH_DAY => Kind::GMonthDay,
        xsd::G_DAY => Kind::GDay,
        xsd::DURATION | xsd::YEAR_MONTH_DURATION | xsd::DAY_TIME_DURATION => Kind::Duration,
        _ => return None,
    })
}

fn number(literal: LiteralRef<'_>) -> Option<Number<'_>> {
    match literal.datatype() {
        xsd::DECIMAL => Decimal::parse(literal.value(), true).map(Number::Decimal),
        xsd::DOUBLE => floating(literal.value()).map(Number::Double),
        xsd::FLOAT => floating_32(literal.value()).map(Number::Float),
        datatype => integer_range(datatype).and_then(|_| Decimal::parse(literal.value(), false)).map(Number::Decimal),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn parsed<T: std::str::FromStr + PartialOrd>(a: &str, b: &str) -> Option<Ordering> {
    a.parse::<T>().ok()?.partial_cmp(&b.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: (&str, &str), b: (&str, &str), expected: Option<Ordering>) {
        let typed = |(text, name): (&str, &str)| {
            let datatype = oxrdf::NamedNode::new_unchecked(format!("http://www.w3.org/2001/XMLSchema#{name}"));
            oxrdf::Literal::new_typed_literal(text, datatype)
        };
        let (left, right) = (typed(a), typed(b));
        assert_eq!(compare(left.as_ref().into(), right.as_ref().into()), expected, "{a:?} {b:?}");
    }

    #[test]
    fn values_are_compared_not_texts() {
        check(("9", "integer"), ("10", "byte"), Some(Ordering::Less));
        check(("1.0", "decimal"), ("1", "integer"), Some(Ordering::Equal));
        check(("0.1", "float"), ("0.1", "double"), Some(Ordering::Greater));
        check(("NaN", "double"), ("1", "integer"), None);
        check(("1", "integer"), ("1", "string"), None);
        check(("x", "integer"), ("1", "integer"), None);
        check(("false", "boolean"), ("1", "boolean"), Some(Ordering::Less));
        check(("2020-01-01T00:00:00Z", "dateTime"), ("2020-01-01T01:00:00+01:00", "dateTime"), Some(Ordering::Equal));
        check(("2020-01-01T00:00:00Z", "dateTime"), ("2020-01-01T00:00:00", "dateTime"), None);
        check(("2020-01-01T00:00:00Z", "dateTime"), ("2020-01-03T00:00:00", "dateTime"), Some(Ordering::Less));
        check(("2020-01-02", "date"), ("2020-01-10", "date"), Some(Ordering::Less));
        check(("P1D", "dayTimeDuration"), ("PT25H", "duration"), Some(Ordering::Less));
        check(("P1M", "duration"), ("P30D", "duration"), None);
    }
}
