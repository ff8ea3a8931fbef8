//! Errors of statements, by what callers can do about them.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::schema_fault::SchemaFault;
use super::server_error::ServerError;

/// Why a statement has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL did not accept the statement: nothing was changed.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// PostgreSQL has as many connections as it may have: nothing was changed.
    #[error("the database has too many connections: {0}")]
    TooManyConnections(String),
    /// PostgreSQL accepted the statement and did not answer: it may or may not have been committed.
    #[error("the connection to the database was lost before the reply: {0}")]
    OutcomeUnknown(String),
    /// PostgreSQL's disk is full: nothing was changed.
    #[error("the database's disk is full: {0}")]
    DiskFull(String),
    /// A conflict with a concurrent statement: nothing was changed, and the statement can be repeated at once.
    #[error("another statement conflicted with this one: {0}")]
    SerializationConflict(String),
    /// PostgreSQL cancelled the statement at its time limit: nothing was changed. A statement over fewer rows may succeed.
    #[error("the statement took too long: {0}")]
    TooSlow(String),
    /// An administrator cancelled the statement (`pg_cancel_backend`): nothing was changed.
    #[error("the statement was cancelled on the database's side: {0}")]
    Cancelled(String),
    /// The database's schema is of another version than this executable.
    #[error("{0}")]
    Schema(SchemaFault),
    /// PostgreSQL cannot store a value of the statement (too large, not valid for its type, or it violates a constraint): nothing
    /// was changed, and the same values will be refused again.
    #[error("the database cannot store this: {0}")]
    Unstorable(String),
    /// PostgreSQL refused the statement for another reason, usually a defect of qtask.
    #[error("the database refused the statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// The name of the kind, for metrics.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::TooManyConnections(_) => "too_many_connections",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::DiskFull(_) => "disk_full",
            Self::SerializationConflict(_) => "serialization_conflict",
            Self::TooSlow(_) => "too_slow",
            Self::Cancelled(_) => "cancelled",
            Self::Schema(_) => "schema",
            Self::Unstorable(_) => "unstorable",
            Self::Refused(_) => "refused",
        }
    }

    /// Whether the same statement may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::TooManyConnections(_)
                | Self::OutcomeUnknown(_)
                | Self::DiskFull(_)
                | Self::SerializationConflict(_)
                | Self::TooSlow(_)
                | Self::Cancelled(_)
                | Self::Schema(_)
        )
    }
}

/// A statement that failed, as diesel reports it and as the server reported it.
pub(super) struct Failure {
    pub(super) error: DieselError,
    /// The last error that the server sent during the statement.
    pub(super) server: Option<ServerError>,
    /// Whether the statement ran for as long as `statement_timeout`. SQLSTATE is the same for a timeout and for a cancellation.
    pub(super) timed_out: bool,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let information = match &failure.error {
            DieselError::DatabaseError(kind, information) => {
                if is_of_client(*kind) {
                    return of_client(information.message());
                }
                information
            }
            DieselError::SerializationError(error) => return Self::Unstorable(error.to_string()),
            error => return Self::Refused(error.to_string()),
        };
        let message = information.message().to_owned();
        match failure.server {
            Some(server) if server.is_fatal => Self::OutcomeUnknown(message),
            Some(server) => of_server(&server.code, message, failure.timed_out),
            None => Self::Refused(message),
        }
    }
}

const fn is_of_client(kind: DatabaseErrorKind) -> bool {
    matches!(
        kind,
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection
    )
}

/// An error of tokio-postgres, always in English: the value cannot be put into a message, or the connection was lost.
fn of_client(message: &str) -> StoreError {
    let is_about_a_value = ["error serializing parameter", "value too large to transmit"];
    let is_about_a_value = is_about_a_value.iter().any(|text| message.contains(text));
    if is_about_a_value {
        StoreError::Unstorable(message.to_owned())
    } else {
        StoreError::OutcomeUnknown(message.to_owned())
    }
}

