//! A moment in time, compared exactly.

use std::fmt;

const DAY: i64 = 86_400;

/// A moment, in nanoseconds since 1970 in UTC. Written as RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(i128);

impl Instant {
    /// A moment by its seconds and nanoseconds since 1970.
    pub const fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        Self(seconds as i128 * 1_000_000_000 + nanoseconds as i128)
    }

    /// Reads RFC 3339, and `-0500` for `-05:00`, which published documents have too. `None` for anything else: no date, no offset, a day
    /// that no month has, more than nine decimals.
    ///
    /// # Source
    /// The alloy format, section 13: time stamps.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, digits: usize| -> Option<i64> {
            let part = bytes.get(from..from + digits)?;
            let digit = |sum: i64, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'));
            part.iter().try_fold(0, digit)
        };
        let is = |at: usize, accepted: &[u8]| bytes.get(at).is_some_and(|byte| accepted.contains(byte));
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let marks = is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":");
        // 60 is a leap second, which counts as the second after it.
        let ranges =
            (1..=12).contains(&month) && (1..=days(year, month)).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        if !(marks && ranges) {
            return None;
        }
        let mut at = 19;
        let mut nanoseconds = 0;
        if is(at, b".") {
            let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            nanoseconds = number(at + 1, digits)? * 10_i64.pow(9 - u32::try_from(digits).ok()?);
            at += 1 + digits;
        }
        let offset = match (bytes.get(at)?, &bytes[at + 1..]) {
            (b'Z' | b'z', []) => 0,
            (sign @ (b'+' | b'-'), rest) => {
                let minutes = match rest.len() {
                    4 => number(at + 3, 2)?,
                    5 if is(at + 3, b":") => number(at + 4, 2)?,
                    _ => return None,
                };
                let hours = number(at + 1, 2)?;
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 60 + minutes) * if *sign == b'-' { -60 } else { 60 }
            }
            _ => return None,
        };
        let seconds = days_since_1970(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
        Some(Self::from_unix(seconds, u32::try_from(nanoseconds).ok()?))
    }

    /// The moment that many seconds later.
    #[must_use]
    pub const fn after(self, seconds: i64) -> Self {
        Self(self.0 + seconds as i128 * 1_000_000_000)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000));
        let seconds = i64::try_from(seconds).map_err(|_| fmt::Error)?;
        let (year, month, day) = date(seconds.div_euclid(DAY));
        let second = seconds.rem_euclid(DAY);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        match nanoseconds {
            0 => {}
            whole if whole % 1_000_000 == 0 => write!(f, ".{:03}", whole / 1_000_000)?,
            _ => write!(f, ".{nanoseconds:09}")?,
        }
        f.write_str("Z")
    }
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in years that begin in March so that a leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_since_1970`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_moment_in_every_published_spelling() {
        let moment = Instant::from_unix(1_777_777_777, 123_000_000);
        for text in [
            "2026-05-03T03:09:37.123Z",
            "2026-05-03t03:09:37.123000z",
            "2026-05-02T22:09:37.123-0500",
            "2026-05-02T22:09:37.123-05:00",
            "2026-05-03T03:09:37.123000000+00:00",
        ] {
            assert_eq!(Instant::read(text), Some(moment), "{text}");
        }
        assert_eq!(moment.to_string(), "2026-05-03T03:09:37.123Z");
        assert_eq!(Instant::read("1969-12-31T23:59:59Z").unwrap().to_string(), "1969-12-31T23:59:59Z");
        assert_eq!(Instant::read("2016-12-31T23:59:60Z"), Instant::read("2017-01-01T00:00:00Z"));
        assert_eq!(Instant::read("2024-02-29T00:00:00Z").unwrap().after(DAY).to_string(), "2024-03-01T00:00:00Z");
        assert_eq!(Instant::read("2000-01-01T00:00:00.000000001Z").unwrap().to_string(), "2000-01-01T00:00:00.000000001Z");
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "2026-05-03",
            "2026-05-03T03:09:37",
            "2026-05-03 03:09:37Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-05-00T00:00:00Z",
            "2026-05-03T24:00:00Z",
            "2026-05-03T03:60:00Z",
            "2026-05-03T03:09:61Z",
            "2026-05-03T03:09:37.Z",
            "2026-05-03T03:09:37.1234567890Z",
            "2026-05-03T03:09:37+5:00",
            "2026-05-03T03:09:37+24:00",
            "2026-05-03T03:09:37Z ",
            "2026-05-03T03:09:37-05-00",
            "+026-05-03T03:09:37Z",
            "2026-05-03T03:09:3７Z",
            "2026-05-03T03:09:37+0é",
        ] {
            assert_eq!(Instant::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        let mut expected = days_since_1970(1, 1, 1);
        for year in 1..=2400 {
            for month in 1..=12 {
                for day in 1..=days(year, month) {
                    assert_eq!(days_since_1970(year, month, day), expected);
                    assert_eq!(date(expected), (year, month, day));
                    expected += 1;
                }
            }
        }
    }
}
