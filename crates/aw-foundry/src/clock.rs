//! The one place that reads the clock. Times go into observations and signatures, never into content.

use std::time::SystemTime;

/// Now, as RFC 3339 text in UTC with milliseconds.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
