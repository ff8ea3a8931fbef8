//! The JSON log lines of a process, kept in memory, so that a test can wait for an event by its id.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

/// Maximum number of lines kept per process; older ones are discarded.
const KEPT: usize = 20_000;

/// One log line.
#[derive(Debug, Clone)]
pub struct Event {
    /// The line as parsed; a line that is not JSON is a string.
    pub line: Value,
}

impl Event {
    /// Its message.
    pub fn message(&self) -> &str {
        self.line["message"]
            .as_str()
            .or(self.line.as_str())
            .unwrap_or_default()
    }

    /// Its id; empty for a line of a library or a line that is not JSON.
    pub fn id(&self) -> &str {
        self.line["event"].as_str().unwrap_or_default()
    }

    /// Whether the event has this id.
    pub fn is(&self, id: &str) -> bool {
        self.id() == id
    }

    /// A field of the event, or else of its spans.
    pub fn field(&self, name: &str) -> Option<String> {
        self.line.get(name).map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
    }
}

/// All lines that a process has written so far.
#[derive(Debug)]
pub struct Events {
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Event>,
    forgotten: usize,
    closed: bool,
}

impl Events {
    /// Collects lines from `stream` on a separate thread until the stream ends: a test that blocks its runtime must
    /// not block the process that it observes.
    pub fn collect(stream: impl Read + Send + 'static) -> Arc<Self> {
        let events = Arc::new(Self {
            kept: Mutex::default(),
            changed: watch::Sender::new(()),
        });
        let collected = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                collected.push(&line);
            }
            collected.update(|kept| kept.closed = true);
        });
        events
    }

    fn push(&self, line: &[u8]) {
        let parsed = serde_json::from_slice(line)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(line).into_owned()));
        self.update(|kept| {
            if kept.events.len() == KEPT {
                kept.events.pop_front();
                kept.forgotten += 1;
            }
            kept.events.push_back(Event { line: parsed });
        });
    }

    fn update(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
    }

    fn read<T>(&self, look: impl FnOnce(&Kept) -> T) -> T {
        look(&self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of lines so far, usable as a mark.
    pub fn len(&self) -> usize {
        self.read(|kept| kept.forgotten + kept.events.len())
    }

    /// All kept events that match, oldest first.
    pub fn all(&self, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
        self.read(|kept| {
            kept.events
                .iter()
                .filter(|event| fits(event))
                .cloned()
                .collect()
        })
    }

    /// Waits for the first matching event from line `mark` on; `None` if the stream ends without one.
    pub async fn first_after(&self, mark: usize, fits: impl Fn(&Event) -> bool) -> Option<Event> {
        let mut changed = self.changed.subscribe();
        let mut next = mark;
        loop {
            let (found, closed) = self.read(|kept| {
                let unseen = kept.events.iter().skip(next.saturating_sub(kept.forgotten));
                let found = unseen.clone().find(|event| fits(event)).cloned();
                next = kept.forgotten + kept.events.len();
                (found, kept.closed)
            });
            if found.is_some() || closed {
                return found;
            }
            changed.changed().await.ok()?;
        }
    }

    /// The last `count` lines, as text.
    pub fn tail(&self, count: usize) -> String {
        let text = self.read(|kept| {
            let skipped = kept.events.len().saturating_sub(count);
            kept.events
                .iter()
                .skip(skipped)
                .map(|event| event.line.to_string())
                .collect::<Vec<_>>()
        });
        text.join("\n")
    }
}

/// The last `count` lines of a text.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
