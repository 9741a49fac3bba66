//! Fields: presence, ranges, defaults.

use crate::model::{Field, Range, Scalar};

use super::{Change, Kind, Reach};

/// Whether data must have it.
pub(super) fn is_required(field: &Field) -> bool {
    !field.optional && !field.list
}

pub(super) fn added(subject: &str, field: &Field) -> Change {
    let what = if field.list {
        Kind::ListAdded
    } else if field.optional {
        Kind::OptionalFieldAdded
    } else {
        Kind::RequiredFieldAdded
    };
    let old_writers = if is_required(field) { Reach::None } else { Reach::AllButTypescript };
    Change::new(what, subject, shown(&field.range)).reach(Reach::All, old_writers)
}

pub(super) fn removed(subject: &str, field: &Field) -> Change {
    let old_readers = if is_required(field) { Reach::None } else { Reach::AllButTypescript };
    Change::new(Kind::FieldRemoved, subject, shown(&field.range)).reach(old_readers, Reach::All)
}

pub(super) fn compare(subject: &str, was: &Field, is: &Field, changes: &mut Vec<Change>) {
    if was.list != is.list {
        let detail = if is.list { "single value to list" } else { "list to single value" };
        changes.push(Change::new(Kind::ListChanged, subject, detail).reach(Reach::None, Reach::None));
    } else if was.optional && !is.optional {
        changes.push(Change::new(Kind::FieldRequired, subject, "").reach(Reach::All, Reach::None));
    } else if !was.optional && is.optional {
        changes.push(Change::new(Kind::FieldOptional, subject, "").reach(Reach::None, Reach::All));
    }
    ranges(subject, &was.range, &is.range, changes);
    let default = match (&was.default, &is.default) {
        (None, Some(is)) => Some((Kind::DefaultAdded, format!("`{is}`"), Reach::All)),
        (Some(was), None) => Some((Kind::DefaultRemoved, format!("was `{was}`"), Reach::None)),
        (Some(was), Some(is)) if was != is => Some((Kind::DefaultChanged, format!("`{was}` to `{is}`"), Reach::All)),
        _ => None,
    };
    if let Some((what, detail, old_writers)) = default {
        changes.push(Change::new(what, subject, detail).reach(Reach::All, old_writers));
    }
}

fn ranges(subject: &str, was: &Range, is: &Range, changes: &mut Vec<Change>) {
    if was == is {
        return;
    }
    if let (Range::Scalar(then), Range::Scalar(now)) = (was, is) {
        let widened = (*then, *now) == (Scalar::Int, Scalar::Long);
        let what = if widened { Kind::IntWidened } else { Kind::ScalarChanged };
        let reach = |reader, writer| if reads(reader, writer) { Reach::All } else { Reach::None };
        let detail = format!("{} to {}", then.name(), now.name());
        changes.push(Change::new(what, subject, detail).reach(reach(*then, *now), reach(*now, *then)));
        return;
    }
    let (then, now) = (alternatives(was), alternatives(is));
    for range in now.iter().filter(|range| !then.contains(range)) {
        let subject = format!("{subject}:{}", shown(range));
        changes.push(Change::new(Kind::RangeAdded, subject, "").reach(Reach::None, Reach::All));
    }
    for range in then.iter().filter(|range| !now.contains(range)) {
        let subject = format!("{subject}:{}", shown(range));
        changes.push(Change::new(Kind::RangeRemoved, subject, "").reach(Reach::All, Reach::None));
    }
}

fn alternatives(range: &Range) -> &[Range] {
    match range {
        Range::OneOf(several) => several,
        one => std::slice::from_ref(one),
    }
}

/// Whether a reader of the one scalar takes every value of the other, as JSON. A long that becomes a double loses digits, so it does not.
fn reads(reader: Scalar, writer: Scalar) -> bool {
    use Scalar::{Datetime, Float, Int, Json, Long, String, Uuid};
    reader == writer || matches!((reader, writer), (Json, _) | (Long | Float, Int) | (String, Datetime | Uuid))
}

/// A range as subjects and people name it.
pub(super) fn shown(range: &Range) -> String {
    match range {
        Range::Scalar(scalar) => scalar.name().to_owned(),
        Range::Enumeration(name) | Range::Type(name) => name.clone(),
        Range::OneOf(several) => several.iter().map(shown).collect::<Vec<_>>().join(" or "),
    }
}
