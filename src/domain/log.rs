//! Log lines of attempts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// The severity of a line.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Details for developers of the executor.
    Debug,
    /// Normal progress.
    #[default]
    Info,
    /// An unexpected condition; the attempt continues.
    Warning,
    /// A failure. Also accepted as `critical` and `fatal`.
    Error,
}

impl Level {
    /// All levels, in increasing severity.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    /// The name used in SQL and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not the name of a level.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a level; use one of debug, info, warning, error, critical")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Parses a level by its name, or by its name in other libraries, ignoring case.
    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        match name.to_ascii_lowercase().as_str() {
            "trace" | "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" | "warning" => Ok(Self::Warning),
            "error" | "critical" | "fatal" => Ok(Self::Error),
            _ => Err(UnknownLevel(name.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// One line of an attempt's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// When it was logged; if unknown, the database sets the time of the write.
    pub logged_at: Option<OffsetDateTime>,
    /// The severity.
    pub level: Level,
    /// The text.
    pub message: String,
    /// Details for programs.
    pub context: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_found_again_by_its_name() {
        for level in Level::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        for (other, level) in [
            ("trace", Level::Debug),
            ("WARN", Level::Warning),
            ("Critical", Level::Error),
            ("fatal", Level::Error),
        ] {
            assert_eq!(other.parse(), Ok(level));
        }
        assert!("loud".parse::<Level>().is_err());
    }
}
