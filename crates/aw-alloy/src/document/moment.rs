//! Times as documents spell them.

/// A point in time read from a document. Moments compare by when they were, however they were spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Seconds since 1970, UTC.
    pub seconds: i64,
    /// Nanoseconds within the second; further digits are cut off.
    pub nanoseconds: u32,
}

impl Moment {
    /// Reads date, time and offset: RFC 3339, and offsets without a colon (`-0500`), as published documents have them.
    ///
    /// `None` for any other text, for dates that do not exist and times without an offset.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let date = date(&mut rest)?;
        take(&mut rest, |byte| matches!(byte, b'T' | b't' | b' '))?;
        let hour = number(&mut rest, 2)?;
        take(&mut rest, |byte| byte == b':')?;
        let minute = number(&mut rest, 2)?;
        take(&mut rest, |byte| byte == b':')?;
        let second = number(&mut rest, 2)?;
        let nanoseconds = fraction(&mut rest)?;
        let offset = offset(&mut rest)?;
        // A leap second has the number 60.
        let exists = hour < 24 && minute < 60 && second <= 60 && rest.is_empty();
        exists.then_some(Self { seconds: date + hour * 3600 + minute * 60 + second - offset, nanoseconds })
    }

    /// Reads a date alone, `2026-04-08`: its first moment in UTC.
    pub fn parse_date(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let seconds = date(&mut rest)?;
        rest.is_empty().then_some(Self { seconds, nanoseconds: 0 })
    }

    /// Whether a text that [`Moment::parse`] reads is spelled as RFC 3339 has it.
    pub fn is_rfc_3339(text: &str) -> bool {
        let colon = text.len().checked_sub(3).and_then(|at| text.as_bytes().get(at)) == Some(&b':');
        text.contains(['T', 't']) && (text.ends_with(['Z', 'z']) || colon)
    }
}

/// Seconds from 1970 to the start of a date.
fn date(rest: &mut &[u8]) -> Option<i64> {
    let year = number(rest, 4)?;
    take(rest, |byte| byte == b'-')?;
    let month = number(rest, 2)?;
    take(rest, |byte| byte == b'-')?;
    let day = number(rest, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    // Days of the civil calendar, with the year starting in March so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let of_era = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year;
    Some((of_era - 719_468) * 86_400)
}

/// Nanoseconds of a fraction; 0 without one.
fn fraction(rest: &mut &[u8]) -> Option<u32> {
    if take(rest, |byte| byte == b'.').is_none() {
        return Some(0);
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, after) = rest.split_at(digits);
    *rest = after;
    let nanoseconds = (0..9).fold(0, |sum, at| sum * 10 + u32::from(fraction.get(at).map_or(0, |digit| digit - b'0')));
    (digits > 0).then_some(nanoseconds)
}

/// Seconds east of UTC.
fn offset(rest: &mut &[u8]) -> Option<i64> {
    if take(rest, |byte| matches!(byte, b'Z' | b'z')).is_some() {
        return Some(0);
    }
    let sign = if take(rest, |byte| byte == b'-').is_some() { -1 } else { take(rest, |byte| byte == b'+').map(|()| 1)? };
    let hours = number(rest, 2)?;
    take(rest, |byte| byte == b':');
    let minutes = number(rest, 2)?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (number, after) = rest.split_at_checked(digits)?;
    *rest = after;
    number.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn take(rest: &mut &[u8], accepted: impl Fn(u8) -> bool) -> Option<()> {
    let (first, after) = rest.split_first()?;
    accepted(*first).then(|| *rest = after)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_published_spelling_of_one_moment_is_the_same() {
        // GNU date: date -u -d 2026-03-27T13:22:03Z +%s
        let moment = Moment { seconds: 1_774_617_723, nanoseconds: 0 };
        for text in
            ["2026-03-27T08:22:03-05:00", "2026-03-27T08:22:03-0500", "2026-03-27T13:22:03Z", "2026-03-27t13:22:03.000+00:00"]
        {
            assert_eq!(Moment::parse(text), Some(moment), "{text}");
        }
        assert_eq!(Moment::parse("2026-04-08T05:02:57.072577+00:00").unwrap().nanoseconds, 72_577_000);
        assert_eq!(Moment::parse("1970-01-01T00:00:00Z").unwrap().seconds, 0);
        assert_eq!(Moment::parse("2000-02-29T12:00:00+14:00").unwrap().seconds, 951_775_200);
        assert_eq!(Moment::parse("0000-03-01T00:00:00Z").unwrap().seconds, -62_162_035_200);
        assert_eq!(Moment::parse("1999-12-31T23:59:60Z"), Moment::parse("2000-01-01T00:00:00Z"));
        assert_eq!(Moment::parse_date("2026-04-08").unwrap().seconds, 1_775_606_400);
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2026-03-27",
            "2026-03-27T08:22:03",
            "2026-03-27T08:22Z",
            "2026-13-27T08:22:03Z",
            "2026-02-29T08:22:03Z",
            "1900-02-29T08:22:03Z",
            "2026-03-00T08:22:03Z",
            "2026-03-27T24:00:00Z",
            "2026-03-27T08:60:03Z",
            "2026-03-27T08:22:61Z",
            "2026-03-27T08:22:03.Z",
            "2026-03-27T08:22:03+24:00",
            "2026-03-27T08:22:03 -05:00",
            "2026-03-27T08:22:03Zx",
            "+026-03-27T08:22:03Z",
            "2026-03-27T08:22:03\u{2212}05:00",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        assert!(Moment::is_rfc_3339("2026-03-27T08:22:03-05:00") && Moment::is_rfc_3339("2026-03-27T08:22:03Z"));
        assert!(!Moment::is_rfc_3339("2026-03-27T08:22:03-0500") && !Moment::is_rfc_3339("2026-03-27 08:22:03Z"));
    }
}
