//! Where PostgreSQL is, and how to connect to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio_postgres::Config;

use crate::tls::{Identity, MinVersion, Roots, TlsFileError, Verification, client_config_with};

/// Servers of PostgreSQL, the role and database there, and the security of connections: the connection parameters of libpq. Its
/// `Debug` shows no password.
#[derive(Debug, Clone, Default)]
pub struct DatabaseAddress {
    /// What tokio-postgres reads itself. Its own TLS mode is not used.
    pub(super) config: Config,
    pub(super) tls: TlsPolicy,
    pub(super) session: SessionKind,
}

impl DatabaseAddress {
    /// Fails if a file of the policy is not usable.
    pub fn new(
        config: Config,
        tls: TlsPolicy,
        session: SessionKind,
    ) -> Result<Self, TlsPolicyError> {
        if tls.mode != TlsMode::Disable {
            tls.client_config()?;
        }
        Ok(Self {
            config,
            tls,
            session,
        })
    }
}

/// Which session `target_session_attrs` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionKind {
    /// Any.
    #[default]
    Any,
    /// One that may write.
    ReadWrite,
    /// One that may not write.
    ReadOnly,
    /// One of a server that is not in recovery.
    Primary,
    /// One of a server that is in recovery.
    Standby,
    /// One of a standby, or any if there is none.
    PreferStandby,
}

/// How much security `sslmode` demands. The order of the variants is that of their strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsMode {
    /// Never TLS.
    Disable,
    /// TLS if the server refuses the login without it.
    Allow,
    /// TLS if the server has it.
    #[default]
    Prefer,
    /// Always TLS.
    Require,
    /// And the certificate of the server is issued by a trusted authority.
    VerifyCa,
    /// And it is for the host of the URL.
    VerifyFull,
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        })
    }
}

/// How a TLS session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsNegotiation {
    /// The client asks in clear text whether the server has TLS.
    #[default]
    Postgres,
    /// The client begins the handshake at once; PostgreSQL 17 or newer, and proxies.
    Direct,
}

/// The authorities that `sslrootcert` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedRoots {
    /// Those of a PEM file, which is read for each connection.
    File(PathBuf),
    /// Those of Mozilla and of the machine, as they were at the first connection.
    Public,
}

/// The certificate that the client presents, and its key: PEM files, which are read for each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `sslcert`.
    pub certificate: PathBuf,
    /// `sslkey`.
    pub key: PathBuf,
}

/// The TLS of connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsPolicy {
    /// `sslmode`.
    pub mode: TlsMode,
    /// `sslrootcert`.
    pub roots: Option<TrustedRoots>,
    /// `sslcert` and `sslkey`.
    pub client_certificate: Option<ClientCertificate>,
    /// `sslnegotiation`.
    pub negotiation: TlsNegotiation,
    /// `ssl_min_protocol_version`.
    pub min_version: MinVersion,
}

/// Why the policy is not usable.
#[derive(Debug, thiserror::Error)]
pub enum TlsPolicyError {
    /// A file is not what it should be.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// The key does not belong to the certificate.
    #[error("the client certificate and its key do not fit: {0}")]
    Identity(#[from] rustls::Error),
}

impl TlsPolicy {
    /// Reads the files, so that certificates may be renewed while the process runs.
    pub(super) fn client_config(&self) -> Result<ClientConfig, TlsPolicyError> {
        let identity = self
            .client_certificate
            .as_ref()
            .map(|files| Identity::read(&files.certificate, &files.key))
            .transpose()?;
        let mut config = client_config_with(self.verification()?, self.min_version, identity)?;
        if self.negotiation == TlsNegotiation::Direct {
            // The server refuses other protocols, so that no other server of the same name answers.
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(config)
    }

    /// As in libpq, a root certificate is used in each mode in which there is one.
    fn verification(&self) -> Result<Verification, TlsFileError> {
        let roots = match &self.roots {
            Some(TrustedRoots::File(path)) => Arc::new(Roots::only(path)?),
            Some(TrustedRoots::Public) => Arc::new(Roots::public()),
            None if self.mode >= TlsMode::VerifyCa => Arc::new(Roots::public()),
            None => return Ok(Verification::Nothing),
        };
        Ok(if self.mode == TlsMode::VerifyFull {
            Verification::Name(roots)
        } else {
            Verification::Authority(roots)
        })
    }
}
