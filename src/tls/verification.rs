//! How a client checks the certificate of a server.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    SupportedProtocolVersion,
};

use super::Roots;

/// What a client demands of the certificate of a server. The server proves in each case that it has the certificate's key.
#[derive(Debug, Clone)]
pub enum Verification {
    /// Nothing: the session is encrypted, and its other end is not known.
    Nothing,
    /// That one of these authorities issued it and that it is valid now, for whatever name.
    Authority(Arc<Roots>),
    /// Also that it is for the name or address of the server.
    Name(Arc<Roots>),
}

/// Which versions of TLS a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinVersion {
    /// 1.2 and 1.3.
    #[default]
    Tls12,
    /// 1.3 alone.
    Tls13,
}

impl MinVersion {
    pub(super) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
        match self {
            Self::Tls12 => rustls::DEFAULT_VERSIONS,
            Self::Tls13 => TLS13,
        }
    }
}

/// Verifies as much as a [`Verification`] demands.
#[derive(Debug)]
pub(super) struct Verifier {
    demanded: Verification,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(demanded: Verification) -> Self {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self {
            demanded,
            algorithms,
        }
    }

    fn verify_authority(
        &self,
        roots: &Roots,
        end_entity: &CertificateDer<'_>,
        certificate: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let signed = verify_server_cert_signed_by_trust_anchor(
            certificate,
            roots.as_store(),
            intermediates,
            now,
            self.algorithms.all,
        );
        match signed {
            // A self-signed certificate as `openssl req -x509` makes it: an authority that serves. It is trusted where it is itself
            // among the roots. Its dates are checked before its use.
            Err(error) if is_authority_as_server(&error) => {
                if roots.has(end_entity) {
                    Ok(())
                } else {
                    Err(CertificateError::UnknownIssuer.into())
                }
            }
            signed => signed,
        }
    }
}

fn is_authority_as_server(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error else {
        return false;
    };
    matches!(
        cause.downcast_ref::<webpki::Error>(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (roots, checks_name) = match &self.demanded {
            Verification::Nothing => return Ok(ServerCertVerified::assertion()),
            Verification::Authority(roots) => (roots, false),
            Verification::Name(roots) => (roots, true),
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        self.verify_authority(roots, end_entity, &certificate, intermediates, now)?;
        if checks_name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
