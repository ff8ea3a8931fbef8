//! The certificate authorities that a client trusts.

use std::path::Path;
use std::sync::OnceLock;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::files::{TlsFileError, certificates};

/// A set of trusted certificate authorities.
#[derive(Debug, Clone)]
pub struct Roots {
    store: RootCertStore,
    /// Those that were read from files.
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Mozilla's authorities and those of the machine: a container may have none, a company its own. The machine's
    /// are read once.
    pub fn public() -> Self {
        static PUBLIC: OnceLock<RootCertStore> = OnceLock::new();
        let store = PUBLIC.get_or_init(|| {
            let mut store = RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            };
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            store
        });
        Self {
            store: store.clone(),
            certificates: Vec::new(),
        }
    }

    /// The authorities of a PEM file and no others.
    ///
    /// # Errors
    /// When the file cannot be read or has no usable certificate.
    pub fn only(path: &Path) -> Result<Self, TlsFileError> {
        let mut roots = Self {
            store: RootCertStore::empty(),
            certificates: Vec::new(),
        };
        roots.add(path)?;
        Ok(roots)
    }

    /// Adds the authorities of a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or has no usable certificate.
    pub fn add(&mut self, path: &Path) -> Result<(), TlsFileError> {
        for certificate in certificates(path)? {
            self.store
                .add(certificate.clone())
                .map_err(|error| TlsFileError::Unusable {
                    path: path.to_owned(),
                    wanted: "certificate of an authority",
                    reason: error.to_string(),
                })?;
            self.certificates.push(certificate);
        }
        Ok(())
    }

    pub(super) fn store(&self) -> RootCertStore {
        self.store.clone()
    }

    pub(super) fn as_store(&self) -> &RootCertStore {
        &self.store
    }

    /// Whether this certificate was read from one of the files.
    pub(super) fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|root| root == certificate)
    }
}
