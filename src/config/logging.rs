//! Settings of the log: filter and format.

use std::io::IsTerminal;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::Checker;

/// Settings of the log.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// error, warn, info, debug, trace or off; or directives like `info,qtask::store=debug`
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// json or pretty; pretty on a terminal, json elsewhere
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// Libraries that log their start and end; the user's directives follow and take precedence.
const QUIET: &str = "actix_server=warn";
/// At debug level, this library logs all parameters of statements. The directive follows the user's and takes
/// precedence: qtask logs its statements itself, without values.
const SILENT: &str = "tokio_postgres=warn";
/// The values that a part of `LOG_LEVEL` without a `=` may have.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
const ALIASES: [(&str, &str); 3] = [
    ("warning", "warn"),
    ("critical", "error"),
    ("fatal", "error"),
];
const DEFAULT_LEVEL: &str = "info";

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// A format for people.
    Pretty,
}

/// The validated settings.
#[derive(Debug)]
pub struct LogSettings {
    /// Selects the events to log.
    pub filter: EnvFilter,
    /// The format of lines.
    pub format: LogFormat,
}

impl LogArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> LogSettings {
        let filter = filter(&self.log_level).unwrap_or_else(|problem| {
            checker.refuse("LOG_LEVEL", problem);
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

/// Parses a level, or directives separated by commas. A bare word that is not a level is refused: it would be read
/// as the name of a module, and would disable all other events.
fn filter(text: &str) -> Result<EnvFilter, String> {
    let text = text.trim().to_lowercase();
    let mut directives = vec![QUIET.to_owned()];
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == part);
        let part = alias.map_or(part, |(_, level)| level);
        if !LEVELS.contains(&part) && !part.contains('=') {
            return Err(format!(
                "`{part}` is neither a level ({}) nor a directive like qtask::store=debug",
                LEVELS.join(", ")
            ));
        }
        directives.push(part.to_owned());
    }
    if text.is_empty() {
        directives.push(DEFAULT_LEVEL.to_owned());
    }
    directives.push(SILENT.to_owned());
    EnvFilter::try_new(directives.join(",")).map_err(|error| format!("`{text}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_and_directives_can_be_asked_for() {
        for text in [
            "",
            "INFO",
            "warning",
            "CRITICAL",
            "off",
            "info,qtask::store=debug",
            "qtask[attempt]=trace",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["loud", "info,loud", "qtask=loud", "verbose", "10"] {
            assert!(filter(text).is_err(), "{text}");
        }
        assert!(filter("loud").unwrap_err().contains("`loud`"));
    }

    #[test]
    fn statements_with_their_values_cannot_be_asked_for() {
        for text in ["debug", "trace", "tokio_postgres=trace"] {
            let filter = filter(text).unwrap().to_string();
            assert!(
                filter.contains("tokio_postgres=warn") && !filter.contains("tokio_postgres=trace"),
                "{filter}"
            );
        }
    }
}
