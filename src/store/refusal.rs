//! Why there is no session with PostgreSQL.

use std::fmt;

use tokio_postgres::error::SqlState;

use super::address::{TlsMode, TlsPolicy};
use super::connect_problem::{ConnectProblem, TlsProblem};
use crate::tls::{TlsFault, TlsFaultKind};

/// The role, the host or the encryption is refused, or a client certificate is missing; not a wrong password.
const REFUSED_LOGIN: SqlState = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;

/// Why no server gave a session.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(super) struct ConnectFailure {
    message: String,
    /// Why the last server gave none, if that is known.
    pub(super) problem: Option<ConnectProblem>,
}

impl ConnectFailure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            problem: None,
        }
    }

    /// The same with a known cause.
    pub(super) fn of_problem(message: impl Into<String>, problem: ConnectProblem) -> Self {
        Self {
            message: with_remedy(&message.into(), problem),
            problem: Some(problem),
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
            problem: problem_of(refusals),
        }
    }
}

/// The problem of the last server. One that lasts counts only if each server has one that does: another may answer later.
fn problem_of(refusals: &[(String, SessionRefusal)]) -> Option<ConnectProblem> {
    let problems = || refusals.iter().map(|(_, refusal)| refusal.problem());
    let last = problems().next_back().flatten()?;
    let all_last = || problems().all(|it| it.is_some_and(ConnectProblem::is_lasting));
    (!last.is_lasting() || all_last()).then_some(last)
}

/// Why one server gave no session.
#[derive(Debug)]
pub(super) enum SessionRefusal {
    /// No connection, or no answer.
    Unreachable(String),
    /// The resolver says that the host has no such name.
    UnknownHost(String),
    /// The server has no TLS.
    NoTls,
    /// The TLS session failed.
    Tls(TlsFault),
    /// The server refused the login, or the connection was lost.
    Login {
        /// SQLSTATE.
        code: Option<SqlState>,
        problem: Option<ConnectProblem>,
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
                problem: problem_of_login(error),
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

    fn problem(&self) -> Option<ConnectProblem> {
        match self {
            Self::NoTls => Some(ConnectProblem::Tls(TlsProblem::None)),
            Self::Tls(fault) => Some(ConnectProblem::Tls(TlsProblem::Fault(fault.kind))),
            Self::UnknownHost(_) => Some(ConnectProblem::UnknownHost),
            Self::Login { problem, .. } => *problem,
            Self::Twice(first, _) => first.problem(),
            Self::Unreachable(_) | Self::Unsuitable(_) => None,
        }
    }

    fn message(&self, policy: &TlsPolicy) -> String {
        match self {
            Self::Unreachable(message) => message.clone(),
            Self::UnknownHost(message) => with_remedy(message, ConnectProblem::UnknownHost),
            Self::NoTls => format!(
                "the server has no TLS, which sslmode={} demands: set `ssl = on` there",
                policy.mode
            ),
            Self::Tls(fault) => format!("TLS: {fault}{}", Remedy(fault.kind, policy)),
            Self::Login {
                message,
                code,
                problem,
                is_encrypted,
            } => {
                let message = match problem {
                    Some(problem) => with_remedy(message, *problem),
                    None => message.clone(),
                };
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

fn with_remedy(message: &str, problem: ConnectProblem) -> String {
    match problem.remedy() {
        Some(remedy) => format!("{message}; {remedy}"),
        None => message.to_owned(),
    }
}

fn problem_of_login(error: &tokio_postgres::Error) -> Option<ConnectProblem> {
    match error.as_db_error() {
        Some(error) => ConnectProblem::of_server(error),
        // The client library's message; its kind is private.
        None => describe(error)
            .contains("password missing")
            .then_some(ConnectProblem::NoPassword),
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
    if let Some(error) = error.as_db_error() {
        let detail = error.detail().map(|detail| format!(" ({detail})"));
        return format!("{}{}", error.message(), detail.unwrap_or_default());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
