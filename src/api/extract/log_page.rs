//! The query of `GET /tasks/{task_id}/logs`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::query;
use crate::api::Problem;
use crate::domain::log::Level;
use crate::domain::whole_number;
use crate::store::LogFilter;

/// Default length of a page.
const DEFAULT_LIMIT: i64 = 100;
/// Maximum length of a page.
const MAX_LIMIT: i64 = 1_000;

/// Parses the query of `GET /tasks/{task_id}/logs`.
pub fn log_filter(query: &str) -> Result<LogFilter, Problem> {
    let mut filter = LogFilter {
        level: Level::Debug,
        limit: DEFAULT_LIMIT,
        ..LogFilter::default()
    };
    let errors = query::read(query, |name, value| take(&mut filter, name, value));
    query::accept(filter, errors)
}

fn take(filter: &mut LogFilter, key: &str, value: &str) -> Result<(), String> {
    match key {
        "level" => filter.level = value.parse().map_err(|error| format!("{error}"))?,
        "since" => filter.since = Some(time(value)?),
        "after" => match whole_number::of_text(value) {
            Some(id) if id >= 0 => filter.after = id,
            _ => return Err("is not the id of a line".to_owned()),
        },
        "limit" => match whole_number::of_text(value) {
            Some(limit) if (1..=MAX_LIMIT).contains(&limit) => filter.limit = limit,
            _ => return Err(format!("must be a whole number from 1 to {MAX_LIMIT}")),
        },
        _ => return Err("is not known here: use level, since, after, limit".to_owned()),
    }
    Ok(())
}

fn time(text: &str) -> Result<OffsetDateTime, String> {
    // An unescaped `+` of a UTC offset is decoded as a space.
    OffsetDateTime::parse(&text.replace(' ', "+"), &Rfc3339)
        .map_err(|_| "is not a time like 2025-12-28T14:30:00.123Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_asked_for_by_level_time_and_place() {
        let filter = log_filter("level=warning&since=2025-12-28T14:30:00Z&after=7&limit=1000");
        let filter = filter.unwrap();
        assert_eq!(
            (filter.level, filter.after, filter.limit),
            (Level::Warning, 7, 1_000)
        );
        assert!(filter.since.is_some());
        assert_eq!(log_filter("").unwrap().level, Level::Debug);
        let wrong = log_filter("level=loud&since=now&after=-1&limit=1001&x=1").unwrap_err();
        for name in ["level", "since", "after", "limit", "x"] {
            assert!(wrong.to_string().contains(name), "{wrong}");
        }
    }
}
