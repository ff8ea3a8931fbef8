//! The client over TLS, and where it sends no token.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::Ended;
use crate::support::Receiver;
use crate::support::certificates::{Authority, CertificateFiles};
use crate::support::process::run;
use crate::support::stub::{Request, Stub, json as answer};

const TOKEN: &str = "sesame-1f0c";

/// A list without tasks.
fn empty() -> Value {
    json!({"tasks": [], "count": 0, "next_cursor": null})
}

async fn service(certificate: &CertificateFiles) -> Stub {
    let answers = |_, request: &Request| match request.line.as_str() {
        "GET /readyz" => (200, "text/plain", "ready".to_owned()),
        _ => answer(200, &empty()),
    };
    Stub::start_tls(certificate.acceptor(), answers).await
}

/// Runs a command with a token, the address, and further settings.
async fn with_token(url: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
    let mut environment = vec![("QTASK_URL", url), ("QTASK_TOKEN", TOKEN)];
    environment.extend(settings);
    let ended = Ended::from(run(arguments, &environment).await);
    assert!(!ended.stderr.contains(TOKEN), "{}", ended.stderr);
    ended
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[tokio::test]
async fn a_service_with_a_certificate_of_a_trusted_authority_gets_the_token() {
    let authority = Authority::new();
    let stub = service(&authority.server(&["127.0.0.1"])).await;
    let ca = authority.file();
    let by_flag = ["list", "--json", "--ca-file", text(&ca)];
    with_token(&stub.url, &by_flag, &[]).await.expect(0);
    let by_variable = [("QTASK_CA_FILE", text(&ca))];
    with_token(&stub.url, &["list", "--json"], &by_variable)
        .await
        .expect(0);
    let bearer = format!("Bearer {TOKEN}");
    for request in stub.requests() {
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    }
    assert_eq!(stub.requests().len(), 2);
}

#[tokio::test]
async fn a_service_with_another_certificate_gets_nothing() {
    let authority = Authority::new();
    let ca = authority.file();
    let trusted = [("QTASK_CA_FILE", text(&ca))];
    for (certificate, settings, words) in [
        (
            authority.server(&["127.0.0.1"]),
            &[] as &[_],
            "an authority that is not trusted here: name the authority's file in --ca-file or QTASK_CA_FILE",
        ),
        (
            authority.server(&["other.example"]),
            &trusted,
            "its certificate is for another name",
        ),
        (
            authority.expired_server(&["127.0.0.1"]),
            &trusted,
            "its certificate has expired",
        ),
    ] {
        let stub = service(&certificate).await;
        let ended = with_token(&stub.url, &["list"], settings).await.expect(3);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert_eq!(stub.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_token_is_not_sent_in_clear_to_another_machine() {
    for url in ["http://qtask.example", "http://192.0.2.1:8000"] {
        // It receives whatever is sent to another machine.
        let proxy = Stub::start(|_, _| answer(200, &empty())).await;
        let through = ("http_proxy", proxy.url.as_str());
        let ended = with_token(url, &["list"], &[through]).await.expect(2);
        assert!(ended.stderr.contains("--insecure"), "{}", ended.stderr);
        assert_eq!(proxy.requests().len(), 0);
        let insecure = ("QTASK_INSECURE", "true");
        with_token(url, &["list", "--json"], &[through, insecure])
            .await
            .expect(0);
        let without_token = run(&["list", "--url", url, "--json"], &[through]).await;
        Ended::from(without_token).expect(0);
        assert_eq!(proxy.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_redirect_does_not_take_the_token_along() {
    let target = Stub::start(|_, _| answer(200, &empty())).await;
    let authority = Authority::new();
    let acceptor = authority.server(&["127.0.0.1"]).acceptor();
    let redirect = format!("307 Temporary Redirect\r\nlocation: {}/tasks", target.url);
    let receiver = Receiver::start_tls(acceptor, &[&redirect]).await;
    let url = receiver.url("127.0.0.1", "").replace("http:", "https:");
    let ca = authority.file();
    let trusted = [("QTASK_CA_FILE", text(&ca))];
    with_token(&url, &["list"], &trusted).await.expect(2);
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(target.requests().len(), 0);
}

#[tokio::test]
async fn a_health_check_on_this_machine_takes_any_certificate_and_elsewhere_none() {
    let authority = Authority::new();
    let certificate = authority.server(&["qtask.example"]);
    let stub = service(&certificate).await;
    let port = stub.url.rsplit(':').next().expect("a port");
    let by_port = ["health", "--port", port];
    let serve = [("QTASK_TLS_CERT_FILE", text(&certificate.certificate))];
    let ended = Ended::from(run(&by_port, &serve).await).expect(0);
    assert!(
        ended.stdout.contains("https://127.0.0.1"),
        "{}",
        ended.stdout
    );
    Ended::from(run(&by_port, &[]).await).expect(1);
    let by_url = format!("https://localhost:{port}/readyz");
    Ended::from(run(&["health", "--url", &by_url], &[]).await).expect(0);

    // A worker in the same environment speaks plain http.
    let worker = Stub::start(|_, _| (200, "text/plain", "ready".to_owned())).await;
    let port = worker.url.rsplit(':').next().expect("a port");
    let ended = Ended::from(run(&["health", "--port", port], &serve).await).expect(0);
    assert!(
        ended.stdout.contains("http://127.0.0.1"),
        "{}",
        ended.stdout
    );
}
