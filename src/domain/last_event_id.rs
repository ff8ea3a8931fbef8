//! The last event of a task that a client has received.

use std::fmt;
use std::str::FromStr;

/// The last event of a task that a client has received, as the text `HISTORY.LOG`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastEventId {
    /// The id of the last entry of the history.
    pub history: i64,
    /// The id of the last line of the log.
    pub log: i64,
}

/// A text that is not the id of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of an event of this service")]
pub struct BadEventId;

impl fmt::Display for LastEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.history, self.log)
    }
}

/// The empty text means that no event was received.
impl FromStr for LastEventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let (history, log) = text.split_once('.').ok_or(BadEventId)?;
        let number = |digits: &str| {
            let number = digits.parse().ok().filter(|number: &i64| *number >= 0);
            number.ok_or(BadEventId)
        };
        Ok(Self {
            history: number(history)?,
            log: number(log)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = LastEventId {
            history: 3,
            log: i64::MAX,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("".parse(), Ok(LastEventId::default()));
        for wrong in ["1", "1.", ".1", "-1.1", "1.1.1", "a.b"] {
            assert_eq!(wrong.parse::<LastEventId>(), Err(BadEventId), "{wrong}");
        }
    }
}
