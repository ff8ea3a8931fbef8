//! The API over https: refused certificates, new ones, and clients that stall.

use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::certificates::{Authority, CertificateFiles};
use crate::support::client::{http_client, http_client_builder, send};
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::process::run;
use crate::support::raw_http::{self, address, connect_tls, rest};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind};

/// Connections whose TLS handshakes stall, in a crowd.
const STALLED: usize = 200;
/// Much less than the timeout of a handshake.
const PROMPTLY: Duration = Duration::from_secs(5);

/// An API with a certificate of this authority for the address of this machine.
async fn api(authority: &Authority) -> (App, CertificateFiles) {
    let files = authority.server(&["localhost", "127.0.0.1"]);
    let builder = App::builder(QueueKind::Postgres).https(authority, &files);
    (builder.start().await, files)
}

/// Replaces the files of a certificate one after the other, as certificate managers do.
fn replace(files: &CertificateFiles, new: &CertificateFiles) {
    fs::copy(&new.certificate, &files.certificate).expect("a certificate");
    fs::copy(&new.key, &files.key).expect("a key");
}

/// Why a client that trusts this authority refuses the server.
async fn refusal(app: &App, authority: &Authority, name: &str) -> String {
    let refused = connect_tls(app, authority, name).await;
    let error = refused.expect_err("a refused certificate");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_worker_over_https_runs_a_task_to_its_end() {
    let authority = Authority::new();
    let (app, _) = api(&authority).await;
    assert!(app.url(0, "/").starts_with("https://"));
    let worker = HttpWorker::register(&app, "w", "aiopslab").await;
    let (claimed, submitted) = tokio::join!(worker.claim_one(&app), async {
        app.submit(&problem("aiopslab", &json!({}))).await
    });
    assert_eq!(id_of(&claimed), submitted);
    worker.complete(&app, &claimed).await.expect(200);
    let task = app.wait_status(submitted, "completed").await;
    assert_eq!(task["result"]["output"]["solved"], true);
    let request = app.request(Method::GET, &format!("/tasks/{submitted}/events"));
    let events = send(request).await.expect("events").expect(200);
    assert!(events.to_string().contains("event: end"), "{events}");
    app.finish().await;
}

#[tokio::test]
async fn the_server_speaks_http_1_1_over_both_versions_of_tls() {
    let authority = Authority::new();
    let (app, _) = api(&authority).await;
    let mut stream = connect_tls(&app, &authority, "localhost")
        .await
        .expect("TLS");
    let (_, session) = stream.get_ref();
    assert_eq!(session.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let reply = raw_http::get(&mut stream, "/livez")
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
    for version in [
        reqwest::tls::Version::TLS_1_2,
        reqwest::tls::Version::TLS_1_3,
    ] {
        let client = http_client_builder()
            .tls_certs_only([authority.certificate()])
            .tls_version_min(version)
            .tls_version_max(version)
            .build()
            .expect("a client");
        let reply = send(client.get(app.url(0, "/health"))).await;
        reply.expect("an answer").expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_has_a_certificate_is_served_like_others() {
    let authority = Authority::new();
    let (app, _) = api(&authority).await;
    let files = authority.client("a client");
    let read = |path| fs::read(path).expect("a file");
    let pem = [read(&files.certificate), read(&files.key)].concat();
    let client = http_client_builder()
        .tls_certs_only([authority.certificate()])
        .identity(reqwest::Identity::from_pem(&pem).expect("an identity"))
        .build()
        .expect("a client");
    let reply = send(client.get(app.url(0, "/health"))).await;
    reply.expect("an answer").expect(200);
    app.finish().await;
}

#[tokio::test]
async fn clients_refuse_another_name_another_authority_and_an_expired_certificate() {
    let authority = Authority::new();
    let (app, files) = api(&authority).await;
    let by_name = refusal(&app, &authority, "qtask.example").await;
    assert!(by_name.contains("not valid for name"), "{by_name}");
    let by_authority = refusal(&app, &Authority::new(), "localhost").await;
    // Both authorities have the same name.
    assert!(by_authority.contains("BadSignature"), "{by_authority}");
    let of_public_roots = http_client().get(app.url(0, "/health"));
    assert!(send(of_public_roots).await.is_err());
    replace(&files, &authority.expired_server(&["localhost"]));
    app.apis[0].wait_for("api.certificate_reloaded").await;
    let by_time = refusal(&app, &authority, "localhost").await;
    assert!(by_time.contains("expired"), "{by_time}");
    drop(app);
}

#[tokio::test]
async fn a_new_certificate_is_used_at_once_and_no_connection_is_dropped() {
    let authority = Authority::new();
    let (app, files) = api(&authority).await;
    let mut before = connect_tls(&app, &authority, "localhost")
        .await
        .expect("TLS");
    raw_http::get(&mut before, "/livez")
        .await
        .expect("an answer");
    replace(&files, &authority.server(&["localhost", "new.example"]));
    app.apis[0].wait_for("api.certificate_reloaded").await;
    let mut after = connect_tls(&app, &authority, "new.example")
        .await
        .expect("TLS");
    let reply = raw_http::get(&mut after, "/livez")
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
    let reply = raw_http::get(&mut before, "/livez")
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
    drop(app);
}

#[tokio::test]
async fn damaged_files_leave_the_former_certificate_in_use() {
    let authority = Authority::new();
    let (app, files) = api(&authority).await;
    let api = &app.apis[0];
    let other = authority.server(&["localhost", "127.0.0.1"]);
    for (name, text) in [
        ("garbage", b"nothing of the kind".to_vec()),
        ("the key of another", fs::read(&other.key).expect("a key")),
    ] {
        let mark = api.events().len();
        fs::write(&files.key, text).expect("a file");
        let failed = api
            .wait_after(mark, name, |event| {
                event.is("api.certificate_reload_failed")
            })
            .await;
        let error = failed.field("error").expect("a reason");
        assert!(
            error.contains(files.key.to_str().expect("a path")),
            "{error}"
        );
        app.get("/health").await.expect(200);
        connect_tls(&app, &authority, "localhost")
            .await
            .expect("TLS");
    }
    replace(&files, &other);
    api.wait_for("api.certificate_reloaded").await;
    connect_tls(&app, &authority, "localhost")
        .await
        .expect("TLS");
    app.finish().await;
}

#[tokio::test]
async fn stalled_handshakes_do_not_block_others_and_end() {
    let authority = Authority::new();
    let (app, _) = api(&authority).await;
    let stalled = join_all((0..STALLED).map(async |n| {
        let mut stream = TcpStream::connect(address(&app))
            .await
            .expect("a connection");
        // The head of a record of 512 bytes, of which no more comes.
        let begun: &[u8] = b"\x16\x03\x01\x02\x00\x01";
        stream
            .write_all(&begun[..n % begun.len()])
            .await
            .expect("bytes");
        stream
    }))
    .await;
    let began = Instant::now();
    let mut stream = connect_tls(&app, &authority, "localhost")
        .await
        .expect("TLS");
    raw_http::get(&mut stream, "/livez")
        .await
        .expect("an answer");
    assert!(began.elapsed() < PROMPTLY, "{:?}", began.elapsed());
    app.apis[0].wait_for("api.handshake_failed").await;
    for mut stream in stalled {
        assert!(rest(&mut stream).await.is_empty());
    }
    app.finish().await;
}

#[tokio::test]
async fn plain_http_gets_the_advice_to_use_https() {
    let authority = Authority::new();
    let (app, _) = api(&authority).await;
    let mut stream = TcpStream::connect(address(&app))
        .await
        .expect("a connection");
    let reply = raw_http::get(&mut stream, "/health")
        .await
        .expect("an answer");
    assert_eq!((reply.status, reply.code().as_str()), (400, "tls_required"));
    assert!(rest(&mut stream).await.is_empty());
    let mut stream = TcpStream::connect(address(&app))
        .await
        .expect("a connection");
    stream
        .write_all(b"\x00\xff neither\r\n\r\n")
        .await
        .expect("bytes");
    assert!(!rest(&mut stream).await.starts_with(b"HTTP"));
    app.finish().await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_at_the_start() {
    let authority = Authority::new();
    let (one, other) = (authority.server(&["a"]), authority.server(&["b"]));
    let text = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
    let (certificate, key) = (text(&one.certificate), text(&one.key));
    for (certificate, key, says) in [
        (
            certificate.as_str(),
            "",
            "QTASK_TLS_KEY_FILE: is needed as well",
        ),
        ("", key.as_str(), "QTASK_TLS_CERT_FILE: is needed as well"),
        (
            &certificate,
            &text(&other.key),
            "does not fit the certificate in",
        ),
        (&certificate, &certificate, "holds no private key"),
        (&key, &key, "holds no certificate"),
        (
            "/nowhere/certificate.pem",
            &key,
            "`/nowhere/certificate.pem` cannot be read",
        ),
    ] {
        let environment = [
            ("QTASK_TLS_CERT_FILE", certificate),
            ("QTASK_TLS_KEY_FILE", key),
            ("DATABASE_URL", "postgresql://none@127.0.0.1:1/none"),
        ];
        let refused = run(&["serve", "--port", "0"], &environment).await;
        assert_eq!(refused.status.code(), Some(2), "{says}");
        let said = String::from_utf8(refused.stderr).expect("UTF-8");
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn many_clients_at_once_are_served_over_https() {
    let authority = Authority::new();
    let (app, _) = api(&authority).await;
    let served = join_all((0..100).map(async |_| {
        let mut stream = connect_tls(&app, &authority, "localhost")
            .await
            .expect("TLS");
        for _ in 0..5 {
            let reply = raw_http::get(&mut stream, "/livez")
                .await
                .expect("an answer");
            assert_eq!(reply.status, 200);
        }
    }));
    tokio::time::timeout(DEADLINE, served)
        .await
        .expect("answers in time");
    eventually(DEADLINE, "a healthy service", async || {
        (app.get("/health").await.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}
