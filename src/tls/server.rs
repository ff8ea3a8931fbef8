//! The certificate of a server, replaced while the server runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::files::{Identity, TlsFileError};

/// How often the files are read.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The only protocol of the server, as ALPN names it (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// A server's certificate and key, read again when their files change.
pub struct ServerIdentity {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Arc<CertifiedKey>>,
    /// The contents of both files when they were last read.
    read: Mutex<FileContents>,
}

/// The contents of both files: their digest, or why they cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FileContents {
    Digest([u8; 32]),
    Unreadable(String),
}

impl FileContents {
    fn of(certificate: &Path, key: &Path) -> Self {
        let mut digest = Sha256::new();
        for path in [certificate, key] {
            match std::fs::read(path) {
                Ok(bytes) => digest.update(Sha256::digest(&bytes)),
                Err(error) => return Self::Unreadable(format!("{}: {error}", path.display())),
            }
        }
        Self::Digest(digest.finalize().into())
    }
}

impl ServerIdentity {
    /// Reads both files.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the key does not belong to the certificate.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsFileError> {
        let read = FileContents::of(certificate, key);
        let current = certified_key(certificate, key)?;
        Ok(Arc::new(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: Mutex::new(current),
            read: Mutex::new(read),
        }))
    }

    /// The configuration of a server of HTTP/1.1 that presents the certificate that is current at each handshake.
    ///
    /// # Errors
    /// Never with the protocol versions of ring.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Arc::new(config))
    }

    /// Reads the files again whenever they change, until cancelled. Damaged files change nothing.
    pub async fn watch(self: Arc<Self>, cancel: CancellationToken) {
        let mut ticks = interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = self.contents().await;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = cancel.cancelled() => return,
            }
            let now = self.contents().await;
            // Certificate and key are two files: they are read once both have been the same for an interval.
            if now == before && self.is_new(&now) {
                self.reload(now);
            } else {
                before = now;
            }
        }
    }

    async fn contents(self: &Arc<Self>) -> FileContents {
        let identity = self.clone();
        let reading = move || FileContents::of(&identity.certificate, &identity.key);
        let read = tokio::task::spawn_blocking(reading).await;
        read.unwrap_or_else(|error| FileContents::Unreadable(error.to_string()))
    }

    fn is_new(&self, contents: &FileContents) -> bool {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) != *contents
    }

    fn reload(&self, contents: FileContents) {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        match certified_key(&self.certificate, &self.key) {
            Ok(new) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = new;
                info!(
                    event = "api.certificate_reloaded", %certificate,
                    "certificate reloaded: new connections use it"
                );
            }
            Err(error) => error!(
                event = "api.certificate_reload_failed", %certificate, %key, %error,
                "certificate not reloaded: the former one stays in use"
            ),
        }
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = contents;
    }
}

fn certified_key(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsFileError> {
    let identity = Identity::read(certificate, key)?;
    CertifiedKey::from_der(identity.chain, identity.key, &ring::default_provider())
        .map(Arc::new)
        .map_err(|reason| TlsFileError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            reason: reason.to_string(),
        })
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

impl fmt::Debug for ServerIdentity {
    /// The files, never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        f.debug_struct("ServerIdentity")
            .field("certificate", &certificate.to_string())
            .field("key", &key.to_string())
            .finish_non_exhaustive()
    }
}
