//! The log of one attempt, up to the limits of a task's log.

use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::domain::log::{Level, LogLine};
use crate::domain::stored_size::stored_size;
use crate::executor::LogBuffer;

/// Maximum number of lines of one attempt.
const MAX_LINES: usize = 10_000;
/// Maximum size of the text of one attempt, in bytes.
const MAX_BYTES: usize = 8 << 20;

/// Passes lines to the log buffer up to the limits, and counts the rest.
#[derive(Debug)]
pub struct Logs {
    log_buffer: LogBuffer,
    count: Mutex<Count>,
}

#[derive(Debug, Default)]
struct Count {
    lines: usize,
    bytes: usize,
    dropped: usize,
}

impl Logs {
    /// Writes into this log buffer.
    pub fn new(log_buffer: LogBuffer) -> Self {
        Self {
            log_buffer,
            count: Mutex::default(),
        }
    }

    /// Adds a line, or counts it as dropped.
    pub fn add(&self, line: LogLine) {
        let context = line.context.as_ref().map_or(0, stored_size);
        if self.count().has_room_for(line.message.len() + context) {
            self.log_buffer.log(line);
        }
    }

    /// Adds a line with the number of dropped lines, if any.
    pub fn finish(&self) {
        let dropped = self.count().dropped;
        if dropped > 0 {
            let limit = MAX_BYTES >> 20;
            self.log_buffer.log(LogLine {
                logged_at: None,
                level: Level::Warning,
                message: format!(
                    "{dropped} more log lines were dropped: an attempt may have {MAX_LINES} lines and {limit} MiB"
                ),
                context: Some(json!({"dropped": dropped})),
            });
        }
    }

    fn count(&self) -> std::sync::MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    /// After the first dropped line all others are dropped too: a log with gaps would mislead.
    fn has_room_for(&mut self, bytes: usize) -> bool {
        let fits = self.lines < MAX_LINES && self.bytes + bytes <= MAX_BYTES && self.dropped == 0;
        if fits {
            self.lines += 1;
            self.bytes += bytes;
        } else {
            self.dropped += 1;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: String) -> LogLine {
        LogLine {
            logged_at: None,
            level: Level::Info,
            message,
            context: None,
        }
    }

    async fn read(log_buffer: &LogBuffer) -> Vec<LogLine> {
        log_buffer.close();
        let mut lines = Vec::new();
        while log_buffer.filled().await {
            lines.extend(log_buffer.take().lines);
        }
        lines
    }

    #[tokio::test]
    async fn the_last_line_says_how_many_are_missing() {
        let log_buffer = LogBuffer::default();
        let logs = Logs::new(log_buffer.clone());
        for n in 0..MAX_LINES - 1 {
            logs.add(line(n.to_string()));
        }
        logs.add(line("x".repeat(MAX_BYTES)));
        logs.add(line("small".to_owned()));
        logs.finish();
        let lines = read(&log_buffer).await;
        assert_eq!(lines.len(), MAX_LINES);
        let last = lines.last().map(|line| line.message.as_str());
        let says = "2 more log lines were dropped: an attempt may have 10000 lines and 8 MiB";
        assert_eq!(last, Some(says));
    }

    #[tokio::test]
    async fn a_log_that_fits_has_no_such_line() {
        let log_buffer = LogBuffer::default();
        let logs = Logs::new(log_buffer.clone());
        logs.add(line("one".to_owned()));
        logs.finish();
        assert_eq!(read(&log_buffer).await.len(), 1);
    }
}
