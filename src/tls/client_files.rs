//! What a client of one server trusts and presents, as files.

use std::path::PathBuf;

use rustls::ClientConfig;

use super::client_config;
use super::files::{Identity, TlsFileError};
use super::roots::Roots;

/// The files of a client. They are read for each configuration, because certificates are renewed while a process runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Authorities that are trusted beside the public ones.
    pub additional_authorities: Option<PathBuf>,
    /// The only authorities that are trusted, if set.
    pub only_authorities: Option<PathBuf>,
    /// The client's certificate with its chain, and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl ClientFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// When a file cannot be read or used, or the key does not belong to the certificate.
    pub fn config(&self) -> Result<ClientConfig, TlsFileError> {
        let roots = match &self.only_authorities {
            Some(file) => Roots::only(file)?,
            None => self.public_roots()?,
        };
        let identity = self.identity.as_ref();
        let read = identity.map(|(certificate, key)| Identity::read(certificate, key));
        client_config(&roots, read.transpose()?).map_err(|error| match identity {
            Some((certificate, key)) => TlsFileError::Mismatch {
                certificate: certificate.clone(),
                key: key.clone(),
                reason: error.to_string(),
            },
            None => TlsFileError::Library(error),
        })
    }

    fn public_roots(&self) -> Result<Roots, TlsFileError> {
        let mut roots = Roots::public();
        if let Some(file) = &self.additional_authorities {
            roots.add(file)?;
        }
        Ok(roots)
    }
}
