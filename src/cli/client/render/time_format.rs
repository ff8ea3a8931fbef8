//! Formats and parses times and durations.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, UtcOffset};

const DAY_AND_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] (UTC)");
const CLOCK: &[BorrowedFormatItem<'_>] =
    format_description!("[hour]:[minute]:[second].[subsecond digits:3]");

/// The current time of this machine's clock.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Parses a time of the service.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(time.to_offset(UtcOffset::UTC))
}

/// Parses an optional time.
pub fn parse_some(text: Option<&String>) -> Option<OffsetDateTime> {
    parse(text?)
}

/// `2026-11-20 14:30:00 UTC`
pub fn day_and_time(time: OffsetDateTime) -> String {
    time.format(DAY_AND_TIME).unwrap_or_default()
}

/// `2026-11-20 (UTC)`
pub fn day(time: OffsetDateTime) -> String {
    time.format(DAY).unwrap_or_default()
}

/// `14:30:00.123`
pub fn clock(time: OffsetDateTime) -> String {
    time.format(CLOCK).unwrap_or_default()
}

/// At most two units: `6 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. A negative duration (clock skew
/// between two machines) is shown as 0.
pub fn duration(duration: Duration) -> String {
    let milliseconds = duration.whole_milliseconds().max(0);
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

fn two(large: i128, large_unit: &str, small: i128, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

/// One unit: `6 s`, `3 min`, `2 h`, `3 d`.
pub fn age(age: Duration) -> String {
    let seconds = age.whole_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Formats a number of seconds as a duration.
pub fn seconds(seconds: f64) -> String {
    duration(Duration::seconds_f64(seconds.clamp(0.0, 1e12)))
}

/// Parses a time from the command line: RFC 3339, or an age (`10m`, `2h 30m`, `3days`).
pub fn given(text: &str) -> Result<String, String> {
    if parse(text).is_some() {
        return Ok(text.to_owned());
    }
    let form = "use a time such as 2026-11-20T14:30:00Z, or how long ago, such as 10m, 2h or 3days";
    let ago = humantime::parse_duration(text).map_err(|_| form.to_owned())?;
    let ago = Duration::try_from(ago).map_err(|_| form.to_owned())?;
    let time = OffsetDateTime::now_utc().checked_sub(ago);
    time.and_then(|time| time.format(&Rfc3339).ok())
        .ok_or_else(|| form.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let cases = [
            (-5, "0 ms"),
            (6, "6 ms"),
            (1_234, "1.2 s"),
            (59_999, "59 s"),
            (185_000, "3 min 5 s"),
            (3_600_000, "1 h"),
            (7_800_000, "2 h 10 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(Duration::milliseconds(milliseconds)), text);
        }
    }

    #[test]
    fn ages_have_one() {
        let said = [0, 61, 7_300, 200_000].map(|seconds| age(Duration::seconds(seconds)));
        assert_eq!(said, ["0 s", "1 min", "2 h", "2 d"]);
    }

    #[test]
    fn a_time_can_be_given_as_itself_or_as_how_long_ago() {
        assert_eq!(
            given("2026-11-20T14:30:00Z").unwrap(),
            "2026-11-20T14:30:00Z"
        );
        let hour_ago = parse(&given("1h").unwrap()).unwrap();
        let age = OffsetDateTime::now_utc() - hour_ago;
        assert!((3600..3660).contains(&age.whole_seconds()), "{age}");
        assert!(given("yesterday").unwrap_err().contains("10m"));
        assert!(given("90000000000years").is_err());
    }
}
