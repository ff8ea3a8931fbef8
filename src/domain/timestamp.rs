//! The text form of times: `2025-12-28T14:30:00.123Z`.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Formats a time in UTC with milliseconds.
pub fn rfc3339_milliseconds(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(MILLISECONDS)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_in_utc_with_milliseconds() {
        let time = datetime!(2025-12-28 15:30:00.123456 +1);
        assert_eq!(rfc3339_milliseconds(time), "2025-12-28T14:30:00.123Z");
    }
}
