//! Defaults are values of their fields.

use aw_alloy::text::Number;

use super::super::{Field, Range, Scalar};
use super::Names;

/// Why a field's default is none, or nothing.
pub(super) fn fault(field: &Field, text: &str, names: &Names<'_>) -> Option<String> {
    if field.optional {
        return Some("an optional field has no default; expected one or the other".to_owned());
    }
    if field.list {
        return Some("a list has no default; expected none".to_owned());
    }
    match &field.range {
        Range::Scalar(scalar) => scalar_fault(*scalar, text),
        Range::Enumeration(name) => {
            let known = names.enumerations.get(name.as_str())?;
            let fits = known.values.iter().any(|value| value == text);
            (!fits).then(|| format!("the default `{}` is no value of `{name}`", super::shown(text)))
        }
        Range::Type(_) | Range::OneOf(_) => Some("a field of several ranges has no default; expected none".to_owned()),
    }
}

fn scalar_fault(scalar: Scalar, text: &str) -> Option<String> {
    let (fits, expected) = match scalar {
        Scalar::String => (true, ""),
        Scalar::Int => (spelled::<i32>(text), "a whole number of 32 bits such as `-1`"),
        Scalar::Long => (spelled::<i64>(text), "a whole number of 64 bits such as `-1`"),
        Scalar::Float => (Number::from_lexeme(text).is_some(), "a finite number spelled as in JSON, such as `0.5`"),
        Scalar::Bool => (matches!(text, "true" | "false"), "`true` or `false`"),
        Scalar::Datetime | Scalar::Uuid | Scalar::Json => {
            return Some(format!("a field of type {} has no default; expected none", scalar.name()));
        }
    };
    (!fits).then(|| format!("the default `{}` is no {}, expected {expected}", super::shown(text), scalar.name()))
}

/// Whether a whole number is spelled the one way every language reads: no sign but `-`, no leading zeros.
fn spelled<N: std::str::FromStr + ToString>(text: &str) -> bool {
    text.parse::<N>().is_ok_and(|number| number.to_string() == text)
}
