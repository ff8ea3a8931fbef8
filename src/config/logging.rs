//! What is logged, and in which form.

use std::io::IsTerminal;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::Checker;

/// Settings of the log.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// error, warn, info, debug or trace; or directives like `info,qtask::store=debug`
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// json or pretty; pretty on a terminal, json elsewhere
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// Libraries that narrate their own start and end; what the user asks for comes behind it and wins.
const QUIET: &str = "actix_server=warn";

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// The checked settings.
#[derive(Debug)]
pub struct LogSettings {
    /// Which events are logged.
    pub filter: EnvFilter,
    /// In which form.
    pub format: LogFormat,
}

impl LogArgs {
    /// The checked settings.
    pub fn check(&self, checker: &mut Checker) -> LogSettings {
        let filter =
            EnvFilter::try_new(format!("{QUIET},{}", self.log_level.trim().to_lowercase()))
                .unwrap_or_else(|error| {
                    checker.refuse("LOG_LEVEL", error);
                    EnvFilter::default()
                });
        let format = match self.log_format.as_deref().map(str::trim) {
            Some("json") => LogFormat::Json,
            Some("pretty") => LogFormat::Pretty,
            None | Some("") => {
                if std::io::stderr().is_terminal() {
                    LogFormat::Pretty
                } else {
                    LogFormat::Json
                }
            }
            Some(other) => {
                checker.refuse(
                    "LOG_FORMAT",
                    format_args!("`{other}` is neither json nor pretty"),
                );
                LogFormat::Json
            }
        };
        LogSettings { filter, format }
    }
}
