//! Renders the history of a task: time, status, duration, worker, reason.

use time::OffsetDateTime;

use super::paint::{Cell, Colour, Paint};
use super::table::{Column, Layout};
use super::time_format;
use crate::cli::client::model::{TaskHistoryEntry, is_terminal};

/// Time, status, duration, worker, reason; without titles.
const COLUMNS: &[Column] = &[
    Column::new("").right(),
    Column::new(""),
    Column::new("").spare(2),
    Column::new("").flexible().spare(3),
    Column::new("").flexible().spare(1),
];

/// One line per status, with the time since the first one; a last status that is not terminal lasts until
/// `now`.
pub fn render(
    history: &[TaskHistoryEntry],
    now: OffsetDateTime,
    width: usize,
    paint: Paint,
) -> Vec<String> {
    let times: Vec<_> = history
        .iter()
        .map(|entry| time_format::parse(&entry.transitioned_at))
        .collect();
    let began = times.first().copied().flatten();
    let ends = times.iter().skip(1).copied().chain([Some(now)]);
    let rows: Vec<Vec<Cell>> = history
        .iter()
        .zip(&times)
        .zip(ends)
        .map(|((entry, since), until)| row(entry, began, *since, until))
        .collect();
    let layout = Layout::new(COLUMNS, &rows, width);
    rows.iter().map(|row| layout.row(row, paint)).collect()
}

fn row(
    entry: &TaskHistoryEntry,
    began: Option<OffsetDateTime>,
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
) -> Vec<Cell> {
    let lasted = match (since, until) {
        (Some(since), Some(until)) if !is_terminal(&entry.status) => {
            time_format::duration(until - since)
        }
        _ => String::new(),
    };
    vec![
        Cell::coloured(&after(began, since), Colour::Dim),
        Cell::status(&entry.status),
        lasted.into(),
        entry.worker_id.as_deref().unwrap_or_default().into(),
        Cell::coloured(entry.notes.as_deref().unwrap_or_default(), Colour::Dim),
    ]
}

/// The time since the submission: `+1.2 s`.
pub fn after(began: Option<OffsetDateTime>, time: Option<OffsetDateTime>) -> String {
    match (began, time) {
        (Some(began), Some(time)) if time > began => {
            format!("+{}", time_format::duration(time - began))
        }
        (Some(_), Some(_)) => "0 s".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::render::text;
    use time::macros::datetime;

    fn entry(status: &str, at: &str, worker: Option<&str>, notes: &str) -> TaskHistoryEntry {
        TaskHistoryEntry {
            status: status.to_owned(),
            transitioned_at: format!("2026-11-20T10:{at}Z"),
            attempt: 1,
            worker_id: worker.map(str::to_owned),
            notes: Some(notes.to_owned()),
        }
    }

    fn history() -> Vec<TaskHistoryEntry> {
        vec![
            entry("pending", "00:00.000", None, "Task created"),
            entry(
                "processing",
                "00:00.006",
                Some("w1"),
                "Worker started processing",
            ),
            entry("retrying", "02:00.006", Some("w1"), "worker lost\u{1b}[2J"),
            entry(
                "processing",
                "02:05.006",
                Some("w2"),
                "Worker started processing",
            ),
        ]
    }

    #[test]
    fn it_tells_when_what_how_long_who_and_why() {
        let now = datetime!(2026-11-20 10:02:06.506 UTC);
        assert_eq!(
            render(&history(), now, 100, Paint(false)),
            [
                "       0 s  pending     6 ms       Task created",
                "     +6 ms  processing  2 min  w1  Worker started processing",
                "    +2 min  retrying    5.0 s  w1  worker lost\\u{1b}[2J",
                "+2 min 5 s  processing  1.5 s  w2  Worker started processing",
            ]
        );
    }

    #[test]
    fn a_terminal_status_lasts_for_ever_and_is_not_counted() {
        let ended = [entry(
            "completed",
            "00:00.000",
            Some("w1"),
            "Task completed successfully",
        )];
        let lines = render(&ended, datetime!(2026-11-21 10:00 UTC), 100, Paint(false));
        assert_eq!(lines, ["0 s  completed  w1  Task completed successfully"]);
    }

    #[test]
    fn it_fits_whatever_the_width() {
        for width in 40..100 {
            for line in render(
                &history(),
                datetime!(2026-11-20 10:03 UTC),
                width,
                Paint(false),
            ) {
                assert!(text::width(&line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn times_that_cannot_be_read_leave_a_gap_and_no_error() {
        let odd = [TaskHistoryEntry {
            transitioned_at: "soon".to_owned(),
            ..entry("pending", "", None, "x")
        }];
        let lines = render(&odd, datetime!(2026-11-20 10:03 UTC), 80, Paint(false));
        assert!(lines[0].contains("pending"), "{lines:?}");
    }
}
