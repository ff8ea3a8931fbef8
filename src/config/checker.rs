//! Parses settings and collects all errors.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use humantime::format_duration;

use crate::domain::backend::{MAX_NAME_LENGTH, is_valid_name};

/// All invalid settings of one start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidSettings(Vec<String>);

impl Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "{count} setting{} cannot be used:",
            if count == 1 { "" } else { "s" }
        )?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// Collects invalid settings while the others are parsed.
///
/// Each method takes the name of the setting as users see it. For an invalid value it returns a placeholder that is
/// never used, because [`Checker::finish`] then fails.
#[derive(Debug, Default)]
pub struct Checker {
    problems: Vec<String>,
}

impl Checker {
    /// Returns the settings if all of them were valid.
    pub fn finish<T>(self, settings: T) -> Result<T, InvalidSettings> {
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(InvalidSettings(self.problems))
        }
    }

    /// Records that a setting is invalid.
    pub fn refuse(&mut self, setting: &str, problem: impl Display) {
        self.problems.push(format!("{setting}: {problem}"));
    }

    /// Records a conflict between two settings unless `holds`.
    pub fn require(&mut self, holds: bool, setting: &str, problem: impl Display) {
        if !holds {
            self.refuse(setting, problem);
        }
    }

    /// Parses a whole number within the range.
    pub fn number<T>(&mut self, setting: &str, text: &str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Copy + Display,
    {
        match text.trim().parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (least, most) = (range.start(), range.end());
                self.refuse(
                    setting,
                    format_args!("`{text}` is not a whole number from {least} to {most}"),
                );
                *least
            }
        }
    }

    /// Parses a duration such as `500ms`, `30s`, `2m`, or a plain number of seconds, within the range.
    pub fn duration(
        &mut self,
        setting: &str,
        text: &str,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let seconds = text
            .trim()
            .parse::<u32>()
            .ok()
            .map(|seconds| Duration::from_secs(seconds.into()));
        match seconds.or_else(|| humantime::parse_duration(text.trim()).ok()) {
            Some(duration) if range.contains(&duration) => duration,
            _ => {
                let (least, most) = (range.start(), range.end());
                self.refuse(
                    setting,
                    format_args!(
                        "`{text}` is not a time from {} to {}, like 500ms, 30s or 5m",
                        format_duration(*least),
                        format_duration(*most)
                    ),
                );
                *least
            }
        }
    }

    /// Parses `true` or `false`; an empty text is `false`.
    pub fn switch(&mut self, setting: &str, text: &str) -> bool {
        match text.trim() {
            "true" | "1" | "yes" | "on" => true,
            "" | "false" | "0" | "no" | "off" => false,
            text => {
                self.refuse(setting, format_args!("`{text}` is neither true nor false"));
                false
            }
        }
    }

    /// Checks the name of a backend or a worker.
    pub fn name(&mut self, setting: &str, what: &str, text: &str) {
        self.require(
            is_valid_name(text),
            setting,
            format_args!(
                "`{}` cannot name a {what}: use up to {MAX_NAME_LENGTH} letters, digits, `.`, `_`, `-`, and begin with a letter or a digit",
                text.escape_debug()
            ),
        );
    }

    /// Parses an address to listen on.
    pub fn address(&mut self, setting: &str, text: &str) -> IpAddr {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        match text.trim() {
            "localhost" => loopback,
            text => text.parse().unwrap_or_else(|_| {
                self.refuse(
                    setting,
                    format_args!(
                        "`{text}` is not an IP address: 0.0.0.0 listens everywhere, 127.0.0.1 on this machine only"
                    ),
                );
                loopback
            }),
        }
    }

    /// Parses a value with `FromStr`, and records its error.
    pub fn parsed<T>(&mut self, setting: &str, text: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        match text.trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(setting, format_args!("`{text}`: {error}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(1);

    #[test]
    fn every_bad_setting_is_named_in_one_message() {
        let mut checker = Checker::default();
        checker.number("PORT", "http", 0..=65_535_u16);
        checker.duration("QTASK_LEASE_DURATION", "0s", SECONDS);
        checker.require(
            false,
            "QTASK_HEARTBEAT_INTERVAL",
            "must fit three times into QTASK_LEASE_DURATION",
        );
        let message = checker.finish(()).unwrap_err().to_string();
        assert_eq!(
            message,
            "3 settings cannot be used:\n  \
             PORT: `http` is not a whole number from 0 to 65535\n  \
             QTASK_LEASE_DURATION: `0s` is not a time from 1s to 1m, like 500ms, 30s or 5m\n  \
             QTASK_HEARTBEAT_INTERVAL: must fit three times into QTASK_LEASE_DURATION"
        );
    }

    #[test]
    fn a_switch_is_true_or_false() {
        let mut checker = Checker::default();
        for (text, on) in [("true", true), (" 1 ", true), ("", false), ("off", false)] {
            assert_eq!(checker.switch("S", text), on, "{text}");
        }
        assert!(!checker.switch("S", "maybe"));
        let message = checker.finish(()).unwrap_err().to_string();
        assert!(message.contains("S: `maybe` is neither true nor false"));
    }

    #[test]
    fn times_have_units_or_are_seconds() {
        let mut checker = Checker::default();
        for (text, milliseconds) in [
            ("5", 5_000),
            (" 1500ms ", 1_500),
            ("1m", 60_000),
            ("1s 500ms", 1_500),
        ] {
            assert_eq!(
                checker.duration("T", text, SECONDS).as_millis(),
                milliseconds
            );
        }
        assert!(checker.finish(()).is_ok());
    }
}
