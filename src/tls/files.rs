//! Certificates and keys in PEM files.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file of certificates or a key is not usable.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds nothing of the kind, or something that is not PEM.
    #[error("`{}` holds no {wanted} in PEM form: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What was expected.
        wanted: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The key is not that of the certificate, or of a kind that is not supported.
    #[error("the key in `{}` does not fit the certificate in `{}`: {reason}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The TLS library refuses its settings.
    #[error("TLS cannot be set up: {0}")]
    Library(rustls::Error),
}

/// A certificate with its chain, and the private key that belongs to it.
#[derive(Debug)]
pub struct Identity {
    /// The certificate, then those of its issuers.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both files.
    ///
    /// # Errors
    /// When a file cannot be read, or holds no certificate or no key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsFileError> {
        Ok(Self {
            chain: certificates(certificate)?,
            key: PrivateKeyDer::from_pem_file(key).map_err(|error| unusable_key(key, error))?,
        })
    }
}

fn unusable_key(path: &Path, error: Error) -> TlsFileError {
    const WANTED: &str = "private key";
    let is_encrypted = std::fs::read_to_string(path).is_ok_and(|text| text.contains("ENCRYPTED"));
    if is_encrypted {
        return TlsFileError::Unusable {
            path: path.to_owned(),
            wanted: WANTED,
            reason: "it is encrypted; decrypt it with `openssl pkey`".to_owned(),
        };
    }
    unusable(path, WANTED, error)
}

/// The certificates of a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    const WANTED: &str = "certificate";
    let found: Result<Vec<_>, Error> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found = found.map_err(|error| unusable(path, WANTED, error))?;
    if found.is_empty() {
        return Err(unusable(path, WANTED, Error::NoItemsFound));
    }
    Ok(found)
}

fn unusable(path: &Path, wanted: &'static str, error: Error) -> TlsFileError {
    let path = path.to_owned();
    match error {
        Error::Io(source) => TlsFileError::Unreadable { path, source },
        other => TlsFileError::Unusable {
            path,
            wanted,
            reason: other.to_string(),
        },
    }
}
