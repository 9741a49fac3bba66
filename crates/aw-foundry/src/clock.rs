//! The one place that reads the clock. Times go into observations and signatures, never into content.

use std::time::{SystemTime, UNIX_EPOCH};

use aw_alloy::Moment;

/// Now, as RFC 3339 text in UTC with milliseconds.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Now, to the millisecond: documents say no more, and what they say is what is compared.
pub(crate) fn instant() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_millis() * 1_000_000)
}
