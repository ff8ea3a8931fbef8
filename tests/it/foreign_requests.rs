//! A service without tokens answers neither requests that address another host nor those of other web pages.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::send;
use crate::support::mocks::mock;
use crate::support::wait::DEADLINE;
use crate::support::{App, QueueKind};

async fn start() -> App {
    App::builder(QueueKind::Postgres).start().await
}

/// Sends the head of a request as it is, and returns the status and the body of the answer.
pub async fn raw(address: &str, head: &str) -> (u16, Value) {
    let talking = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("{head}Connection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a request");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("an answer in UTF-8");
        answer
    };
    let answer = tokio::time::timeout(DEADLINE, talking)
        .await
        .expect("an answer in time");
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map_or(Value::Null, |(_, body)| {
            serde_json::from_str(body).unwrap_or_default()
        });
    (status.unwrap_or_else(|| panic!("{head}: {answer}")), body)
}

fn address(app: &App) -> String {
    app.url(0, "").replace("http://", "")
}

/// The value of a header; empty if it is absent.
pub fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// The methods and paths of the API's description, and those beside it.
async fn operations(app: &App) -> Vec<(Method, String)> {
    let document = app.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().expect("paths");
    let described = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations").keys();
        methods.map(move |method| (method.to_uppercase(), path.replace(['{', '}'], "")))
    });
    let beside = [
        "/",
        "/docs",
        "/docs/",
        "/docs/swagger-ui.css",
        "/openapi.json",
        "/nothing",
    ]
    .map(|path| ("GET".to_owned(), path.to_owned()));
    let others =
        ["HEAD", "OPTIONS", "PATCH"].map(|method| (method.to_owned(), "/tasks".to_owned()));
    described
        .chain(beside)
        .chain(others)
        .map(|(method, path)| (method.parse().expect("a method"), path))
        .collect()
}

#[tokio::test]
async fn foreign_requests_are_refused_on_every_path_and_nothing_is_done() {
    let app = start().await;
    let own = address(&app);
    let foreign = [
        ("foreign_host", vec![("host", "evil.example")]),
        ("foreign_origin", vec![("origin", "https://evil.example")]),
        ("foreign_origin", vec![("origin", "null")]),
        (
            "foreign_origin",
            vec![
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "no-cors"),
            ],
        ),
    ];
    let operations = operations(&app).await;
    assert!(operations.len() > 25, "{operations:?}");
    for (code, headers) in &foreign {
        for (method, path) in &operations {
            let mut request = app.request(method.clone(), path).json(&mock(""));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let reply = send(request).await.expect("an answer");
            assert_eq!(reply.status, 403, "{method} {path} {headers:?}");
            assert!(!reply.headers.contains_key("access-control-allow-origin"));
            if *method != Method::HEAD {
                assert_eq!(reply.expect_problem(403), *code, "{method} {path}");
            }
        }
    }
    // An answer does not wait for the body.
    let head =
        format!("POST /tasks HTTP/1.1\r\nHost: {own}\r\nOrigin: null\r\nContent-Length: 9\r\n");
    assert_eq!(raw(&own, &head).await.0, 403);
    for table in ["tasks", "workers"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(app.database.count(&count, &[]).await, 0, "{table}");
    }
    let refused = app.apis[0]
        .wait_for_field("request.foreign_host", "host", "evil.example")
        .await;
    assert!(refused.field("correlation_id").is_some());
}

