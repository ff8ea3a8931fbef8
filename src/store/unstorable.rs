//! Refusals that are about the values of the row itself.
//!
//! diesel does not carry SQLSTATE. Constraint violations have kinds of their own; the data exceptions
//! (class 22) and program limits (class 54) that a value can run into are known by the server's message.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind};

/// Parts of messages that only a value of the statement can cause.
const MESSAGES: [&str; 21] = [
    // 22P05, 22021, 22P02, 22P03: text and JSON that PostgreSQL cannot hold.
    "unsupported Unicode escape sequence",
    "invalid byte sequence for encoding",
    "invalid input syntax for type",
    "incorrect binary data format",
    "has no equivalent in encoding",
    // 22003, 22008, 22001: numbers, times and texts outside of their types.
    "value overflows numeric format",
    "numeric field overflow",
    "out of range",
    "value too long for type",
    // 54000: the limits of jsonb, arrays, rows and index entries.
    "total size of jsonb",
    "number of jsonb",
    "string too long to represent as jsonb",
    "array size exceeds the maximum allowed",
    "string buffer exceeds maximum allowed length",
    "index row size",
    "index row requires",
    "row is too big",
    // 54001, XX000: values too deep or too large to be read.
    "stack depth limit exceeded",
    "invalid memory alloc request size",
    // Of the client library: the value cannot be put into a message.
    "error serializing parameter",
    "value too large to transmit",
];
/// Detail of "out of memory" where one value outgrew the 1 GB of a buffer (before PostgreSQL 17).
const BUFFER_LIMIT: &str = "Cannot enlarge string buffer";

/// Whether the database refused the values of a row, so that it would refuse them again at any time.
pub fn is_about_values(kind: DatabaseErrorKind, error: &dyn DatabaseErrorInformation) -> bool {
    match kind {
        DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::ForeignKeyViolation => true,
        DatabaseErrorKind::Unknown | DatabaseErrorKind::UnableToSendCommand => {
            let is_buffer = |detail: &str| detail.contains(BUFFER_LIMIT);
            MESSAGES.iter().any(|text| error.message().contains(text))
                || error.details().is_some_and(is_buffer)
        }
        _ => false,
    }
}
