//! The certificate authorities that outgoing TLS connections trust.

use std::path::PathBuf;

use clap::Args;

use super::Checker;
use crate::tls::ClientFiles;

/// Settings of outgoing TLS connections.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub struct TrustArgs {
    /// A PEM file of certificate authorities that are trusted beside the public ones, for RabbitMQ and webhooks
    #[arg(long, env = "QTASK_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<String>,
}

impl TrustArgs {
    /// Validates the settings: the file must be usable. An empty path counts as none.
    pub fn check(&self, checker: &mut Checker) -> ClientFiles {
        let file = self.ca_file.as_ref().filter(|file| !file.is_empty());
        let files = ClientFiles {
            additional_authorities: file.map(PathBuf::from),
            ..ClientFiles::default()
        };
        if let Err(error) = files.config() {
            checker.refuse("QTASK_CA_FILE", error);
        }
        files
    }
}
