//! What is logged, and in which form.

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

/// Libraries that narrate their own start and end; what the user asks for comes behind it and wins.
const QUIET: &str = "actix_server=warn";
/// Its statements at debug level hold all parameters. Behind what the user asks for: qtask logs its
/// statements itself, without values.
const SILENT: &str = "tokio_postgres=warn";
/// What a part of `LOG_LEVEL` without a `=` may be, and how others name some of them.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
const ALIASES: [(&str, &str); 3] = [
    ("warning", "warn"),
    ("critical", "error"),
    ("fatal", "error"),
];
const DEFAULT_LEVEL: &str = "info";

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

/// A filter of a level, or of directives with commas between them. A bare word that is no level would be
/// taken for the name of a module, and would silence everything else.
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
