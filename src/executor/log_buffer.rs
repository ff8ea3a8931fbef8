//! The log lines, progress and output of a running attempt, buffered for the database.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::log::{Level, LogLine};

/// Maximum number of buffered lines.
const MAX_LINES: usize = 10_000;
/// Maximum size of the buffered text, in bytes.
const MAX_BYTES: usize = 8 << 20;
/// Maximum number of lines in one batch.
const BATCH_LINES: usize = 1_000;
/// Maximum size of one batch, in bytes; a single larger line is a batch.
const BATCH_BYTES: usize = 1 << 20;

/// Log lines, progress and output of one attempt. Clones share them.
///
/// Writing never blocks: when the buffer is full, the oldest lines are dropped and counted.
#[derive(Debug, Clone, Default)]
pub struct LogBuffer {
    shared: Arc<SharedBuffer>,
}

#[derive(Debug, Default)]
struct SharedBuffer {
    lines_and_progress: Mutex<BufferedLines>,
    changed: Notify,
    /// The latest output of the attempt, until it is taken.
    output: Mutex<Option<Value>>,
    output_changed: Notify,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct BufferedLines {
    lines: VecDeque<LogLine>,
    bytes: usize,
    dropped: usize,
    progress: Option<Value>,
    latest: Option<OffsetDateTime>,
}

/// The next lines and progress to write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogBatch {
    /// The oldest lines.
    pub lines: Vec<LogLine>,
    /// The latest progress, if it has changed.
    pub progress: Option<Value>,
}

impl LogBuffer {
    /// Adds a line; a line without a time gets the current one.
    pub fn log(&self, line: LogLine) {
        self.change(|lines_and_progress| lines_and_progress.add(line));
    }

    /// Sets the progress of the attempt; only the latest value is kept.
    pub fn progress(&self, progress: Value) {
        self.change(|lines_and_progress| lines_and_progress.progress = Some(progress));
    }

    /// Replaces the output of the attempt so far.
    pub fn output(&self, output: Value) {
        if !self.shared.closed.is_cancelled() {
            *self.latest_output() = Some(output);
            self.shared.output_changed.notify_one();
        }
    }

    /// Waits for output to write, and removes it; `None` when there will be no more. One reader at a time.
    pub async fn next_output(&self) -> Option<Value> {
        loop {
            let changed = self.shared.output_changed.notified();
            if let Some(output) = self.latest_output().take() {
                return Some(output);
            }
            let closed = &self.shared.closed;
            if closed.run_until_cancelled(changed).await.is_none() {
                return self.latest_output().take();
            }
        }
    }

    /// Returns output that could not be written, unless there is newer output.
    pub fn put_back(&self, output: Value) {
        self.latest_output().get_or_insert(output);
    }

    fn latest_output(&self) -> MutexGuard<'_, Option<Value>> {
        let output = &self.shared.output;
        output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the buffer: it accepts nothing more.
    pub fn close(&self) {
        self.shared.closed.cancel();
    }

    /// Waits until the buffer is closed.
    pub async fn closed(&self) {
        self.shared.closed.cancelled().await;
    }

    /// Waits for a batch to write; false when there will be no more. One reader at a time.
    pub async fn filled(&self) -> bool {
        self.wait_for(BufferedLines::has_news).await;
        self.lines_and_progress().has_news()
    }

    /// Waits until a batch is full or the buffer is closed. One reader at a time.
    pub async fn full(&self) {
        self.wait_for(BufferedLines::fill_a_batch).await;
    }

    /// Removes and returns the next batch.
    pub fn take(&self) -> LogBatch {
        self.lines_and_progress().take()
    }

    fn change(&self, change: impl FnOnce(&mut BufferedLines)) {
        if !self.shared.closed.is_cancelled() {
            change(&mut self.lines_and_progress());
            self.shared.changed.notify_one();
        }
    }

    async fn wait_for(&self, holds: fn(&BufferedLines) -> bool) {
        while !holds(&self.lines_and_progress()) {
            let changed = self.shared.changed.notified();
            if self
                .shared
                .closed
                .run_until_cancelled(changed)
                .await
                .is_none()
            {
                return;
            }
        }
    }

    fn lines_and_progress(&self) -> MutexGuard<'_, BufferedLines> {
        // No code under this lock can panic between two related changes.
        self.shared
            .lines_and_progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl BufferedLines {
    fn add(&mut self, mut line: LogLine) {
        if line.logged_at.is_none() {
            line.logged_at = Some(self.next_time());
        }
        self.bytes += size(&line);
        self.lines.push_back(line);
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            self.drop_oldest();
        }
    }

    /// The current time, but later than that of the previous line: the database recognises a batch that is
    /// written twice by its times, which it keeps to the microsecond.
    fn next_time(&mut self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc();
        let now = now.truncate_to_microsecond();
        let after_latest = self.latest.map(|latest| latest + Duration::microseconds(1));
        let time = after_latest.map_or(now, |after| after.max(now));
        self.latest = Some(time);
        time
    }

    fn drop_oldest(&mut self) {
        if self.pop().is_some() {
            self.dropped += 1;
        }
    }

