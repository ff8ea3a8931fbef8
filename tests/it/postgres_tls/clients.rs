//! Certificates of clients.

use super::{assert_as_psql, assert_outcome, root, tls, url};
use crate::support::PrivatePostgres;
use crate::support::certificates::{Authority, CertificateFiles};
use crate::support::postgres_tls::roles::{CERTIFIED, ENCRYPTED};

fn with(server: &str, files: &CertificateFiles) -> String {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    format!("sslmode=verify-full&{server}&sslcert={certificate}&sslkey={key}")
}

#[tokio::test]
async fn a_server_that_demands_a_client_certificate_gets_it() {
    let (authority, other) = (Authority::new(), Authority::new());
    let node = PrivatePostgres::start_with_tls(&tls(&authority, &["localhost"])).await;
    let server = root(&authority.file());
    let anonymous = format!("sslmode=verify-full&{server}");
    let missing: &[&str] = &[
        "connection requires a valid client certificate",
        "sslcert and sslkey are not set",
    ];
    let (own, others, unknown) = (
        with(&server, &authority.client(CERTIFIED)),
        with(&server, &authority.client("somebody")),
        with(&server, &other.client(CERTIFIED)),
    );
    for (role, parameters, refusal) in [
        (CERTIFIED, &anonymous, missing),
        (CERTIFIED, &own, &[]),
        (CERTIFIED, &others, &["authentication failed for user"]),
        (
            CERTIFIED,
            &unknown,
            // The server's alert may be lost with the connection.
            &["the client certificate"],
        ),
        // It is presented wherever the server asks for one.
        (ENCRYPTED, &own, &[]),
        (ENCRYPTED, &anonymous, &[]),
    ] {
        assert_as_psql(&url(role, "localhost", &node, parameters), refusal).await;
    }
}

#[tokio::test]
async fn a_client_certificate_without_a_fitting_key_is_named_at_start() {
    let authority = Authority::new();
    let (one, another) = (authority.client("one"), authority.client("another"));
    let mixed = CertificateFiles {
        certificate: one.certificate.clone(),
        key: another.key,
    };
    let encrypted = authority.file().with_file_name("encrypted.pem");
    let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(&encrypted, text).expect("a key");
    let locked = CertificateFiles {
        certificate: one.certificate,
        key: encrypted,
    };
    let server = root(&authority.file());
    for (files, part) in [
        (mixed, "the client certificate and its key do not fit"),
        (locked, "it is encrypted; decrypt it with `openssl pkey`"),
    ] {
        let url = format!("postgresql://u@127.0.0.1/d?{}", with(&server, &files));
        assert_outcome(&url, &["DATABASE_URL: ", part]).await;
    }
}
