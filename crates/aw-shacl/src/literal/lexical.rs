//! Lexical forms of the datatypes of XML Schema.

use oxrdf::vocab::{rdf, xsd};
use oxrdf::{LiteralRef, NamedNodeRef};
use oxsdatatypes::{
    Date, DateTime, DayTimeDuration, Duration, GDay, GMonth, GMonthDay, GYear, GYearMonth, Time, YearMonthDuration,
};

use super::number::{Decimal, floating};

/// Whether the literal's lexical form is one of its datatype. Datatypes this crate does not know have no wrong forms.
pub fn is_well_formed(literal: LiteralRef<'_>) -> bool {
    let text = literal.value();
    let datatype = literal.datatype();
    if datatype == rdf::LANG_STRING {
        return literal.language().is_some();
    }
    let Some(name) = datatype.as_str().strip_prefix("http://www.w3.org/2001/XMLSchema#") else { return true };
    match name {
        "boolean" => matches!(text, "true" | "false" | "1" | "0"),
        "decimal" => Decimal::parse(text, true).is_some(),
        "float" | "double" => floating(text).is_some(),
        "dateTime" => text.parse::<DateTime>().is_ok(),
        "dateTimeStamp" => text.parse::<DateTime>().is_ok_and(|t| t.timezone_offset().is_some()),
        "date" => text.parse::<Date>().is_ok(),
        "time" => text.parse::<Time>().is_ok(),
        "gYear" => text.parse::<GYear>().is_ok(),
        "gYearMonth" => text.parse::<GYearMonth>().is_ok(),
        "gMonth" => text.parse::<GMonth>().is_ok(),
        "gMonthDay" => text.parse::<GMonthDay>().is_ok(),
        "gDay" => text.parse::<GDay>().is_ok(),
        "duration" => text.parse::<Duration>().is_ok(),
        "yearMonthDuration" => text.parse::<YearMonthDuration>().is_ok(),
        "dayTimeDuration" => text.parse::<DayTimeDuration>().is_ok(),
        "hexBinary" => text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit()),
        "base64Binary" => is_base64(text),
        "normalizedString" => !text.contains(['\t', '\n', '\r']),
        "token" => is_token(text),
        "language" => is_language(text),
        "NMTOKEN" => !text.is_empty() && text.chars().all(is_name_char),
        "Name" => is_name(text, true),
        "NCName" => is_name(text, false),
        _ => integer_range(datatype).is_none_or(|(low, high)| {
            let value = Decimal::parse(text, false);
            let bound = |bound: &'static str| Decimal::parse(bound, false);
            value.is_some() && (low.is_empty() || bound(low) <= value) && (high.is_empty() || value <= bound(high))
        }),
    }
}

/// The bounds of a type derived from `xsd:integer`, itself included; empty where there is none.
pub fn integer_range(datatype: NamedNodeRef<'_>) -> Option<(&'static str, &'static str)> {
    Some(match datatype {
        xsd::INTEGER => ("", ""),
        xsd::LONG => ("-9223372036854775808", "9223372036854775807"),
        xsd::INT => ("-2147483648", "2147483647"),
        xsd::SHORT => ("-32768", "32767"),
        xsd::BYTE => ("-128", "127"),
        xsd::UNSIGNED_LONG => ("0", "18446744073709551615"),
        xsd::UNSIGNED_INT => ("0", "4294967295"),
        xsd::UNSIGNED_SHORT => ("0", "65535"),
        xsd::UNSIGNED_BYTE => ("0", "255"),
        xsd::NON_NEGATIVE_INTEGER => ("0", ""),
        xsd::POSITIVE_INTEGER => ("1", ""),
        xsd::NON_POSITIVE_INTEGER => ("", "0"),
        xsd::NEGATIVE_INTEGER => ("", "-1"),
        _ => return None,
    })
}

fn is_token(text: &str) -> bool {
    !text.contains(['\t', '\n', '\r']) && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
}

