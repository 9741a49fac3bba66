//! Points in time as documents spell them, compared exactly.

use std::fmt;

use jiff::Timestamp;

/// A point in time, in nanoseconds since 1970 in UTC. Written as RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i128);

impl Moment {
    /// A moment by its seconds and nanoseconds since 1970.
    pub const fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        Self(seconds as i128 * 1_000_000_000 + nanoseconds as i128)
    }

    /// Reads RFC 3339, and offsets without a colon (`-0500`), which published documents have too. `None` for anything else: no date, no
    /// offset, a day that no month has, more than nine decimals.
    ///
    /// # Source
    /// The alloy format, section 13: time stamps.
    pub fn read(text: &str) -> Option<Self> {
        // The library reads more of ISO 8601 than that.
        if !has_shape(text.as_bytes()) {
            return None;
        }
        let timestamp: Timestamp = text.parse().ok()?;
        Some(Self(timestamp.as_nanosecond()))
    }

    /// Reads a date alone, `2026-04-08`: its first moment in UTC.
    pub fn read_date(text: &str) -> Option<Self> {
        Self::read(&format!("{text}T00:00:00Z"))
    }

    /// Whether a text that [`Moment::read`] reads is spelled as RFC 3339 has it.
    pub fn is_rfc_3339(text: &str) -> bool {
        let colon = text.len().checked_sub(3).and_then(|at| text.as_bytes().get(at)) == Some(&b':');
        text.ends_with(['Z', 'z']) || colon
    }

    /// The moment that many seconds later.
    #[must_use]
    pub const fn after(self, seconds: i64) -> Self {
        Self(self.0 + seconds as i128 * 1_000_000_000)
    }
}

/// `dddd-dd-ddTdd:dd:dd`, perhaps a point and up to nine digits, then `Z`, `±dd:dd` or `±dddd`.
fn has_shape(text: &[u8]) -> bool {
    let fits = |part: &[u8], shape: &[u8]| {
        let one = |(byte, shape): (&u8, &u8)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't'),
            b'Z' => matches!(byte, b'Z' | b'z'),
            b'+' => matches!(byte, b'+' | b'-'),
            other => byte == other,
        };
        part.len() == shape.len() && part.iter().zip(shape).all(one)
    };
    let Some((start, mut rest)) = text.split_at_checked(19) else { return false };
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return false;
        }
        rest = &fraction[digits..];
    }
    let offsets: [&[u8]; 3] = [b"Z", b"+dd:dd", b"+dddd"];
    fits(start, b"dddd-dd-ddTdd:dd:dd") && offsets.iter().any(|shape| fits(rest, shape))
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from_nanosecond(self.0).map_err(|_| fmt::Error)?;
        match self.0.rem_euclid(1_000_000_000) {
            whole if whole != 0 && whole % 1_000_000 == 0 => write!(f, "{timestamp:.3}"),
            _ => write!(f, "{timestamp}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_moment_in_every_published_spelling() {
        // GNU date: date -u -d 2026-05-03T03:09:37Z +%s
        let moment = Moment::from_unix(1_777_777_777, 123_000_000);
        for text in [
            "2026-05-03T03:09:37.123Z",
            "2026-05-03t03:09:37.123000z",
            "2026-05-02T22:09:37.123-0500",
            "2026-05-02T22:09:37.123-05:00",
            "2026-05-03T03:09:37.123000000+00:00",
        ] {
            assert_eq!(Moment::read(text), Some(moment), "{text}");
        }
        assert_eq!(moment.to_string(), "2026-05-03T03:09:37.123Z");
        assert_eq!(moment.after(86_400).to_string(), "2026-05-04T03:09:37.123Z");
        for text in ["1969-12-31T23:59:59Z", "2000-01-01T00:00:00.000000001Z", "2000-01-01T00:00:00.500Z", "0001-01-01T00:00:00Z"]
        {
            assert_eq!(Moment::read(text).unwrap().to_string(), text);
        }
        assert_eq!(Moment::read_date("2026-04-08"), Some(Moment::from_unix(1_775_606_400, 0)));
        assert!(Moment::is_rfc_3339("2026-05-02T22:09:37-05:00") && !Moment::is_rfc_3339("2026-05-02T22:09:37-0500"));
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "2026-05-03",
            "2026-05-03T03:09:37",
            "2026-05-03T03:09Z",
            "2026-05-03 03:09:37Z",
            "20260503T030937Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-05-00T00:00:00Z",
            "2026-05-03T24:00:00Z",
            "2026-05-03T03:60:00Z",
            "2026-05-03T03:09:61Z",
            "2026-05-03T03:09:37.Z",
            "2026-05-03T03:09:37,5Z",
            "2026-05-03T03:09:37.1234567890Z",
            "2026-05-03T03:09:37+5:00",
            "2026-05-03T03:09:37+05",
            "2026-05-03T03:09:37Z ",
            "2026-05-03T03:09:37Z[UTC]",
            "2026-05-03T03:09:37-05-00",
            "+026-05-03T03:09:37Z",
            "2026-05-03T03:09:3７Z",
            "2026-05-03T03:09:37+0é",
        ] {
            assert_eq!(Moment::read(text), None, "{text:?}");
        }
    }
}
