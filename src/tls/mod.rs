//! TLS by rustls with ring: no OpenSSL, no aws-lc.

mod client_files;
mod explain;
mod fault;
mod files;
mod roots;
mod server;
mod verification;

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;

pub use client_files::ClientFiles;
pub use explain::explain;
pub use fault::{TlsFault, TlsFaultKind};
pub use files::{Identity, TlsFileError};
pub use roots::Roots;
pub use server::ServerIdentity;
pub use verification::{MinVersion, Verification};

/// Makes ring the process's provider of cryptography. Every HTTP client needs one, also for plain HTTP. Repeated calls
/// change nothing.
pub fn install_provider() {
    // An error says that a provider is installed.
    let _ = ring::default_provider().install_default();
}

/// The configuration of a client that trusts these roots, verifies the server's name, and presents `identity` if the
/// server demands a certificate.
///
/// # Errors
/// When the identity's key does not belong to its certificate.
pub fn client_config(
    roots: &Roots,
    identity: Option<Identity>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots.store());
    match identity {
        Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// The configuration of a client that verifies as much as `verification` demands, and presents `identity` if the server demands a
/// certificate.
///
/// # Errors
/// When the identity's key does not belong to its certificate.
pub fn client_config_with(
    verification: Verification,
    min_version: MinVersion,
    identity: Option<Identity>,
) -> Result<ClientConfig, rustls::Error> {
    let verifier = verification::Verifier::new(verification);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(min_version.versions())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match identity {
        Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}
