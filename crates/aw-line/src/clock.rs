//! The one place that reads the clock of the wall. Nothing is decided by it but order and age; see the protocol on jumps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that RFC 3339 can spell.
const LAST: u64 = 253_402_300_799;

/// Now, as RFC 3339 in UTC with seconds and `Z`.
pub(crate) fn now() -> String {
    spell(SystemTime::now())
}

/// A moment as RFC 3339 in UTC with seconds and `Z`; moments that cannot be spelled become the nearest that can.
pub fn spell(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// Seconds from the moment a file spells until now; negative when that moment is yet to come. `None` when it spells none.
pub(crate) fn age(text: &str) -> Option<i64> {
    let then = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Some(i64::try_from(now).ok()?.saturating_sub(i64::try_from(then).ok()?))
}