#[tokio::test]
async fn a_service_on_loopback_is_named_by_localhost_addresses_and_what_is_configured() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_ALLOWED_HOSTS", "qtask.example, proxy")
        .start()
        .await;
    let own = address(&app);
    let port = own.rsplit(':').next().expect("a port");
    let get = |host: &str| format!("GET /tasks HTTP/1.1\r\nHost: {host}\r\n");
    let served = [
        get(&own),
        get(&format!("localhost:{port}")),
        get("LOCALHOST."),
        get("127.0.0.1:9"),
        get("[::1]"),
        get("QTASK.example:443"),
        get("proxy"),
        "GET /tasks HTTP/1.0\r\n".to_owned(),
        format!("GET http://{own}/tasks HTTP/1.1\r\nHost: localhost\r\n"),
    ];
    for head in served {
        assert_eq!(raw(&own, &head).await.0, 200, "{head}");
    }
    let foreign = [
        get("rebound.example"),
        get(&format!("rebound.example:{port}")),
        get("localhost.rebound.example"),
        get("api"),
        get("localhost@rebound.example"),
        get("[::1"),
        get(""),
        "GET /tasks HTTP/1.0\r\nHost: rebound.example\r\n".to_owned(),
        "GET http://rebound.example/tasks HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
        "GET http://localhost/tasks HTTP/1.1\r\nHost: rebound.example\r\n".to_owned(),
    ];
    for head in foreign {
        let (status, body) = raw(&own, &head).await;
        assert_eq!(
            (status, &body["code"]),
            (403, &json!("foreign_host")),
            "{head}"
        );
    }
    for malformed in [
        "GET /tasks HTTP/1.1\r\n",
        "GET /tasks HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n",
    ] {
        let (status, body) = raw(&own, malformed).await;
        assert_eq!((status, &body["code"]), (400, &json!("malformed_request")));
    }
}

#[tokio::test]
async fn the_own_origin_is_that_of_the_host_and_links_may_be_followed() {
    let app = start().await;
    let own = address(&app);
    let with =
        |host: &str, headers: &str| raw_get(own.clone(), format!("Host: {host}\r\n{headers}"));
    for (host, headers) in [
        ("localhost:8001", "Origin: http://localhost:8001\r\n"),
        ("localhost:8001", "Origin: https://LOCALHOST:8001\r\n"),
        ("localhost", "Origin: https://localhost\r\n"),
        ("localhost:443", "Origin: https://localhost\r\n"),
        ("localhost:80", "Origin: http://localhost\r\n"),
        ("localhost", "Sec-Fetch-Site: same-origin\r\n"),
        (
            "localhost",
            "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n",
        ),
        (
            "localhost",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        ),
    ] {
        assert_eq!(with(host, headers).await.0, 200, "{host} {headers}");
    }
    for (host, headers) in [
        ("localhost:8001", "Origin: http://localhost:3000\r\n"),
        ("localhost:8001", "Origin: http://127.0.0.1:8001\r\n"),
        ("localhost:8001", "Origin: http://localhost\r\n"),
        ("localhost:80", "Origin: https://localhost\r\n"),
        ("localhost", "Origin: chrome-extension://localhost\r\n"),
        ("localhost", "Origin: localhost\r\n"),
        ("localhost", "Origin: \u{e9}\r\n"),
        (
            "localhost",
            "Origin: http://localhost\r\nOrigin: http://evil.example\r\n",
        ),
        (
            "localhost",
            "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n",
        ),
        (
            "localhost",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
        ),
    ] {
        let (status, body) = with(host, headers).await;
        assert_eq!(
            (status, &body["code"]),
            (403, &json!("foreign_origin")),
            "{host} {headers}"
        );
    }
    // Without a host, no origin is its own.
    let (status, _) = raw(&own, "GET /tasks HTTP/1.0\r\nOrigin: http://localhost\r\n").await;
    assert_eq!(status, 403);
}

/// The same for `GET /tasks` with these headers.
pub async fn raw_get(address: String, headers: String) -> (u16, Value) {
    raw(&address, &format!("GET /tasks HTTP/1.1\r\n{headers}")).await
}

#[tokio::test]
async fn no_page_may_show_or_load_an_answer() {
    let app = start().await;
    for path in ["/docs/", "/tasks", "/nothing"] {
        let headers = app.get(path).await.headers;
        assert_eq!(header(&headers, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
        assert_eq!(
            header(&headers, "cross-origin-resource-policy"),
            "same-origin"
        );
    }
}