fn is_language(text: &str) -> bool {
    let subtag = |(at, tag): (usize, &str)| {
        let letters = |b: u8| if at == 0 { b.is_ascii_alphabetic() } else { b.is_ascii_alphanumeric() };
        (1..=8).contains(&tag.len()) && tag.bytes().all(letters)
    };
    text.split('-').enumerate().all(subtag)
}

/// Four characters a group, single spaces allowed between any two.
fn is_base64(text: &str) -> bool {
    if text.starts_with(' ') || text.ends_with(' ') || text.contains("  ") {
        return false;
    }
    let bytes: Vec<u8> = text.bytes().filter(|&b| b != b' ').collect();
    let padding = bytes.iter().rev().take_while(|&&b| b == b'=').count();
    let digits = &bytes[..bytes.len() - padding];
    let last_is_in = |allowed: &[u8]| digits.last().is_some_and(|b| allowed.contains(b));
    bytes.len().is_multiple_of(4)
        && digits.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
        && match padding {
            0 => true,
            1 => last_is_in(b"AEIMQUYcgkosw048"),
            2 => last_is_in(b"AQgw"),
            _ => false,
        }
}

fn is_name(text: &str, colon: bool) -> bool {
    let allowed = |c: char| colon || c != ':';
    text.chars().next().is_some_and(is_name_start) && text.chars().all(|c| is_name_char(c) && allowed(c))
}

/// `NameStartChar` of XML 1.0, fifth edition.
fn is_name_start(c: char) -> bool {
    matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, right: &[&str], wrong: &[&str]) {
        let datatype = format!("http://www.w3.org/2001/XMLSchema#{name}");
        let datatype = NamedNodeRef::new_unchecked(&datatype);
        for text in right {
            assert!(is_well_formed(LiteralRef::new_typed_literal(text, datatype)), "{text:?} is a {name}");
        }
        for text in wrong {
            assert!(!is_well_formed(LiteralRef::new_typed_literal(text, datatype)), "{text:?} is no {name}");
        }
    }

    #[test]
    fn lexical_forms() {
        check("boolean", &["true", "0"], &["TRUE", "yes", "", " true"]);
        check("integer", &["0", "-0", "+5", "123456789012345678901234567890"], &["1.0", "", "+", "1e2", "٣"]);
        check("byte", &["-128", "0127"], &["128", "-129", "c"]);
        check("unsignedLong", &["18446744073709551615", "-0"], &["18446744073709551616", "-1"]);
        check("positiveInteger", &["1"], &["0"]);
        check("decimal", &["1.", ".5", "-1.50", "0.123456789012345678901234567890"], &["1e2", ".", "1,5"]);
        check("double", &["1e2", "INF", "NaN", "-.5E-3"], &["inf", "1e", "0x1"]);
        check(
            "dateTime",
            &["2020-02-29T23:59:59Z", "2020-01-01T00:00:00.5+14:00"],
            &["2021-02-29T00:00:00", "2020-01-01", "2020-01-01T25:00:00"],
        );
        check("dateTimeStamp", &["2020-02-29T00:00:00Z"], &["2020-02-29T00:00:00"]);
        check("date", &["2020-02-29", "2020-02-29Z"], &["2020-2-9", "2019-02-29"]);
        check("time", &["10:00:00"], &["10:00", "24:30:00"]);
        check("gYear", &["2020", "-0001"], &["20"]);
        check("duration", &["P1Y2M3DT4H5M6.7S", "-P1D"], &["P", "1D", "P1S"]);
        check("hexBinary", &["", "0aFF"], &["0", "gg"]);
        check("base64Binary", &["", "AAAA", "AA==", "AAA="], &["A", "AB==", "A=A=", "===="]);
        check("language", &["de", "de-CH-1996"], &["", "de_CH", "toolonglanguage"]);
        check("token", &["a b"], &[" a", "a  b", "a\tb"]);
        check("NCName", &["a-b.c", "_é"], &["a:b", "1a", ""]);
        check("Name", &["a:b"], &["-a"]);
        check("string", &["", "\u{0}"], &[]);
    }
}
