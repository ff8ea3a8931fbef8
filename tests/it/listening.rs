//! The address that a service listens on, and the pages of which origins may use it.

use std::collections::HashSet;

use reqwest::Method;

use crate::foreign_requests::{header, raw, raw_get};
use crate::support::client::send;
use crate::support::process::run;
use crate::support::{App, Process, QueueKind, TestDatabase};

fn serve(arguments: &[&str], database: &TestDatabase) -> Process {
    let environment = [
        ("DATABASE_URL".to_owned(), database.url().to_string()),
        ("DATABASE_POOL_SIZE".to_owned(), "2".to_owned()),
    ];
    let arguments = [&["serve", "--port", "0"], arguments].concat();
    Process::spawn("serve", &arguments, &environment)
}

#[tokio::test]
async fn without_tokens_the_default_is_loopback_and_other_addresses_need_open() {
    let database = TestDatabase::create().await;
    let quiet = serve(&[], &database);
    let listening = quiet.wait_for("api.listening").await;
    let at = listening.field("address").unwrap_or_default();
    assert!(at.starts_with("127.0.0.1:"), "{at}");
    quiet.wait_for("api.open_on_loopback").await;

    for host in ["0.0.0.0", "::"] {
        let url = database.url().to_string();
        let environment = [("DATABASE_URL", url.as_str()), ("HOST", host)];
        let output = run(&["serve", "--port", "0"], &environment).await;
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains(&format!("HOST: `{host}` is reached by others")),
            "{said}"
        );
        assert!(said.contains("--open"), "{said}");
    }

    let allowed = ["--open", "--allowed-hosts", "qtask.example"];
    let open = serve(&allowed, &database);
    let listening = open.wait_for("api.listening").await;
    let at = listening.field("address").unwrap_or_default();
    assert!(at.starts_with("0.0.0.0:"), "{at}");
    open.wait_for("api.open_to_network").await;
    let at = at.replace("0.0.0.0", "127.0.0.1");
    for (host, status) in [
        ("localhost", 200),
        ("192.0.2.7:8000", 200),
        ("api:8000", 200),
        ("qtask_api_1", 200),
        ("qtask.example", 200),
        ("rebound.example", 403),
        ("ai.", 403),
    ] {
        let (got, _) = raw_get(at.clone(), format!("Host: {host}\r\n")).await;
        assert_eq!(got, status, "{host}");
    }
    let (status, _) = raw_get(
        at,
        "Host: api\r\nOrigin: https://evil.example\r\n".to_owned(),
    )
    .await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn dev_listens_on_loopback_only() {
    let output = run(&["dev", "--port", "0"], &[("HOST", "0.0.0.0")]).await;
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("`qtask dev` serves this machine only"),
        "{said}"
    );
}

#[tokio::test]
async fn with_tokens_every_address_and_host_is_served_and_preflights_need_a_listed_origin() {
    let database = TestDatabase::create().await;
    let admin = "sesame-".repeat(6);
    let environment = [
        ("DATABASE_URL", database.url().to_string()),
        ("QTASK_ADMIN_TOKEN", admin.clone()),
        ("CORS_ORIGINS", "https://one.example".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let process = Process::spawn("serve", &["serve", "--port", "0"], &environment);
    let at = process.wait_for("api.listening").await.field("address");
    let at = at.unwrap_or_default();
    assert!(at.starts_with("0.0.0.0:"), "{at}");
    let at = at.replace("0.0.0.0", "127.0.0.1");
    process.wait_for("api.tokens_demanded").await;
    let token = format!("Authorization: Bearer {admin}\r\n");
    for headers in [
        "Host: any.example\r\n",
        "Host: any.example\r\nOrigin: https://other.example\r\n",
    ] {
        let (status, _) = raw_get(at.clone(), format!("{headers}{token}")).await;
        assert_eq!(status, 200, "{headers}");
        assert_eq!(raw_get(at.clone(), headers.to_owned()).await.0, 401);
    }
    for (origin, status) in [("https://one.example", 200), ("https://other.example", 403)] {
        let asks = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n";
        let head =
            format!("OPTIONS /tasks HTTP/1.1\r\nHost: any.example\r\nOrigin: {origin}\r\n{asks}");
        let (got, body) = raw(&at, &head).await;
        assert_eq!(got, status, "{body}");
        assert_eq!(body["code"] == "foreign_origin", status == 403);
    }
}

fn preflight(app: &App, origin: &str) -> reqwest::RequestBuilder {
    app.request(Method::OPTIONS, "/tasks")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,idempotency-key,x-correlation-id",
        )
}

#[tokio::test]
async fn listed_origins_may_use_the_api_and_no_other_may() {
    let app = App::builder(QueueKind::Postgres)
        .env(
            "CORS_ORIGINS",
            "https://one.example, https://two.example:8443",
        )
        .start()
        .await;
    for origin in ["https://one.example", "https://two.example:8443"] {
        let reply = send(preflight(&app, origin)).await.expect("an answer");
        assert!(reply.status.is_success(), "{}", reply.status);
        assert_eq!(
            header(&reply.headers, "access-control-allow-origin"),
            origin
        );
        assert!(header(&reply.headers, "access-control-allow-methods").contains("POST"));
        let allowed = header(&reply.headers, "access-control-allow-headers").to_lowercase();
        for name in ["content-type", "idempotency-key", "x-correlation-id"] {
            assert!(allowed.contains(name), "{allowed}");
        }
        assert!(
            !reply
                .headers
                .contains_key("access-control-allow-credentials")
        );
        // Errors, too, or a page could not read what is wrong.
        for path in ["/tasks", "/tasks/x", "/nothing"] {
            let request = app.request(Method::GET, path).header("origin", origin);
            let reply = send(request).await.expect("an answer");
            assert_eq!(
                header(&reply.headers, "access-control-allow-origin"),
                origin
            );
            let exposed = header(&reply.headers, "access-control-expose-headers");
            let exposed: HashSet<String> = exposed
                .split(',')
                .map(|name| name.trim().to_lowercase())
                .collect();
            assert!(
                exposed.contains("x-correlation-id") && exposed.contains("location"),
                "{path}: {exposed:?}"
            );
        }
    }
    for origin in [
        "https://other.example",
        "http://one.example",
        "https://two.example",
        "null",
    ] {
        let reply = send(preflight(&app, origin)).await.expect("an answer");
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
        assert_eq!(reply.expect_problem(403), "foreign_origin", "{origin}");
    }
}

#[tokio::test]
async fn every_origin_may_use_the_api_if_that_is_asked_for_and_the_log_warns() {
    let app = App::builder(QueueKind::Postgres)
        .env("CORS_ORIGINS", "*")
        .start()
        .await;
    app.apis[0].wait_for("api.open_to_web_pages").await;
    let reply = send(preflight(&app, "https://any.example"))
        .await
        .expect("an answer");
    assert_eq!(header(&reply.headers, "access-control-allow-origin"), "*");
    assert!(
        !reply
            .headers
            .contains_key("access-control-allow-credentials")
    );
    let rebound = app
        .request(Method::GET, "/tasks")
        .header("host", "rebound.example");
    let reply = send(rebound).await.expect("an answer");
    assert_eq!(reply.expect_problem(403), "foreign_host");
}
