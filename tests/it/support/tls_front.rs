//! A server with TLS of its own in front of PostgreSQL, as a proxy or an intruder is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::task::AbortOnDropHandle;

use super::certificates::CertificateFiles;

/// How its TLS sessions begin, and what is behind it.
#[derive(Debug, Clone)]
pub enum Opening {
    /// The client asks for TLS first; a PostgreSQL with TLS is behind.
    Postgres {
        /// Its loopback port.
        port: u16,
        /// The authority of its certificate, which is for `localhost`.
        authority: PathBuf,
    },
    /// With the handshake, for the protocol `postgresql`; a PostgreSQL without TLS is behind.
    Direct {
        /// Its loopback port.
        port: u16,
    },
}

/// The server; it ends when dropped.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    _task: AbortOnDropHandle<()>,
}

impl TlsFront {
    /// Starts it with this certificate.
    pub async fn start(opening: Opening, files: &CertificateFiles) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let acceptor = acceptor(files, &opening);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (opening, acceptor) = (opening.clone(), acceptor.clone());
                // Errors end the connection, as the client sees.
                tokio::spawn(async move { forward(client, &opening, &acceptor).await.ok() });
            }
        });
        Self {
            port,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Its loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn acceptor(files: &CertificateFiles, opening: &Opening) -> TlsAcceptor {
    let chain = certificates(&files.certificate);
    let key = PrivateKeyDer::from_pem_file(&files.key).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    if matches!(opening, Opening::Direct { .. }) {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Arc::new(config).into()
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    found.expect("certificates")
}

async fn forward(
    mut client: TcpStream,
    opening: &Opening,
    acceptor: &TlsAcceptor,
) -> std::io::Result<()> {
    match opening {
        Opening::Postgres { port, authority } => {
            let mut request = [0; 8];
            client.read_exact(&mut request).await?;
            client.write_all(b"S").await?;
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(("127.0.0.1", *port)).await?;
            server.write_all(&request).await?;
            assert_eq!(server.read_u8().await?, b'S', "PostgreSQL has no TLS");
            let name = ServerName::try_from("localhost").expect("a name");
            let mut server = connector(authority).connect(name, server).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Opening::Direct { port } => {
            let mut client = acceptor.accept(client).await?;
            // A client that names no protocol would also be accepted by rustls.
            if client.get_ref().1.alpn_protocol() == Some(b"postgresql") {
                let mut server = TcpStream::connect(("127.0.0.1", *port)).await?;
                copy_bidirectional(&mut client, &mut server).await?;
            }
        }
    }
    Ok(())
}

fn connector(authority: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(authority));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config).into()
}
