//! What can go wrong with a statement, as callers need to tell it apart.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::SchemaFault;
use super::unstorable::is_about_values;

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
    /// An administrator stopped the statement on PostgreSQL's side (`pg_cancel_backend`): nothing was changed.
    #[error("the statement was cancelled on the database's side: {0}")]
    Cancelled(String),
    /// The database's schema is not the one that this executable was made for.
    #[error("{0}")]
    Schema(SchemaFault),
    /// PostgreSQL cannot store a value of the statement (too large, not valid in its type, against a
    /// constraint): nothing was changed, and the same values will be refused again.
    #[error("the database cannot store this: {0}")]
    Unstorable(String),
    /// PostgreSQL refused the statement: a defect of ours, or a condition that is not known here.
    #[error("the database refused the statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether time may cure it.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::OutcomeUnknown(_)
                | Self::DiskFull(_)
                | Self::Collision(_)
                | Self::TooSlow(_)
                | Self::Cancelled(_)
                | Self::Schema(_)
        )
    }

    /// Whether a schema of another version may be the reason.
    pub(super) fn may_be_the_schema(&self) -> bool {
        const TEXTS: [&str; 2] = [
            "does not exist",
            "there is no unique or exclusion constraint",
        ];
        match self {
            Self::Refused(message) | Self::Unavailable(message) => {
                TEXTS.iter().any(|text| message.contains(text))
            }
            _ => false,
        }
    }
}

/// Whether the error alone does not say what became of the statement.
///
/// PostgreSQL sends an ERROR for a statement that changed nothing, and a FATAL or a PANIC, perhaps after a
/// commit, before it closes the connection: a PANIC for a full `pg_wal`, for one. diesel carries no severity,
/// so the connection has to be asked whether it survived.
pub(super) fn is_doubtful(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, _)
    )
}

impl From<DieselError> for StoreError {
    /// The error of a statement whose connection survived it. diesel does not carry SQLSTATE, so that
    /// states without a kind of their own are told apart by the server's message.
    fn from(error: DieselError) -> Self {
        let (kind, information) = match &error {
            DieselError::DatabaseError(kind, information) => (kind, information),
            DieselError::SerializationError(_) => return Self::Unstorable(error.to_string()),
            _ => return Self::Refused(error.to_string()),
        };
        let message = information.message().to_owned();
        if is_about_values(*kind, information.as_ref()) {
            return Self::Unstorable(message);
        }
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

type Class = fn(String) -> StoreError;

/// SQLSTATE classes 40 (rollback), 53 (resources), 54 (limits), 55 (prerequisites) and 57 (intervention) by
/// their English texts; the first that fits counts.
const CLASSES: [(&str, Class); 17] = [
    // Whatever the severity: the record of the commit may have been written before.
    ("pg_wal", StoreError::OutcomeUnknown),
    ("could not fsync", StoreError::OutcomeUnknown),
    ("terminating connection", StoreError::OutcomeUnknown),
    ("No space left on device", StoreError::DiskFull),
    ("Disk quota exceeded", StoreError::DiskFull),
    ("deadlock detected", StoreError::Collision),
    ("due to lock timeout", StoreError::Collision),
    ("due to conflict with recovery", StoreError::Collision),
    ("due to statement timeout", StoreError::TooSlow),
    ("due to user request", StoreError::Cancelled),
    ("the database system is", StoreError::Unavailable),
    ("too many clients", StoreError::Unavailable),
    ("remaining connection slots", StoreError::Unavailable),
    ("out of memory", StoreError::Unavailable),
    ("out of shared memory", StoreError::Unavailable),
    (
        "too many notifications in the NOTIFY queue",
        StoreError::Unavailable,
    ),
    // A migration changed a table under a prepared statement: a new connection prepares it anew.
    (
        "cached plan must not change result type",
        StoreError::Unavailable,
    ),
];

fn from_message(message: String) -> StoreError {
    let class = CLASSES.iter().find(|(text, _)| message.contains(text));
    match class {
        Some((_, class)) => class(message),
        None if message.contains("connection") || is_missing_schema(&message) => {
            StoreError::Unavailable(message)
        }
        None => StoreError::Refused(message),
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
    fn conditions_without_a_kind_of_their_own_are_told_apart_by_their_texts() {
        use StoreError::{
            Cancelled, Collision, DiskFull, OutcomeUnknown, Refused, TooSlow, Unavailable,
        };
        let cases: [(&str, Class); 14] = [
            (
                "could not extend file \"base/1/2\": No space left on device",
                DiskFull,
            ),
            (
                "could not write to file \"pg_wal/xlogtemp.7\": No space left on device",
                OutcomeUnknown,
            ),
            (
                "could not fsync file \"base/1/2\": Input/output error",
                OutcomeUnknown,
            ),
            (
                "terminating connection due to administrator command",
                OutcomeUnknown,
            ),
            (
                "terminating connection due to idle-in-transaction timeout",
                OutcomeUnknown,
            ),
            ("relation \"tasks\" does not exist", Unavailable),
            ("the database system is starting up", Unavailable),
            ("deadlock detected", Collision),
            ("canceling statement due to lock timeout", Collision),
            (
                "canceling statement due to conflict with recovery",
                Collision,
            ),
            ("canceling statement due to statement timeout", TooSlow),
            ("canceling statement due to user request", Cancelled),
            ("too many notifications in the NOTIFY queue", Unavailable),
            ("column \"x\" does not exist", Refused),
        ];
        for (message, expected) in cases {
            let (found, expected) = (unknown(message), expected(message.to_owned()));
            assert_eq!(found.to_string(), expected.to_string());
        }
    }

    #[test]
    fn a_refusal_of_the_values_is_told_from_a_refusal_of_everything() {
        let information = || Box::new("violates a check".to_owned());
        let check = DieselError::DatabaseError(DatabaseErrorKind::CheckViolation, information());
        assert!(matches!(check.into(), StoreError::Unstorable(_)));
        for message in [
            "unsupported Unicode escape sequence",
            "total size of jsonb object elements exceeds the maximum of 268435455 bytes",
            "value overflows numeric format",
        ] {
            assert!(matches!(unknown(message), StoreError::Unstorable(_)));
        }
        for message in ["no writes today", "permission denied for table tasks"] {
            assert!(matches!(unknown(message), StoreError::Refused(_)));
        }
    }
}
