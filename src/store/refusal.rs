//! Why there is no session with PostgreSQL.

use std::fmt;

use tokio_postgres::error::SqlState;

use super::address::{TlsMode, TlsPolicy};
use crate::tls::{TlsFault, TlsFaultKind};

/// The role, the host or the encryption is refused, or a client certificate is missing; not a wrong password.
const REFUSED_LOGIN: SqlState = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;

/// Why no server gave a session.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(super) struct ConnectFailure {
    message: String,
    /// What is wrong with the TLS of the last server.
    pub(super) tls: Option<TlsProblem>,
}

impl ConnectFailure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            tls: None,
        }
    }

    /// The refusals of all servers, by their names.
    pub(super) fn of_servers(refusals: &[(String, SessionRefusal)], policy: &TlsPolicy) -> Self {
        let messages: Vec<_> = match refusals {
            [(_, only)] => vec![only.message(policy)],
            many => many
                .iter()
                .map(|(server, refusal)| format!("{server}: {}", refusal.message(policy)))
                .collect(),
        };
        Self {
            message: messages.join("; "),
            tls: refusals.last().and_then(|(_, refusal)| refusal.tls()),
        }
    }
}

/// A defect of TLS, without the name of a host: any client may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// It is required, and the server has none.
    #[error("the server has no TLS")]
    None,
    /// A session cannot be opened.
    #[error("{0}")]
    Fault(TlsFaultKind),
}

/// Why one server gave no session.
#[derive(Debug)]
pub(super) enum SessionRefusal {
    /// No connection, or no answer.
    Unreachable(String),
    /// The server has no TLS.
    NoTls,
    /// The TLS session failed.
    Tls(TlsFault),
    /// The server refused the login, or the connection was lost.
    Login {
        /// SQLSTATE.
        code: Option<SqlState>,
        message: String,
        is_encrypted: bool,
    },
    /// The session is not of the requested kind.
    Unsuitable(&'static str),
    /// Neither with TLS nor without it.
    Twice(Box<SessionRefusal>, Box<SessionRefusal>),
}

impl SessionRefusal {
    /// The error of a login.
    pub(super) fn of_login(error: &tokio_postgres::Error, is_encrypted: bool) -> Self {
        match TlsFault::among_causes(error) {
            Some(fault) => Self::Tls(fault),
            None => Self::Login {
                code: error.code().cloned(),
                message: describe(error),
                is_encrypted,
            },
        }
    }

    /// Whether the same server may accept a session with TLS that it refused without, or the reverse: it refuses the role, the
    /// host or the encryption, not the password.
    pub(super) fn may_depend_on_tls(&self) -> bool {
        match self {
            Self::Tls(_) => true,
            Self::Login { code, .. } => *code == Some(REFUSED_LOGIN),
            _ => false,
        }
    }

    fn tls(&self) -> Option<TlsProblem> {
        match self {
            Self::NoTls => Some(TlsProblem::None),
            Self::Tls(fault) => Some(TlsProblem::Fault(fault.kind)),
            Self::Twice(first, _) => first.tls(),
            _ => None,
        }
    }

    fn message(&self, policy: &TlsPolicy) -> String {
        match self {
            Self::Unreachable(message) => message.clone(),
            Self::NoTls => format!(
                "the server has no TLS, which sslmode={} demands: set `ssl = on` there",
                policy.mode
            ),
            Self::Tls(fault) => format!("TLS: {fault}{}", Remedy(fault.kind, policy)),
            Self::Login {
                message,
                code,
                is_encrypted,
            } => {
                let has_certificate = policy.client_certificate.is_some();
                let hint = match code {
                    _ if !is_encrypted => "",
                    Some(code) if *code == REFUSED_LOGIN && !has_certificate => {
                        "; sslcert and sslkey are not set, if the server demands a client certificate"
                    }
                    // Its alert may be lost with the connection.
                    None if has_certificate => "; the server may refuse the client certificate",
                    _ => "",
                };
                format!("{message}{hint}")
            }
            Self::Unsuitable(reason) => format!("error connecting to server: {reason}"),
            Self::Twice(first, second) => {
                let second_is = match policy.mode {
                    TlsMode::Allow => "with TLS",
                    _ => "without TLS",
                };
                let (first, second) = (first.message(policy), second.message(policy));
                format!("{first}; {second_is}: {second}")
            }
        }
    }
}

/// The next step after a fault.
struct Remedy<'a>(TlsFaultKind, &'a TlsPolicy);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kind, policy) = self;
        let remedy = match kind {
            TlsFaultKind::UnknownAuthority if policy.roots.is_none() => {
                "set sslrootcert to the file of its authority"
            }
            TlsFaultKind::UnknownAuthority => "sslrootcert names other authorities",
            TlsFaultKind::WrongName => {
                "connect to a name that it has, or use sslmode=verify-ca to accept any name"
            }
            TlsFaultKind::ClientCertificateDemanded if policy.client_certificate.is_none() => {
                "set sslcert and sslkey"
            }
            TlsFaultKind::Refused if policy.client_certificate.is_some() => {
                "it may refuse the client certificate"
            }
            _ => return Ok(()),
        };
        write!(f, "; {remedy}")
    }
}

/// The error with its causes: tokio-postgres alone says only "error connecting to server".
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
