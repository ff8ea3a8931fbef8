//! Where events go: standard error, as JSON or for people.

use tracing_subscriber::fmt::time::UtcTime;

use crate::config::logging::{LogFormat, LogSettings};

/// Sends all events of this process to standard error from here on. Called once, at start.
pub fn start(settings: LogSettings) {
    let time = UtcTime::rfc_3339();
    let log = tracing_subscriber::fmt()
        .with_env_filter(settings.filter)
        .with_writer(std::io::stderr)
        .with_timer(time);
    match settings.format {
        LogFormat::Json => log.json().with_current_span(false).init(),
        LogFormat::Pretty => log.with_target(false).compact().init(),
    }
}
