//! TLS by rustls with ring: no OpenSSL, no aws-lc.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// Makes ring the process's provider of cryptography. Every HTTP client needs one, also for plain HTTP. Repeated calls
/// change nothing.
pub fn install_provider() {
    // An error says that a provider is installed.
    let _ = ring::default_provider().install_default();
}

/// Trusts Mozilla's certificate authorities and those of the machine: a container may have none, a company its own.
///
/// # Errors
/// When ring supports no protocol version that rustls does.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
