//! TLS of `qtask serve`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::config::Checker;
use crate::tls::ServerIdentity;

/// The certificate of the server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub struct ServerTlsArgs {
    /// A PEM file with the certificate and those of its issuers: the API then speaks https instead of http
    #[arg(long, env = "QTASK_TLS_CERT_FILE", value_name = "FILE")]
    tls_cert_file: Option<String>,

    /// A PEM file with the private key of the certificate
    ///
    /// Both files are read again when they change; connections stay open.
    #[arg(long, env = "QTASK_TLS_KEY_FILE", value_name = "FILE")]
    tls_key_file: Option<String>,
}

const CERTIFICATE: &str = "QTASK_TLS_CERT_FILE";
const KEY: &str = "QTASK_TLS_KEY_FILE";

impl ServerTlsArgs {
    /// Reads the files, if TLS is wanted.
    pub fn check(&self, checker: &mut Checker) -> Option<Arc<ServerIdentity>> {
        let given = |file: &Option<String>| {
            let file = file.as_deref().filter(|file| !file.is_empty());
            file.map(PathBuf::from)
        };
        match (given(&self.tls_cert_file), given(&self.tls_key_file)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => ServerIdentity::load(&certificate, &key)
                .map_err(|error| checker.refuse(CERTIFICATE, error))
                .ok(),
            (Some(_), None) => {
                checker.refuse(KEY, "is needed as well: the key of the certificate");
                None
            }
            (None, Some(_)) => {
                checker.refuse(CERTIFICATE, "is needed as well: the certificate of the key");
                None
            }
        }
    }
}