/// An error of the server, by SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
///
/// Where one SQLSTATE has several causes, they are told apart by parts of the message that are never translated: names of files
/// and SQL commands, and messages of internal errors.
fn of_server(code: &str, message: String, timed_out: bool) -> StoreError {
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        // query_canceled.
        (_, "57014") if timed_out => StoreError::TooSlow(message),
        (_, "57014") => StoreError::Cancelled(message),
        // statement_completion_unknown.
        (_, "40003") => StoreError::OutcomeUnknown(message),
        // Rollback (serialization failure, deadlock, conflict with recovery), and lock_not_available.
        ("40", _) | (_, "55P03") => StoreError::SerializationConflict(message),
        // The record of the commit may have been written before pg_wal was full.
        (_, "53100") if message.contains("pg_wal") => StoreError::OutcomeUnknown(message),
        (_, "53100") => StoreError::DiskFull(message),
        // Errors outside of PostgreSQL, such as a failed fsync.
        ("58", _) => StoreError::OutcomeUnknown(message),
        // program_limit_exceeded: the queue of notifications is full, because a listener does not read.
        ("54", _) if message.contains("NOTIFY") => StoreError::Unavailable(message),
        // Data exceptions, limits on the size and depth of values; not_null_violation, foreign_key_violation, check_violation.
        ("22" | "54", _) | (_, "23502" | "23503" | "23514") => StoreError::Unstorable(message),
        // internal_error for a value of more than 1 GB.
        (_, "XX000") if message.contains("invalid memory alloc request size") => {
            StoreError::Unstorable(message)
        }
        // Connections, resources, shutdown. read_only_sql_transaction: the server became a standby, a failover is in progress.
        // feature_not_supported: a migration changed a table under a prepared statement; a new connection prepares it again.
        // undefined_table: a process that starts before its migrations waits for them as for the database itself.
        ("08" | "53" | "57", _) | (_, "25006" | "0A000" | "42P01") => {
            StoreError::Unavailable(message)
        }
        _ => StoreError::Refused(message),
    }
}

/// Whether a schema of another version may be the reason: an undefined table, column, function or object, or a conflict target
/// without an index.
pub(super) fn may_be_the_schema(error: &ServerError) -> bool {
    matches!(
        error.code.as_str(),
        "42P01" | "42703" | "42883" | "42704" | "42P10"
    )
}

