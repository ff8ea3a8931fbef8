//! Why sessions with PostgreSQL cannot be opened, where that is known.

use tokio_postgres::error::{DbError, SqlState};

use crate::tls::TlsFaultKind;

/// A defect of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// It is required, and the server has none.
    #[error("the server has no TLS")]
    None,
    /// A session cannot be opened.
    #[error("{0}")]
    Fault(TlsFaultKind),
}

/// A cause, without names and addresses: any client may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectProblem {
    /// TLS.
    #[error("{0}")]
    Tls(TlsProblem),
    /// The resolver says that there is no such name.
    #[error("the name of its host does not exist")]
    UnknownHost,
    /// The password is wrong, or the role does not exist: the server does not say which.
    #[error("it refuses the password")]
    WrongPassword,
    /// The server demands a password.
    #[error("it demands a password, and none is set")]
    NoPassword,
    /// The role does not exist, may not log in, or not from this host.
    #[error("it refuses the role")]
    RefusedRole,
    /// The database does not exist.
    #[error("the server does not have this database")]
    UnknownDatabase,
    /// The role may not connect to the database.
    #[error("the role may not connect to it")]
    NoPrivilege,
    /// A pooler between gives each transaction another session of the server: prepared statements and settings are lost.
    #[error("a pooler changes its sessions between transactions")]
    TransactionPooler,
    /// The server, the role or the database has as many connections as it may have.
    #[error("it has too many connections already")]
    TooManyConnections,
}

impl ConnectProblem {
    /// The cause that an error of the server names.
    pub(super) fn of_server(error: &DbError) -> Option<Self> {
        let known = [
            (SqlState::INVALID_PASSWORD, Self::WrongPassword),
            (
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                Self::RefusedRole,
            ),
            (SqlState::INVALID_CATALOG_NAME, Self::UnknownDatabase),
            (SqlState::INSUFFICIENT_PRIVILEGE, Self::NoPrivilege),
            (SqlState::TOO_MANY_CONNECTIONS, Self::TooManyConnections),
        ];
        let by_code = known.into_iter().find(|(code, _)| code == error.code());
        by_code
            .map(|(_, problem)| problem)
            .or_else(|| Self::of_pooler(error))
    }

    /// `PgBouncer` before 1.21 has one SQLSTATE for all errors of its own, always in English.
    fn of_pooler(error: &DbError) -> Option<Self> {
        if *error.code() != SqlState::PROTOCOL_VIOLATION {
            return None;
        }
        let known = [
            ("authentication failed", Self::WrongPassword),
            ("no such user", Self::RefusedRole),
            ("no such database", Self::UnknownDatabase),
            ("no more connections allowed", Self::TooManyConnections),
        ];
        let message = error.message();
        let found = known.into_iter().find(|(text, _)| message.contains(text));
        found.map(|(_, problem)| problem)
    }

    /// Whether it lasts until an administrator changes a setting, of qtask or of the server.
    pub const fn is_lasting(self) -> bool {
        !matches!(self, Self::Tls(_) | Self::TooManyConnections)
    }

    /// What an administrator can do.
    pub(super) const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Tls(_) => None,
            Self::UnknownHost => Some("correct DATABASE_HOST, or the host in DATABASE_URL"),
            Self::WrongPassword => Some(
                "set DATABASE_PASSWORD, or the password in DATABASE_URL, to that of the role, or change the role's with ALTER ROLE \
                 (POSTGRES_PASSWORD of PostgreSQL's image has an effect at its first start only)",
            ),
            Self::NoPassword => Some("set DATABASE_PASSWORD or DATABASE_PASSWORD_FILE"),
            Self::RefusedRole => Some(
                "create the role with LOGIN, correct DATABASE_USER, or allow the role in pg_hba.conf",
            ),
            Self::UnknownDatabase => Some(
                "create it with CREATE DATABASE, or correct DATABASE_NAME or the name in DATABASE_URL",
            ),
            Self::NoPrivilege => Some("grant the role CONNECT on the database"),
            Self::TransactionPooler => Some("set pool_mode = session there, or connect directly"),
            Self::TooManyConnections => {
                Some("raise max_connections or the role's CONNECTION LIMIT, or run fewer processes")
            }
        }
    }
}
