//! Writes log events to standard error, as JSON or for people.
//!
//! - `layer` collects the fields of an event and of the spans around it (`fields`);
//! - `form` formats them as a line;
//! - `line_queue` writes lines on a separate thread, so that callers do not block.

mod fields;
mod form;
mod layer;
mod line_queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing::{Level, error};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::fields::{FieldValue, Fields};
use self::layer::LogLayer;
use self::line_queue::{LineQueue, Stream};
use crate::config::logging::{LogFormat, LogSettings};

static STANDARD_ERROR: LineQueue = LineQueue::new(Stream::Error);
static STANDARD_OUTPUT: LineQueue = LineQueue::new(Stream::Output);

/// Timeout for writing the last lines at the end of the process.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Sends all events and panics of this process to standard error. Called once, at start.
pub fn start(settings: LogSettings) {
    let notice = match settings.format {
        LogFormat::Json => |count| form::json(Level::WARN, module_path!(), &dropped(count)),
        LogFormat::Pretty => |count| form::pretty(Level::WARN, &dropped(count), false),
    };
    STANDARD_ERROR.set_notice(notice);
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let layer = LogLayer {
        format: settings.format,
        coloured: std::io::stderr().is_terminal() && !no_color,
        queue: &STANDARD_ERROR,
    };
    tracing_subscriber::registry()
        .with(settings.filter)
        .with(layer)
        .init();
    // The default hook blocks if the reader of standard error does not read.
    std::panic::set_hook(Box::new(log_panic));
}

/// Writes a line that is not an event to standard error, after all earlier events, without waiting.
pub fn say(line: &str) {
    STANDARD_ERROR.push(&format!("{line}\n"));
}

/// Writes a line to standard output without waiting. A closed or full output is not an error.
pub fn print(text: &str) {
    STANDARD_OUTPUT.push(&format!("{text}\n"));
}

/// Waits until all lines so far are written, with a timeout, since the reader may have stopped reading.
pub fn flush() {
    STANDARD_OUTPUT.flush(LAST_LINES);
    STANDARD_ERROR.flush(LAST_LINES);
}

fn dropped(count: u64) -> Fields {
    Fields {
        message: "log lines dropped: standard error did not take them".to_owned(),
        log_target: None,
        named: vec![
            ("event", FieldValue::Text("log.lines_dropped".to_owned())),
            ("dropped", FieldValue::Literal(count.to_string())),
        ],
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let current = std::thread::current();
    let thread = current.name().unwrap_or("<unnamed>");
    let text = panic.payload_as_str().unwrap_or("a panic without a text");
    let location = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        error!(event = "process.panicked", thread, location, text, %backtrace, "thread panicked");
    } else {
        error!(
            event = "process.panicked",
            thread, location, text, "thread panicked"
        );
    }
}
