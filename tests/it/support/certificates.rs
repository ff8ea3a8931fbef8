//! Certificates of a private authority, for servers and clients of tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::wait::TempDir;

/// A certificate authority with a directory of its own for the files that it issues.
pub struct Authority {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key, readable by its owner only.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Accepts TLS connections with this certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_file_iter(&self.certificate).expect("a certificate");
        let chain = chain.map(|certificate| certificate.expect("PEM")).collect();
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("its key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a server");
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Authority {
    /// A new authority that nothing trusts yet.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "qtask test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let authority = Self {
            directory: TempDir::new("authority"),
            issuer,
        };
        write(&authority.file(), &authority.issuer.pem());
        authority
    }

    /// The authority's own certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// The same for a client of reqwest.
    pub fn certificate(&self) -> reqwest::Certificate {
        reqwest::Certificate::from_pem(self.issuer.pem().as_bytes()).expect("a certificate")
    }

    /// A server's certificate for these names and addresses.
    pub fn server(&self, names: &[&str]) -> CertificateFiles {
        self.issue(&Self::params(names, ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// A server's certificate that ended years ago.
    pub fn expired_server(&self, names: &[&str]) -> CertificateFiles {
        let mut params = Self::params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.issue(&params)
    }

    /// A certificate that signs itself, as `openssl req -x509` makes it; this authority only keeps its files.
    pub fn self_signed_server(&self, names: &[&str]) -> CertificateFiles {
        let mut params = Self::params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = Vec::new();
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a signature");
        self.keep(&certificate.pem(), &key)
    }

    /// A client's certificate whose common name is `name`.
    pub fn client(&self, name: &str) -> CertificateFiles {
        self.issue(&Self::params(&[name], ExtendedKeyUsagePurpose::ClientAuth))
    }

    fn params(names: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let first = names.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(names).expect("names of a certificate");
        params.distinguished_name.push(DnType::CommonName, first);
        params.extended_key_usages = vec![usage];
        params
    }

    fn issue(&self, params: &CertificateParams) -> CertificateFiles {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        self.keep(&certificate.pem(), &key)
    }

    fn keep(&self, certificate: &str, key: &KeyPair) -> CertificateFiles {
        let stem = format!("{:016x}", rand::random::<u64>());
        let path = |kind: &str| self.directory.path().join(format!("{stem}.{kind}.pem"));
        let files = CertificateFiles {
            certificate: path("certificate"),
            key: path("key"),
        };
        write(&files.certificate, certificate);
        write(&files.key, &key.serialize_pem());
        files
    }
}

/// Writes a file that only its owner may read: PostgreSQL refuses a key that others may read.
fn write(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::File::options();
    let mut file = options
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .expect("a file");
    file.write_all(text.as_bytes()).expect("a written file");
}
