//! Which certificates of servers are accepted, in each mode of `sslmode`, compared with psql.

use super::{assert_as_psql, assert_outcome, root, tls, url};
use crate::support::PrivatePostgres;
use crate::support::certificates::Authority;
use crate::support::database;
use crate::support::postgres_tls::PostgresTls;
use crate::support::postgres_tls::roles::{CLEAR, ENCRYPTED};

const UNKNOWN: &str = "the server's certificate is not issued by a trusted authority";

#[tokio::test]
async fn the_certificate_of_the_server_is_checked_as_sslmode_demands() {
    let (authority, other) = (Authority::new(), Authority::new());
    let node = PrivatePostgres::start_with_tls(&tls(&authority, &["localhost"])).await;
    let (ours, others) = (root(&authority.file()), root(&other.file()));
    let wrong_name: &[&str] = &[
        "the server's certificate is for another name (it is for localhost, not for 127.0.0.1)",
        "sslmode=verify-ca",
    ];
    let cases: [(&str, String, &[&str]); 9] = [
        ("localhost", format!("sslmode=verify-full&{ours}"), &[]),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&{ours}"),
            wrong_name,
        ),
        ("127.0.0.1", format!("sslmode=verify-ca&{ours}"), &[]),
        (
            "localhost",
            format!("sslmode=verify-full&{others}"),
            &[UNKNOWN, "sslrootcert names other"],
        ),
        (
            "localhost",
            format!("sslmode=verify-ca&{others}"),
            &[UNKNOWN],
        ),
        ("127.0.0.1", "sslmode=require".to_owned(), &[]),
        // With a root certificate, it is verify-ca.
        ("127.0.0.1", format!("sslmode=require&{ours}"), &[]),
        ("localhost", format!("sslmode=require&{others}"), &[UNKNOWN]),
        // The public authorities do not know the private one.
        (
            "localhost",
            "sslmode=verify-full".to_owned(),
            &[UNKNOWN, "set sslrootcert to"],
        ),
    ];
    for (host, parameters, refusal) in cases {
        assert_as_psql(&url(ENCRYPTED, host, &node, &parameters), refusal).await;
    }
    // psql has `system` since version 16.
    let system = url(ENCRYPTED, "localhost", &node, "sslrootcert=system");
    assert_outcome(&system, &[UNKNOWN]).await;
    let log = node.log();
    assert!(log.contains("SSL enabled (protocol=TLSv1.3"), "{log}");
}

#[tokio::test]
async fn sessions_without_tls_are_opened_in_the_modes_of_libpq() {
    let (authority, other) = (Authority::new(), Authority::new());
    let node = PrivatePostgres::start_with_tls(&tls(&authority, &["localhost"])).await;
    let others = root(&other.file());
    let no_entry: &[&str] = &["no pg_hba.conf entry"];
    let prefer_with_others = format!("sslmode=prefer&{others}");
    for (role, parameters, refusal) in [
        (ENCRYPTED, "sslmode=disable", no_entry),
        (ENCRYPTED, "sslmode=allow", &[]),
        (ENCRYPTED, "sslmode=prefer", &[]),
        (ENCRYPTED, "", &[]),
        (CLEAR, "sslmode=disable", &[]),
        (CLEAR, "sslmode=allow", &[]),
        (CLEAR, "sslmode=prefer", &[]),
        (CLEAR, "sslmode=require", no_entry),
        // The session with TLS fails, and the one without is accepted or not.
        (CLEAR, &prefer_with_others, &[]),
        (
            ENCRYPTED,
            &prefer_with_others,
            &[UNKNOWN, "; without TLS: ", "no pg_hba.conf entry"],
        ),
    ] {
        assert_as_psql(&url(role, "127.0.0.1", &node, parameters), refusal).await;
    }
    let plain = PrivatePostgres::start().await;
    let no_tls: &[&str] = &["the server has no TLS, which sslmode=require demands"];
    for (mode, refusal) in [("require", no_tls), ("prefer", &[]), ("allow", &[])] {
        let mode = format!("sslmode={mode}");
        assert_as_psql(&url("postgres", "127.0.0.1", &plain, &mode), refusal).await;
    }
}

#[tokio::test]
async fn certificates_out_of_their_time_and_of_themselves_are_told_apart() {
    let authority = Authority::new();
    let names = ["localhost", "127.0.0.1"];
    let expired = PostgresTls {
        server: authority.expired_server(&names),
        clients: authority.file(),
    };
    let node = PrivatePostgres::start_with_tls(&expired).await;
    let ours = root(&authority.file());
    let refusal: &[&str] = &["the server's certificate has expired (at 2021-01-01 00:00 UTC"];
    for (mode, refusal) in [
        ("verify-full", refusal),
        ("verify-ca", refusal),
        ("allow", &[]),
    ] {
        let parameters = format!("sslmode={mode}&{ours}");
        let role = if refusal.is_empty() { CLEAR } else { ENCRYPTED };
        assert_as_psql(&url(role, "localhost", &node, &parameters), refusal).await;
    }
    assert_as_psql(&url(ENCRYPTED, "localhost", &node, "sslmode=require"), &[]).await;

    // As `openssl req -x509` makes it: its own authority. It is trusted where the client names it.
    let itself = authority.self_signed_server(&names);
    let own = root(&itself.certificate);
    node.set_tls(&PostgresTls {
        server: itself,
        clients: authority.file(),
    })
    .await;
    for (parameters, refusal) in [
        (format!("sslmode=verify-full&{own}"), &[][..]),
        (format!("sslmode=verify-full&{ours}"), &[UNKNOWN][..]),
    ] {
        assert_as_psql(&url(ENCRYPTED, "127.0.0.1", &node, &parameters), refusal).await;
    }
}

#[tokio::test]
async fn the_lowest_version_of_tls_can_be_raised() {
    let authority = Authority::new();
    let node = PrivatePostgres::start_with_tls(&tls(&authority, &["localhost"])).await;
    let client = database::connect(&node.url()).await;
    let limit = "ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'";
    client.batch_execute(limit).await.expect("a setting");
    node.set_tls(&tls(&authority, &["localhost"])).await;
    let ours = root(&authority.file());
    for (version, refusal) in [("TLSv1.2", &[][..]), ("TLSv1.3", &["TLS: the "][..])] {
        let parameters = format!("sslmode=verify-full&{ours}&ssl_min_protocol_version={version}");
        assert_as_psql(&url(ENCRYPTED, "localhost", &node, &parameters), refusal).await;
    }
    let log = node.log();
    assert!(log.contains("SSL enabled (protocol=TLSv1.2"), "{log}");
}

#[tokio::test]
async fn a_file_that_holds_no_certificate_is_named_at_start() {
    let authority = Authority::new();
    let files = authority.server(&["localhost"]);
    let key = files.key.display();
    let url = format!("postgresql://u@127.0.0.1/d?sslmode=verify-full&sslrootcert={key}");
    let expected = format!("`{key}` holds no certificate in PEM form");
    assert_outcome(&url, &["DATABASE_URL: ", &expected]).await;
}
