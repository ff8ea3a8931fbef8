//! A queue of lines for standard error or standard output, which may be slow, full, or closed.
//!
//! A thread that logs only copies a line into a bounded buffer. One other thread writes, and it alone blocks while
//! the reader of a pipe does not read. Lines that exceed the buffer or fail to be written are dropped and counted.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::metrics;

/// Maximum size of the buffer, in bytes. The writing thread may hold as many again.
const MAX_BYTES: usize = 4 << 20;
/// Delay before a retry on a descriptor that another process has set to non-blocking.
const NOT_READY: Duration = Duration::from_millis(20);

/// The standard stream to write to.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    Output,
    Error,
}

impl Stream {
    /// Duplicates the descriptor: a thread that blocks must not hold the locks of `std::io`.
    fn open(self) -> io::Result<File> {
        let descriptor = match self {
            Self::Output => io::stdout().as_fd().try_clone_to_owned(),
            Self::Error => io::stderr().as_fd().try_clone_to_owned(),
        };
        descriptor.map(File::from)
    }
}

/// A bounded buffer in front of a stream.
pub struct LineQueue {
    stream: Stream,
    waiting: Mutex<QueuedLines>,
    filled: Condvar,
    drained: Condvar,
    /// Formats the notice about dropped lines.
    notice: Mutex<fn(u64) -> String>,
}

#[derive(Default)]
struct QueuedLines {
    started: bool,
    text: Vec<u8>,
    /// Whether the thread holds lines that it has not written yet.
    busy: bool,
    /// Number of lines dropped since the last notice.
    dropped: u64,
}

/// The bytes that the thread writes next.
struct LineChunk {
    /// The line break of a partially written line, and the notice about dropped lines.
    head: Vec<u8>,
    text: Vec<u8>,
    dropped: u64,
}

impl LineQueue {
    /// An empty queue; its thread starts with the first line.
    pub const fn new(stream: Stream) -> Self {
        Self {
            stream,
            waiting: Mutex::new(QueuedLines {
                started: false,
                text: Vec::new(),
                busy: false,
                dropped: 0,
            }),
            filled: Condvar::new(),
            drained: Condvar::new(),
            notice: Mutex::new(no_notice),
        }
    }

    /// Sets the format of the notice about dropped lines.
    pub fn set_notice(&self, notice: fn(u64) -> String) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = notice;
    }

    /// Appends a whole line and a line break, without waiting for the writer.
    pub fn push(&'static self, line: &str) {
        let mut waiting = self.lock();
        let fits = waiting.text.len() + line.len() <= MAX_BYTES;
        if fits && self.start(&mut waiting) {
            waiting.text.extend_from_slice(line.as_bytes());
            self.filled.notify_one();
        } else {
            waiting.dropped += 1;
            metrics::log_lines_dropped(1);
        }
    }

    /// Waits until all lines are written or dropped, at most for `limit`.
    pub fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut waiting = self.lock();
        while waiting.busy || !waiting.text.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            waiting = self
                .drained
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn start(&'static self, waiting: &mut QueuedLines) -> bool {
        if !waiting.started {
            let Ok(out) = self.stream.open() else {
                return false;
            };
            let thread = thread::Builder::new().name("log".to_owned());
            waiting.started = thread.spawn(move || self.write_all(out)).is_ok();
        }
        waiting.started
    }

    fn write_all(&self, mut out: impl Write) {
        let mut cut = false;
        loop {
            let LineChunk {
                head,
                text,
                dropped,
            } = self.take(cut);
            let headed = write(&mut out, &head);
            let (written, announced) = if headed == head.len() {
                (write(&mut out, &text), true)
            } else {
                (0, false)
            };
            cut = match text.get(..written).and_then(<[u8]>::last) {
                Some(last) => *last != b'\n',
                None => cut || headed > 0,
            };
            let lost = lines(text.get(written..).unwrap_or_default());
            metrics::log_lines_dropped(lost);
            let mut waiting = self.lock();
            waiting.dropped += lost + if announced { 0 } else { dropped };
            waiting.busy = false;
            self.drained.notify_all();
        }
    }

    /// Waits for lines. `cut`: the last line was written without its line break.
    fn take(&self, cut: bool) -> LineChunk {
        let mut waiting = self.lock();
        while waiting.text.is_empty() {
            waiting = self
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        waiting.busy = true;
        let dropped = std::mem::take(&mut waiting.dropped);
        let mut head = String::from(if cut { "\n" } else { "" });
        if dropped > 0 {
            let notice = *self.notice.lock().unwrap_or_else(PoisonError::into_inner);
            head.push_str(&notice(dropped));
        }
        LineChunk {
            head: head.into_bytes(),
            text: std::mem::take(&mut waiting.text),
            dropped,
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueuedLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lines(text: &[u8]) -> u64 {
    text.split(|byte| *byte == b'\n').skip(1).count() as u64
}

fn no_notice(_: u64) -> String {
    String::new()
}

/// Writes the text; returns the number of bytes written before an error, or all.
fn write(out: &mut impl Write, text: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = text.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(NOT_READY),
            Err(_) => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that accepts a few bytes at a time, up to a limit.
    struct Full(Vec<u8>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = (self.1 - self.0.len()).min(3).min(bytes.len());
            if room == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_did_not_take_is_known() {
        let mut out = Full(Vec::new(), 5);
        let text = b"one\ntwo\nthree\n";
        let written = write(&mut out, text);
        assert_eq!((written, out.0.as_slice()), (5, &b"one\nt"[..]));
        assert_eq!(lines(&text[written..]), 2);
    }

    #[test]
    fn a_buffer_without_room_drops_new_lines_and_keeps_the_order_of_the_others() {
        let queue: &'static LineQueue = Box::leak(Box::new(LineQueue::new(Stream::Error)));
        // No thread removes lines.
        queue.lock().started = true;
        queue.set_notice(|count| format!("{count} dropped\n"));
        let line = format!("{}\n", "x".repeat(MAX_BYTES / 4));
        for _ in 0..5 {
            queue.push(&line);
        }
        queue.push("short\n");
        queue.flush(Duration::from_millis(1));
        let chunk = queue.take(true);
        assert_eq!(chunk.head, b"\n2 dropped\n");
        assert!(chunk.text.ends_with(b"x\nshort\n") && lines(&chunk.text) == 4);
    }
}