    fn pop(&mut self) -> Option<LogLine> {
        let line = self.lines.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&line));
        Some(line)
    }

    fn has_news(&self) -> bool {
        !self.lines.is_empty() || self.progress.is_some()
    }

    fn fill_a_batch(&self) -> bool {
        self.lines.len() >= BATCH_LINES || self.bytes >= BATCH_BYTES
    }

    fn take(&mut self) -> LogBatch {
        let mut lines = Vec::new();
        lines.extend(self.note_of_dropped());
        let mut bytes = 0;
        while let Some(next) = self.lines.front() {
            bytes += size(next);
            let full = lines.len() >= BATCH_LINES || bytes > BATCH_BYTES;
            if full && !lines.is_empty() {
                break;
            }
            lines.extend(self.pop());
        }
        let progress = self.progress.take();
        LogBatch { lines, progress }
    }

    /// The line that replaces the dropped lines.
    fn note_of_dropped(&mut self) -> Option<LogLine> {
        let dropped = std::mem::take(&mut self.dropped);
        let next = self.lines.front()?;
        (dropped > 0).then(|| LogLine {
            logged_at: next.logged_at,
            level: Level::Warning,
            message: format!("{dropped} log lines were dropped: they could not be stored in time"),
            context: Some(json!({"dropped": dropped})),
        })
    }
}

/// The approximate memory of a line, in bytes.
fn size(line: &LogLine) -> usize {
    line.message.len() + line.context.as_ref().map_or(0, weight) + size_of::<LogLine>()
}

/// Small JSON values take more memory than their text.
fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + size_of::<String>() + weight(value))
            .sum(),
        _ => 0,
    };
    inside + size_of::<Value>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: impl Into<String>) -> LogLine {
        LogLine {
            logged_at: None,
            level: Level::Info,
            message: message.into(),
            context: None,
        }
    }

    #[tokio::test]
    async fn lines_come_out_in_order_with_times_that_grow() {
        let log_buffer = LogBuffer::default();
        for n in 0..2_500 {
            log_buffer.log(line(n.to_string()));
        }
        log_buffer.close();
        log_buffer.log(line("too late"));
        let mut all = Vec::new();
        while log_buffer.filled().await {
            let batch = log_buffer.take();
            assert!(batch.lines.len() <= BATCH_LINES);
            all.extend(batch.lines);
        }
        let expected: Vec<String> = (0..2_500).map(|n| n.to_string()).collect();
        let messages: Vec<&str> = all.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(messages, expected);
        assert!(all.is_sorted_by(|a, b| a.logged_at < b.logged_at));
    }

    #[tokio::test]
    async fn the_oldest_lines_make_room_and_are_counted() {
        let log_buffer = LogBuffer::default();
        for n in 0..MAX_LINES + 3 {
            log_buffer.log(line(n.to_string()));
        }
        let first = log_buffer.take().lines;
        let note = "3 log lines were dropped: they could not be stored in time";
        assert_eq!(
            (first[0].message.as_str(), first[1].message.as_str()),
            (note, "3")
        );
        assert_eq!(log_buffer.take().lines[0].context, None, "it is said once");
    }

    #[tokio::test]
    async fn long_lines_are_bounded_in_bytes_and_go_out_all_the_same() {
        let log_buffer = LogBuffer::default();
        for _ in 0..20 {
            log_buffer.log(line("x".repeat(BATCH_BYTES + 1)));
        }
        assert!(log_buffer.lines_and_progress().bytes <= MAX_BYTES);
        let batch = log_buffer.take().lines;
        assert!(batch[0].message.starts_with("13 log lines were dropped"));
        assert_eq!(log_buffer.take().lines.len(), 1);
    }

    #[tokio::test]
    async fn only_the_latest_progress_is_news() {
        let log_buffer = LogBuffer::default();
        log_buffer.progress(json!({"step": 1}));
        log_buffer.progress(json!({"step": 2}));
        assert!(log_buffer.filled().await);
        assert_eq!(log_buffer.take().progress, Some(json!({"step": 2})));
        log_buffer.close();
        assert!(!log_buffer.filled().await);
    }

    #[tokio::test]
    async fn the_latest_output_is_taken_once_and_survives_the_end() {
        let log_buffer = LogBuffer::default();
        log_buffer.output(json!({"n": 1}));
        log_buffer.output(json!({"n": 2}));
        let taken = log_buffer.next_output().await.unwrap();
        assert_eq!(taken, json!({"n": 2}));
        log_buffer.put_back(taken);
        log_buffer.close();
        log_buffer.output(json!({"n": 3}));
        assert_eq!(log_buffer.next_output().await, Some(json!({"n": 2})));
        assert_eq!(log_buffer.next_output().await, None);
    }

    #[tokio::test]
    async fn a_reader_is_woken_by_a_line_and_by_the_end() {
        let log_buffer = LogBuffer::default();
        let reader = tokio::spawn({
            let log_buffer = log_buffer.clone();
            async move {
                let mut read = Vec::new();
                while log_buffer.filled().await {
                    read.extend(log_buffer.take().lines);
                    log_buffer.full().await;
                }
                read.len()
            }
        });
        for _ in 0..3 {
            log_buffer.log(line("x"));
            tokio::task::yield_now().await;
        }
        log_buffer.close();
        assert_eq!(reader.await.unwrap(), 3);
    }
}