/// Whether the session is another one than that which prepared the statement: `invalid_sql_statement_name` and
/// `duplicate_prepared_statement`.
pub(super) fn is_of_a_pooler(error: &ServerError) -> bool {
    matches!(error.code.as_str(), "26000" | "42P05")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variant = fn(String) -> StoreError;

    /// SQLSTATE, a message in German, and the error.
    const CASES: [(&str, &str, Variant); 30] = [
        (
            "40P01",
            "Verklemmung entdeckt",
            StoreError::SerializationConflict,
        ),
        (
            "40001",
            "storniere Anfrage wegen Konflikt mit der Wiederherstellung",
            StoreError::SerializationConflict,
        ),
        (
            "55P03",
            "storniere Anfrage wegen Zeitüberschreitung einer Sperre",
            StoreError::SerializationConflict,
        ),
        (
            "40003",
            "Ergebnis der Anweisung unbekannt",
            StoreError::OutcomeUnknown,
        ),
        (
            "57014",
            "storniere Anfrage wegen Benutzeraufforderung",
            StoreError::Cancelled,
        ),
        (
            "53100",
            "konnte Datei »base/1/2« nicht erweitern",
            StoreError::DiskFull,
        ),
        (
            "53100",
            "konnte nicht in Datei »pg_wal/xlogtemp.7« schreiben",
            StoreError::OutcomeUnknown,
        ),
        (
            "58030",
            "konnte Datei »base/1/2« nicht fsyncen",
            StoreError::OutcomeUnknown,
        ),
        ("53200", "Speicher aufgebraucht", StoreError::Unavailable),
        (
            "53300",
            "tut mir leid, schon zu viele Verbindungen",
            StoreError::Unavailable,
        ),
        (
            "57P03",
            "das Datenbanksystem startet",
            StoreError::Unavailable,
        ),
        (
            "25006",
            "kann INSERT nicht in einer Read-Only-Transaktion ausführen",
            StoreError::Unavailable,
        ),
        (
            "0A000",
            "gecachter Plan darf den Ergebnistyp nicht ändern",
            StoreError::Unavailable,
        ),
        (
            "42P01",
            "Relation »tasks« existiert nicht",
            StoreError::Unavailable,
        ),
        (
            "54000",
            "zu viele Benachrichtigungen in NOTIFY-Schlange",
            StoreError::Unavailable,
        ),
        (
            "54000",
            "Gesamtgröße der jsonb-Objektelemente überschreitet das Maximum",
            StoreError::Unstorable,
        ),
        (
            "54001",
            "Grenze für Stacktiefe überschritten",
            StoreError::Unstorable,
        ),
        (
            "22P05",
            "nicht unterstützte Unicode-Escape-Sequenz",
            StoreError::Unstorable,
        ),
        (
            "22003",
            "Wert verursacht Überlauf im »numeric«-Format",
            StoreError::Unstorable,
        ),
        (
            "23514",
            "neue Zeile verletzt Check-Constraint",
            StoreError::Unstorable,
        ),
        (
            "23502",
            "NULL-Wert verletzt Not-Null-Constraint",
            StoreError::Unstorable,
        ),
        (
            "23503",
            "Einfügen verletzt Fremdschlüssel-Constraint",
            StoreError::Unstorable,
        ),
        (
            "XX000",
            "invalid memory alloc request size 1073741824",
            StoreError::Unstorable,
        ),
        ("XX000", "cache lookup failed", StoreError::Refused),
        ("XX001", "ungültige Seite", StoreError::Refused),
        ("42703", "Spalte »x« existiert nicht", StoreError::Refused),
        (
            "42501",
            "keine Berechtigung für Tabelle tasks",
            StoreError::Refused,
        ),
        (
            "23505",
            "doppelter Schlüsselwert verletzt Unique-Constraint",
            StoreError::Refused,
        ),
        (
            "23000",
            "UPDATE of tasks: a terminal task never changes again",
            StoreError::Refused,
        ),
        ("P0001", "heute nicht", StoreError::Refused),
    ];

    fn failure(code: &str, message: &str) -> Failure {
        let information = Box::new(message.to_owned());
        Failure {
            error: DieselError::DatabaseError(DatabaseErrorKind::Unknown, information),
            server: Some(ServerError {
                code: code.to_owned(),
                is_fatal: false,
            }),
            timed_out: false,
        }
    }

    #[test]
    fn errors_of_the_server_are_told_apart_by_sqlstate_in_any_language() {
        for (code, message, expected) in CASES {
            let found = StoreError::from(failure(code, message)).to_string();
            assert_eq!(found, expected(message.to_owned()).to_string(), "{code}");
        }
    }

    #[test]
    fn a_cancelled_statement_timed_out_if_it_ran_for_that_long() {
        let slow = Failure {
            timed_out: true,
            ..failure(
                "57014",
                "storniere Anfrage wegen Zeitüberschreitung der Anfrage",
            )
        };
        assert!(matches!(slow.into(), StoreError::TooSlow(_)));
    }

    #[test]
    fn after_a_fatal_error_the_outcome_is_unknown_whatever_its_sqlstate() {
        for code in ["57P01", "53100", "25P03"] {
            let mut fatal = failure(code, "Verbindung wird abgebrochen");
            fatal.server = Some(ServerError {
                code: code.to_owned(),
                is_fatal: true,
            });
            assert!(
                matches!(fatal.into(), StoreError::OutcomeUnknown(_)),
                "{code}"
            );
        }
    }

    #[test]
    fn a_value_that_the_client_cannot_send_is_refused_and_a_lost_connection_leaves_the_outcome_open()
     {
        let of_client = |message: &str| {
            let information = Box::new(message.to_owned());
            let kind = DatabaseErrorKind::UnableToSendCommand;
            StoreError::from(Failure {
                error: DieselError::DatabaseError(kind, information),
                ..failure("42P01", "of an earlier statement")
            })
        };
        let value = of_client("error serializing parameter 3: value too large to transmit");
        assert!(matches!(value, StoreError::Unstorable(_)));
        let lost = of_client("connection closed");
        assert!(matches!(lost, StoreError::OutcomeUnknown(_)));
    }

    #[test]
    fn an_undefined_column_may_be_a_schema_of_another_version() {
        for (code, expected) in [("42703", true), ("42P10", true), ("23505", false)] {
            let server = failure(code, "").server.unwrap();
            assert_eq!(may_be_the_schema(&server), expected, "{code}");
        }
    }
}
