//! A private RabbitMQ node that listens with TLS, whose certificates a test can exchange.

use super::certificates::{Authority, CertificateFiles};
use super::rabbit_node::PrivateRabbit;
use super::wait;

/// Whether the node demands certificates of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// It asks for none.
    Ignored,
    /// It refuses clients without one, and takes the common name of one as a user's (SASL EXTERNAL).
    Demanded,
}

/// A node with an authority of its own.
pub struct TlsRabbit {
    /// The node; its plain port is for the test itself.
    pub node: PrivateRabbit,
    /// The authority of its certificate.
    pub authority: Authority,
    port: u16,
    certificate: CertificateFiles,
}

impl TlsRabbit {
    /// Starts a node with a certificate for `localhost` and 127.0.0.1.
    pub async fn start(clients: ClientCertificates) -> Self {
        let authority = Authority::new();
        let certificate = authority.server(&["localhost", "127.0.0.1"]);
        let port = wait::free_port();
        let (verify, demanded) = match clients {
            ClientCertificates::Ignored => ("verify_none", false),
            ClientCertificates::Demanded => ("verify_peer", true),
        };
        let configuration = format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\n\
             ssl_options.cacertfile = {}\n\
             ssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\n\
             ssl_options.verify = {verify}\n\
             ssl_options.fail_if_no_peer_cert = {demanded}\n\
             ssl_options.versions.1 = tlsv1.3\n\
             ssl_options.versions.2 = tlsv1.2\n\
             auth_mechanisms.1 = PLAIN\n\
             auth_mechanisms.2 = EXTERNAL\n\
             ssl_cert_login_from = common_name\n",
            authority.file().display(),
            certificate.certificate.display(),
            certificate.key.display(),
        );
        let node =
            PrivateRabbit::start_with(&configuration, "[rabbitmq_auth_mechanism_ssl].\n").await;
        Self {
            node,
            authority,
            port,
            certificate,
        }
    }

    /// The TLS port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL for TLS, by this name, with this query.
    pub fn url(&self, host: &str, query: &str) -> String {
        format!("amqps://guest:guest@{host}:{}/%2f?{query}", self.port)
    }

    /// Makes the node present another certificate to new connections.
    pub async fn present(&self, other: &CertificateFiles) {
        std::fs::copy(&other.certificate, &self.certificate.certificate).expect("a copy");
        std::fs::copy(&other.key, &self.certificate.key).expect("a copy");
        self.node.ctl(&["eval", "ssl:clear_pem_cache()."]).await;
    }
}
