//! What is known of a property at a type, before a member is made of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Range;

/// By the IRI of the type, then of the property.
#[derive(Default)]
pub(super) struct Members<'a>(pub(super) BTreeMap<&'a str, BTreeMap<&'a str, Slot>>);

/// What is known of one property at one type.
#[derive(Default)]
pub(super) struct Slot {
    /// What values are, as far as the type itself says.
    pub(super) ranges: BTreeSet<Range>,
    /// What at least one value is: used when nothing else says what values are.
    pub(super) some: BTreeSet<Range>,
    /// The literals values are among.
    pub(super) values: Vec<String>,
    /// Fewest values.
    pub(super) min: u64,
    /// Most values.
    pub(super) max: Option<u64>,
}

impl<'a> Members<'a> {
    pub(super) fn slot(&mut self, class: &'a str, property: &'a str) -> &mut Slot {
        self.0.entry(class).or_default().entry(property).or_default()
    }
}

impl Slot {
    /// At least so many values.
    pub(super) fn at_least(&mut self, count: u64) {
        self.min = self.min.max(count);
    }

    /// At most so many values.
    pub(super) fn at_most(&mut self, count: u64) {
        self.max = Some(self.max.map_or(count, |max| max.min(count)));
    }

    /// Values are among these, and among what was said before; false, and nothing changes, when that leaves nothing.
    pub(super) fn narrow(&mut self, ranges: BTreeSet<Range>) -> bool {
        if self.ranges.is_empty() {
            self.ranges = ranges;
            return true;
        }
        let both: BTreeSet<Range> = self.ranges.intersection(&ranges).cloned().collect();
        let some = !both.is_empty();
        if some {
            self.ranges = both;
        }
        some
    }
}
