//! What can go wrong with a statement, as callers need to tell it apart.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Why a statement has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL could not be asked: nothing was changed.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// PostgreSQL was asked and did not answer: the statement may or may not have been carried out.
    #[error("the database went away before it answered: {0}")]
    OutcomeUnknown(String),
    /// PostgreSQL has no room: nothing was changed.
    #[error("the database's disk is full: {0}")]
    DiskFull(String),
    /// Two statements stood in each other's way; the same statement can be tried again.
    #[error("the statement collided with another one: {0}")]
    Collision(String),
    /// PostgreSQL stopped the statement at its time limit: nothing was changed. A statement over
    /// less may get through.
    #[error("the statement took too long: {0}")]
    TooSlow(String),
    /// PostgreSQL refused the statement: a defect of ours, or a condition that is not known here.
    #[error("the database refused the statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether time may cure it.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::OutcomeUnknown(_)
                | Self::DiskFull(_)
                | Self::Collision(_)
                | Self::TooSlow(_)
        )
    }
}

impl From<DieselError> for StoreError {
    /// diesel does not carry SQLSTATE, so that states without a kind of their own are told apart by
    /// the server's message.
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &error else {
            return Self::Refused(error.to_string());
        };
        let message = information.message().to_owned();
        match kind {
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
                Self::OutcomeUnknown(message)
            }
            DatabaseErrorKind::SerializationFailure => Self::Collision(message),
            // A server that became a standby: a failover is under way.
            DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(message),
            DatabaseErrorKind::Unknown => from_message(message),
            _ => Self::Refused(message),
        }
    }
}

fn from_message(message: String) -> StoreError {
    // SQLSTATE classes 53 (resources), 57 (operator intervention) and 40 (rollback), in their
    // English texts.
    const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];
    // A server on its way down may say so between a commit and its answer.
    const UNKNOWN: &str = "terminating connection";
    const UNAVAILABLE: [&str; 6] = [
        "the database system is",
        "too many clients",
        "remaining connection slots",
        "out of memory",
        "out of shared memory",
        "connection",
    ];
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if says(&FULL) {
        StoreError::DiskFull(message)
    } else if message.contains("deadlock detected") {
        StoreError::Collision(message)
    } else if message.contains("canceling statement due to statement timeout") {
        StoreError::TooSlow(message)
    } else if message.contains(UNKNOWN) {
        StoreError::OutcomeUnknown(message)
    } else if says(&UNAVAILABLE) || is_missing_schema(&message) {
        StoreError::Unavailable(message)
    } else {
        StoreError::Refused(message)
    }
}

/// Started before its migrations, a process waits for them as for the database itself.
fn is_missing_schema(message: &str) -> bool {
    message.starts_with("relation \"") && message.ends_with("\" does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(message: &str) -> StoreError {
        let information = Box::new(message.to_owned());
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, information).into()
    }

    #[test]
    fn a_full_disk_and_a_shutdown_and_a_deadlock_are_told_apart() {
        let full = "could not extend file \"base/1/2\": No space left on device";
        assert!(matches!(unknown(full), StoreError::DiskFull(_)));
        let shutdown = "terminating connection due to administrator command";
        assert!(matches!(unknown(shutdown), StoreError::OutcomeUnknown(_)));
        let unmigrated = "relation \"tasks\" does not exist";
        assert!(matches!(unknown(unmigrated), StoreError::Unavailable(_)));
        assert!(matches!(
            unknown("the database system is starting up"),
            StoreError::Unavailable(_)
        ));
        assert!(matches!(
            unknown("deadlock detected"),
            StoreError::Collision(_)
        ));
        assert!(matches!(
            unknown("column \"x\" does not exist"),
            StoreError::Refused(_)
        ));
    }
}
