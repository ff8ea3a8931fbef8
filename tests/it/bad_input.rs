//! Bad input: each kind gets its exact answer, and the service goes on as if nothing had been.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::wait::DEADLINE;
use crate::support::{App, QueueKind};

const BELL: &str = "OPENQASM 3; qubit[2] q; h q[0]; cx q[0], q[1]; measure q;";
/// The largest body that is read, in bytes.
const MAX_BODY: usize = 18 << 20;

/// An API without a worker: whatever is accepted stays `pending` and can be counted.
async fn api() -> App {
    App::builder(QueueKind::Postgres).start().await
}

/// A submission that differs from a good one in one field.
fn with(field: &str, value: &str) -> String {
    let circuit = Value::from(BELL);
    format!("{{\"circuit\": {circuit}, \"{field}\": {value}}}")
}

async fn post_bytes(app: &App, body: impl Into<reqwest::Body>) -> Reply {
    let request = app
        .request(Method::POST, "/tasks")
        .header("content-type", "application/json")
        .body(body);
    send(request).await.expect("an answer")
}

/// Fails unless the answer is this problem, and its text (detail and errors) says this.
fn assert_problem(what: &str, reply: &Reply, status: u16, code: &str, says: &str) {
    let body = &reply.body;
    assert_eq!(reply.status.as_u16(), status, "{what}: {body}");
    let kind = &reply.headers["content-type"];
    assert_eq!(kind, "application/problem+json", "{what}: {body}");
    assert_eq!(body["code"], code, "{what}: {body}");
    assert_eq!(body["status"], status, "{what}: {body}");
    assert_eq!(body["type"], format!("urn:qtask:problem:{code}"), "{what}");
    let id = reply.headers["x-correlation-id"].to_str().expect("an id");
    assert_eq!(body["correlation_id"], id, "{what}");
    let said = format!("{} {}", body["detail"], body["errors"]);
    assert!(said.contains(says), "{what} should say {says:?}: {said}");
}

/// Nothing was stored but `accepted` tasks, no thread died, and a new submission is taken.
async fn assert_unharmed(app: App, accepted: i64) {
    let stored = app.database.count("SELECT count(*) FROM tasks", &[]).await;
    assert_eq!(stored, accepted);
    assert_eq!(app.get("/health").await.expect(200)["status"], "healthy");
    app.submit(&json!({"circuit": BELL})).await;
    app.finish().await;
}

#[tokio::test]
async fn bodies_that_are_not_a_json_object_are_refused_with_400() {
    let app = api().await;
    let mut bad_utf8 = b"{\"circuit\": \"h q;\xff\"}".to_vec();
    let mut cases: Vec<(&str, Vec<u8>, &str)> = [
        ("nothing", "", "body is empty"),
        ("blanks", " \r\n\t ", "EOF while parsing"),
        ("null", "null", "invalid type: null"),
        ("a number", "42", "invalid type: integer `42`"),
        ("a string", "\"OPENQASM 3;\"", "invalid type: string"),
        ("true", "true", "invalid type: boolean `true`"),
        ("an open brace", "{", "EOF while parsing"),
        (
            "half a string",
            "{\"circuit\": \"OPENQ",
            "EOF while parsing",
        ),
        (
            "an array of tasks",
            "[{\"circuit\": \"h q;\"}]",
            "body is an array",
        ),
        ("an empty array", " []", "body is an array"),
        // In the order of the fields: serde alone would take it for a task.
        (
            "an array of values",
            "[\"h q;\", 1, null, null, null, null, null, null, null]",
            "body is an array",
        ),
        (
            "a field twice",
            "{\"shots\": 1, \"circuit\": \"h q;\", \"shots\": 2}",
            "duplicate field `shots`",
        ),
        ("a comma too many", "{\"shots\": 1,}", "trailing comma"),
        (
            "two bodies",
            "{\"circuit\": \"h q;\"} {}",
            "trailing characters",
        ),
        (
            "a single quote",
            "{'circuit': 'h q;'}",
            "key must be a string",
        ),
        ("NaN", "{\"shots\": NaN}", "expected"),
        (
            "1e400",
            "{\"circuit\": \"x\", \"shots\": 1e400}",
            "number out of range",
        ),
        (
            "a raw control character",
            "{\"circuit\": \"h\u{1}q\"}",
            "control character",
        ),
        (
            "a raw NUL",
            "{\"circuit\": \"h q;\"}\0",
            "trailing characters",
        ),
        (
            "a lone surrogate",
            "{\"circuit\": \"\\ud800\"}",
            "not valid JSON",
        ),
        (
            "a lone low surrogate",
            "{\"circuit\": \"\\udc00x\"}",
            "lone leading surrogate",
        ),
        (
            "a byte order mark",
            "\u{feff}{\"circuit\": \"h q;\"}",
            "expected value",
        ),
        ("a form", "circuit=h+q&shots=1", "expected value"),
        ("XML", "<circuit/>", "expected value"),
    ]
    .map(|(what, body, says)| (what, body.as_bytes().to_vec(), says))
    .into();
    cases.push((
        "bytes that are not UTF-8",
        bad_utf8.clone(),
        "invalid unicode",
    ));
    bad_utf8.truncate(18);
    for (what, body, says) in cases {
        let reply = post_bytes(&app, body).await;
        assert_problem(what, &reply, 400, "invalid_json", says);
    }
    assert_unharmed(app, 0).await;
}

/// A field, a body in which it is wrong, and what is said about it.
#[rustfmt::skip]
fn wrong_fields() -> Vec<(&'static str, String, &'static str)> {
    let shots = "must be between 1 and 1000000";
    vec![
        ("circuit", "{}".into(), "is required"),
        ("circuit", json!({"circuit": null}).to_string(), "is required"),
        ("circuit", json!({"circuit": ""}).to_string(), "must not be empty"),
        ("circuit", json!({"circuit": " \n\t"}).to_string(), "must not be empty"),
        ("circuit", json!({"circuit": 42}).to_string(), "invalid type: integer `42`, expected a string"),
        ("circuit", json!({"circuit": [BELL]}).to_string(), "invalid type: sequence"),
        ("circuit", json!({"circuit": {"qasm": BELL}}).to_string(), "invalid type: map"),
        ("circuit", json!({"circuit": "h q;\0"}).to_string(), "NUL character (found at byte 4)"),
        ("circuit", json!({"circuit": "x".repeat((8 << 20) + 1)}).to_string(), "has 8388609 bytes; at most 8388608"),
        ("shots", with("shots", "0"), shots),
        ("shots", with("shots", "-1"), shots),
        ("shots", with("shots", "1000000000"), shots),
        ("shots", with("shots", "9223372036854775807"), shots),
        ("shots", with("shots", "9223372036854775808"), "invalid value: integer"),
        ("shots", with("shots", "1e9"), shots),
        ("shots", with("shots", "1e300"), "invalid type: floating point"),
        ("shots", with("shots", "1.5"), "invalid type: floating point `1.5`"),
        ("shots", with("shots", "\"10\""), "invalid type: string \\\"10\\\""),
        ("shots", with("shots", "true"), "invalid type: boolean `true`"),
        ("shots", with("shots", "[1]"), "invalid type: sequence"),
        ("priority", with("priority", "11"), "must be between 0 and 10, got 11"),
        ("priority", with("priority", "-1"), "must be between 0 and 10, got -1"),
        ("priority", with("priority", "\"high\""), "invalid type: string"),
        ("timeout_seconds", with("timeout_seconds", "0"), "must be between 1 and 10800"),
        ("timeout_seconds", with("timeout_seconds", "10801"), "must be between 1 and 10800"),
        ("max_attempts", with("max_attempts", "0"), "must be between 1 and 100"),
        ("max_attempts", with("max_attempts", "65537"), "must be between 1 and 100"),
        ("seed", with("seed", "-1"), "invalid value: integer `-1`"),
        ("seed", with("seed", "0.5"), "invalid type: floating point `0.5`"),
        ("seed", with("seed", "18446744073709551616"), "invalid type: floating point"),
        ("memory", with("memory", "\"yes\""), "invalid type: string"),
        ("metadata", with("metadata", "\"mine\""), "invalid type: string"),
        ("metadata", with("metadata", "[1]"), "invalid type: sequence"),
        ("metadata", with("metadata", "{\"a\": [\"\\u0000\"]}"), "must not contain the NUL character"),
        ("metadata", with("metadata", "{\"a\": {\"\\u0000\": 1}}"), "must not contain the NUL character"),
        ("metadata", with("metadata", &json!({"a": "x".repeat(1 << 14)}).to_string()), "at most 16384 are allowed"),
        ("backend", with("backend", "\"qpu9000\""), "`qpu9000` is not served here; known are aiopslab, mock, simulator"),
        ("backend", with("backend", "\"\""), "cannot name a backend"),
        ("backend", with("backend", "\"../../etc\""), "cannot name a backend"),
        ("backend", with("backend", "\"a\\u0000b\""), "cannot name a backend"),
        ("backend", with("backend", &format!("\"{}\"", "x".repeat(65))), "cannot name a backend"),
        ("backend", with("backend", &format!("\"{}\"", "é".repeat(1 << 20))), "cannot name a backend"),
        ("colour", with("colour", "\"red\""), "unknown field `colour`"),
        ("Shots", with("Shots", "1"), "unknown field `Shots`"),
    ]
}

#[tokio::test]
async fn fields_that_cannot_be_used_are_each_named_with_422() {
    let app = api().await;
    for (field, body, says) in wrong_fields() {
        let reply = post_bytes(&app, body.clone()).await;
        let what: &str = &body.chars().take(150).collect::<String>();
        assert_problem(what, &reply, 422, "validation_failed", says);
        let errors = reply.body["errors"].as_object().expect("errors by field");
        let fields: Vec<&str> = errors.keys().map(String::as_str).collect();
        assert_eq!(fields, [field], "{what}");
        assert!(
            reply.body.to_string().len() < 1_000,
            "a long answer to {what}"
        );
    }
    assert_unharmed(app, 0).await;
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let app = api().await;
    let body = json!({"circuit": "", "shots": 0, "priority": 99, "timeout_seconds": 0, "max_attempts": 0,
                      "backend": "no spaces", "metadata": {"a": "\0"}});
    let reply = app.post("/tasks", &body).await;
    assert_problem("all at once", &reply, 422, "validation_failed", "");
    let errors = reply.body["errors"].as_object().expect("errors by field");
    assert_eq!(errors.len(), 7, "{}", reply.body);
    assert_unharmed(app, 0).await;
}

#[tokio::test]
async fn what_is_odd_but_within_the_limits_is_accepted_and_handed_back_untouched() {
    let app = api().await;
    let long = "x".repeat(1 << 20);
    let deep = (0..100).fold(json!(1), |inner, _| json!({"a": inner}));
    let cases = [
        json!({"circuit": BELL, "shots": null, "backend": null, "metadata": null}),
        json!({"circuit": long, "shots": 1_000_000, "priority": 0, "timeout_seconds": 10_800, "max_attempts": 100}),
        json!({"circuit": "not QASM at all", "shots": 1, "priority": 10, "seed": u64::MAX, "memory": true}),
        json!({"circuit": BELL, "metadata": {"": "", "\u{202e}𝕢\u{7f}": ["\u{10ffff}", -0.0, 1e308, deep]}}),
        json!({"circuit": BELL, "metadata": {"'; DROP TABLE tasks; --": "$1", "big": "y".repeat(16_000)}}),
    ];
    for body in &cases {
        let id = app.submit(body).await;
        let task = app.task(id).await;
        let metadata = if body["metadata"].is_null() {
            json!({})
        } else {
            body["metadata"].clone()
        };
        assert_eq!(task["metadata"], metadata);
        assert_eq!(
            task["shots"],
            *body["shots"]
                .as_i64()
                .map_or(&json!(1024), |_| &body["shots"])
        );
        assert_eq!(app.database.task(id).await["circuit"], body["circuit"]);
    }
    assert_unharmed(app, i64::try_from(cases.len()).expect("a few")).await;
}

#[tokio::test]
async fn bodies_that_are_not_sent_as_plain_json_are_refused_with_415() {
    let app = api().await;
    let good = json!({"circuit": BELL}).to_string();
    let types: [Option<&[u8]>; 8] = [
        None,
        Some(b""),
        Some(b"text/plain"),
        Some(b"application/x-www-form-urlencoded"),
        Some(b"multipart/form-data; boundary=x"),
        Some(b"application/jsonx"),
        Some(b"application"),
        Some(b"application/json\xff"),
    ];
    for kind in types {
        let mut request = app.request(Method::POST, "/tasks").body(good.clone());
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let reply = send(request).await.expect("an answer");
        let says = "must be sent with Content-Type: application/json";
        assert_problem(
            &format!("{kind:?}"),
            &reply,
            415,
            "unsupported_media_type",
            says,
        );
    }
    for encoding in ["gzip", "deflate, gzip", "br", "x-unknown"] {
        let request = app
            .request(Method::POST, "/tasks")
            .header("content-encoding", encoding);
        let request = request
            .header("content-type", "application/json")
            .body(good.clone());
        let reply = send(request).await.expect("an answer");
        let says = "without Content-Encoding";
        assert_problem(encoding, &reply, 415, "unsupported_media_type", says);
    }
    for kind in [
        "application/json;charset=utf-8",
        " Application/JSON ; charset=UTF-8",
    ] {
        let request = app
            .request(Method::POST, "/tasks")
            .header("content-type", kind);
        send(request.body(good.clone()))
            .await
            .expect("an answer")
            .expect(201);
    }
    assert_unharmed(app, 2).await;
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_with_413_whether_they_say_their_length_or_not() {
    let app = api().await;
    let large = format!("{{\"circuit\": \"{}\"}}", "x".repeat(MAX_BODY));
    let length = large.len();
    let head = "POST /tasks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let sized = format!("{head}Content-Length: {length}\r\n\r\n{large}");
    let chunked =
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{large}\r\n0\r\n\r\n");
    // One that claims what it never sends: its head is enough to refuse it.
    let claimed = format!("{head}Content-Length: 99999999999\r\n\r\n{{");
    for (what, request) in [("sized", sized), ("chunked", chunked), ("claimed", claimed)] {
        let answer = raw(&app, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{what}: {answer}");
        assert!(
            answer.contains("\"code\":\"payload_too_large\""),
            "{what}: {answer}"
        );
        assert!(
            answer.contains("larger than 18874368 bytes"),
            "{what}: {answer}"
        );
    }
    let most = MAX_BODY - "{\"circuit\": \"\"}".len();
    let reply = post_bytes(&app, format!("{{\"circuit\": \"{}\"}}", "x".repeat(most))).await;
    assert_problem(
        "just within",
        &reply,
        422,
        "validation_failed",
        "at most 8388608",
    );
    assert_unharmed(app, 0).await;
}

/// Sends bytes as they are and reads whatever comes back until the connection ends.
async fn raw(app: &App, request: &[u8]) -> String {
    let address = app.url(0, "");
    let address = address.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut from, mut to) = stream.into_split();
    let mut answer = Vec::new();
    let talking = async {
        // A server that has refused need not read the rest.
        let sending = async {
            let _ = to.write_all(request).await;
        };
        let receiving = async {
            let _ = from.read_to_end(&mut answer).await;
        };
        tokio::join!(sending, receiving)
    };
    tokio::time::timeout(DEADLINE, talking)
        .await
        .expect("the end of the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_not_http_gets_400_or_a_closed_connection() {
    let app = api().await;
    let close = "Host: localhost\r\nConnection: close\r\n";
    let many: String = (0..1_000)
        .map(|n| format!("h{n}: x\r\n"))
        .collect::<Vec<_>>()
        .concat();
    let huge = "y".repeat(1 << 20);
    let cases = [
        ("words", b"HELLO THERE\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("no version", format!("GET /health\r\n{close}\r\n").into_bytes()),
        ("version 9", format!("GET /health HTTP/9.9\r\n{close}\r\n").into_bytes()),
        ("a NUL in the path", format!("GET /\0 HTTP/1.1\r\n{close}\r\n").into_bytes()),
        ("a NUL in a header", format!("GET /health HTTP/1.1\r\n{close}a: \0\r\n\r\n").into_bytes()),
        ("a header without a name", format!("GET /health HTTP/1.1\r\n{close}: x\r\n\r\n").into_bytes()),
        ("1,000 headers", format!("GET /health HTTP/1.1\r\n{close}{many}\r\n").into_bytes()),
        ("a header of 1 MiB", format!("GET /health HTTP/1.1\r\n{close}a: {huge}\r\n\r\n").into_bytes()),
        ("a path of 1 MiB", format!("GET /{huge} HTTP/1.1\r\n{close}\r\n").into_bytes()),
        (
            "two lengths",
            format!("POST /tasks HTTP/1.1\r\n{close}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes(),
        ),
        (
            "a length and chunks",
            format!("POST /tasks HTTP/1.1\r\n{close}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .into_bytes(),
        ),
        (
            "a negative length",
            format!("POST /tasks HTTP/1.1\r\n{close}Content-Length: -1\r\n\r\n").into_bytes(),
        ),
        (
            "a bad chunk",
            format!(
                "POST /tasks HTTP/1.1\r\n{close}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            )
            .into_bytes(),
        ),
    ];
    for (what, request) in cases {
        let answer = raw(&app, &request).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{what}: {answer}");
    }
    assert_unharmed(app, 0).await;
}

#[tokio::test]
async fn errors_before_there_is_a_request_have_a_body_as_well() {
    let app = api().await;
    let slow = raw(&app, b"GET /health HTTP/1.1\r\nHost: localhost\r\n").await;
    let malformed = raw(&app, b"HELLO THERE\r\n\r\n").await;
    for (answer, status, code) in [
        (slow, 408, "request_timeout"),
        (malformed, 400, "malformed_request"),
    ] {
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let start = format!("HTTP/1.1 {status} ");
        assert!(head.starts_with(&start), "{head}");
        let kind = "content-type: application/problem+json";
        assert!(
            head.contains(kind) && head.contains("x-correlation-id: "),
            "{head}"
        );
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(
            (&body["status"], &body["code"]),
            (&json!(status), &json!(code))
        );
    }
    assert_unharmed(app, 0).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_its_body_leaves_nothing_behind() {
    let app = api().await;
    let address = app.url(0, "");
    for sent in ["", "{\"circuit\": \"h", "{\"circuit\": \"h q;\"}"] {
        let mut stream = TcpStream::connect(address.trim_start_matches("http://"))
            .await
            .expect("a connection");
        let head = "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
        stream
            .write_all(format!("{head}{sent}").as_bytes())
            .await
            .expect("a half request");
        stream.shutdown().await.expect("the end of it");
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        let _ = tokio::time::timeout(DEADLINE, reading)
            .await
            .expect("the end of the connection");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{answer}"
        );
    }
    assert_unharmed(app, 0).await;
}

#[tokio::test]
async fn paths_methods_and_queries_that_do_not_exist_get_a_problem_that_says_so() {
    let app = api().await;
    let unknown = Uuid::now_v7();
    let not_found = [
        "/nothing",
        "/tasks/",
        "//tasks",
        "/Tasks",
        "/tasks/x/y/z",
        "/%00",
        "/%ff",
        "/health/",
        "/tasks%2f",
        "/.env",
    ];
    for path in not_found {
        let reply = app.get(path).await;
        assert_problem(path, &reply, 404, "not_found", "There is nothing at /");
    }
    let no_ids = [
        "x",
        "1",
        "%00",
        "%ff",
        "..%2f..%2fetc%2fpasswd",
        "00000000-0000-0000-0000-00000000000g",
        "'%20OR%201=1",
    ];
    for id in no_ids {
        let reply = app.get(&format!("/tasks/{id}")).await;
        assert_problem(id, &reply, 400, "invalid_task_id", "not a UUID");
    }
    for id in [unknown, Uuid::nil(), Uuid::max()] {
        let reply = app.get(&format!("/tasks/{id}")).await;
        assert_problem("unknown", &reply, 404, "task_not_found", &id.to_string());
    }
    for (method, path, allow) in [
        ("PUT", "/tasks", "GET, HEAD, POST"),
        ("PATCH", "/tasks", "GET, HEAD, POST"),
        ("BREW", "/tasks", "GET, HEAD, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/livez", "GET, HEAD"),
        ("POST", "/readyz", "GET, HEAD"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let reply = send(app.request(method, path)).await.expect("an answer");
        assert_problem(
            path,
            &reply,
            405,
            "method_not_allowed",
            "is not possible here",
        );
        assert_eq!(reply.headers["allow"], allow, "{path}");
    }
    for (query, parameter, says) in [
        ("status=done", "status", "done"),
        ("status=", "status", ""),
        ("status=pending,done", "status", "`done`"),
        ("status=pending,", "status", ""),
        ("limit=0", "limit", "from 1 to 100"),
        ("limit=101", "limit", "from 1 to 100"),
        ("limit=-1", "limit", "from 1 to 100"),
        ("limit=ten", "limit", "from 1 to 100"),
        ("limit=99999999999999999999", "limit", "from 1 to 100"),
        ("cursor=x", "cursor", "is not a cursor"),
        ("cursor=%00", "cursor", "is not a cursor"),
        ("backend=%00", "backend", "NUL"),
        ("colour=red", "colour", "is not known here"),
        ("%ff=%fe", "\u{fffd}", "is not known here"),
    ] {
        let reply = app.get(&format!("/tasks?{query}")).await;
        assert_problem(query, &reply, 422, "validation_failed", says);
        assert!(
            reply.body["errors"][parameter].is_string(),
            "{query}: {}",
            reply.body
        );
    }
    for query in [
        "",
        "backend=%ff",
        "backend=no'such",
        "&&&",
        &format!("backend={}", "x".repeat(10_000)),
    ] {
        let page = app.get(&format!("/tasks?{query}")).await.expect(200);
        assert_eq!(page, json!({"tasks": [], "next_cursor": null}), "{query}");
    }
    assert_unharmed(app, 0).await;
}

#[tokio::test]
async fn headers_that_cannot_be_used_are_replaced_or_refused() {
    let app = api().await;
    let body = json!({"circuit": BELL});
    let post = |name: &str, value: &[u8]| {
        let request = app
            .request(Method::POST, "/tasks")
            .json(&body)
            .header(name, value);
        async move { send(request).await.expect("an answer") }
    };
    let longest = "k".repeat(255);
    let too_long = "k".repeat(256);
    for key in ["", "  ", &too_long, "schlüssel", &"k".repeat(10_000)] {
        let reply = post("idempotency-key", key.as_bytes()).await;
        assert_problem(
            key,
            &reply,
            400,
            "invalid_idempotency_key",
            "1 to 255 visible ASCII characters",
        );
    }
    let odd_key = post("idempotency-key", b"k\xff").await;
    assert_problem(
        "odd bytes",
        &odd_key,
        400,
        "invalid_idempotency_key",
        "visible ASCII",
    );
    post("idempotency-key", longest.as_bytes())
        .await
        .expect(201);

    let mut accepted = 1;
    let taken: [&[u8]; 4] = [b"c-1", &[b'c'; 128], b"\"quoted\\\" {id}", b"' OR 1=1 --"];
    for id in taken {
        let reply = post("x-correlation-id", id).await;
        assert_eq!(reply.headers["x-correlation-id"].as_bytes(), id);
        let created = reply.expect(201);
        assert_eq!(
            created["correlation_id"].as_str().map(str::as_bytes),
            Some(id)
        );
        accepted += 1;
    }
    let replaced: [&[u8]; 5] = [b"", b"   ", &[b'c'; 129], &[b'c'; 10_000], b"id-\xe9\xff"];
    for id in replaced {
        let created = post("x-correlation-id", id).await.expect(201);
        let made = created["correlation_id"].as_str().expect("an id");
        assert!(made.parse::<Uuid>().is_ok(), "{made}");
        accepted += 1;
    }
    assert_unharmed(app, accepted).await;
}

/// A circuit that fails, with its code and what its message says.
struct Failing {
    circuit: String,
    code: &'static str,
    says: &'static str,
}

fn failing() -> Vec<Failing> {
    let failing = |circuit: &str, code, says| Failing {
        circuit: circuit.to_owned(),
        code,
        says,
    };
    let invalid = |circuit: &str, says| failing(circuit, "invalid_circuit", says);
    let limited = |circuit: &str, says| failing(circuit, "resource_limit", says);
    vec![
        invalid("hello world", "line 1, column "),
        invalid("{\"circuit\": \"h q;\"}", "line 1, column 1: "),
        invalid("\u{feff}\u{202e}💥", "line 1, column "),
        invalid("OPENQASM 3;\nqubit q;\nfoo q;", "line 3, column 1: "),
        invalid("OPENQASM 3;\nqubit[2] q;\nh q[2];", "line 3, column 5: "),
        invalid("OPENQASM 3;\nqubit[2] q\nh q;", "line 2, column "),
        invalid(
            "OPENQASM 3;\nqubit[2] q;\ncx q[0], q[0];",
            "line 3, column ",
        ),
        invalid(
            "OPENQASM 3;\ninclude \"/etc/passwd\";\nqubit q;",
            "line 2, column ",
        ),
        invalid(
            "OPENQASM 2.0;\ninclude \"../../../../etc/shadow\";\nqreg q[1];",
            "line 2, column ",
        ),
        invalid("OPENQASM 9;\nqubit q;", "line 1, column "),
        invalid("OPENQASM 3;\nqubit[0] q;", "line 2, column "),
        invalid("OPENQASM 3;\nqubit[-1] q;", "line 2, column "),
        invalid("OPENQASM 3;\nqubit q;\nrx(1/0) q;", "line 3, column "),
        invalid("OPENQASM 3;\nqubit q;\n/* never closed", "line 3, column "),
        invalid(
            "OPENQASM 3;\ngate g q { g q; }\nqubit q;\ng q;",
            "line 2, column ",
        ),
        limited(
            &format!(
                "OPENQASM 3; qubit q; rx({}1{}) q;",
                "(".repeat(100_000),
                ")".repeat(100_000)
            ),
            "line 1, column ",
        ),
        limited(
            &format!("OPENQASM 3; qubit q; {}", "if (true) {".repeat(90_000)),
            "line 1, column 561: blocks nest more than 48 deep",
        ),
        invalid(&"x".repeat(1 << 20), "line 1, column "),
        limited(
            "OPENQASM 3; while (true) { }",
            "line 1, column 13: the circuit runs more than 20000000 statements",
        ),
        limited("OPENQASM 3; qubit[60] q; h q; t q; measure q;", "60 qubits"),
        limited(
            "OPENQASM 3; qubit[1000000] q; h q; measure q;",
            "line 1, column 28: more than 65536 qubits are declared",
        ),
    ]
}

#[tokio::test]
async fn circuits_that_exceed_the_memory_together_run_one_after_the_other() {
    let worker =
        Worker::new("w", "simulator").args(&["--concurrency", "3", "--simulator-memory-mib", "24"]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    // 16 MiB each. The first holds them until its time is over.
    let endless = "OPENQASM 3; qubit[20] q; t q; while (true) { h q; }";
    let first = app
        .submit(&json!({"circuit": endless, "timeout_seconds": 4}))
        .await;
    app.wait_status(first, "processing").await;
    let short = json!({"circuit": "OPENQASM 3; qubit[20] q; x q; t q;", "shots": 1});
    let second = app.submit(&short).await;
    let cancelled = app.submit(&short).await;
    app.wait_status(cancelled, "processing").await;
    app.cancel(cancelled).await;
    let cancelled = app.wait_terminal(cancelled, DEADLINE).await;
    assert_eq!(
        cancelled["status"], "cancelled",
        "it can be stopped while it waits"
    );
    let first = app.wait_terminal(first, DEADLINE).await;
    assert_eq!(first["error_code"], "timeout", "{first}");
    let second = app.wait_terminal(second, DEADLINE).await;
    assert_eq!(second["status"], "completed", "{second}");
    // Times are texts of one form, in which later is greater.
    let ended = |task: &Value| task["completed_at"].as_str().expect("a time").to_owned();
    assert!(ended(&cancelled) < ended(&first), "{cancelled}\n{first}");
    assert!(ended(&first) < ended(&second), "{first}\n{second}");
    app.finish().await;
}

#[tokio::test]
async fn circuits_that_cannot_be_run_become_failed_tasks_that_say_where() {
    let worker =
        Worker::new("w", "simulator").args(&["--concurrency", "2", "--simulator-memory-mib", "64"]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let cases = failing();
    let mut ids = Vec::new();
    for case in &cases {
        ids.push(
            app.submit(&json!({"circuit": case.circuit, "shots": 10}))
                .await,
        );
    }
    for (case, id) in cases.iter().zip(ids) {
        let task = app.wait_terminal(id, DEADLINE).await;
        let what = &case.circuit.chars().take(60).collect::<String>();
        assert_eq!(task["status"], "failed", "{what}: {task}");
        assert_eq!(task["error_code"], case.code, "{what}: {task}");
        let message = task["error_message"].as_str().expect("a message");
        assert!(message.contains(case.says), "{what}: {message}");
        assert!(message.len() < 4_000, "{what}: {} bytes", message.len());
        assert!(!message.contains("root:"), "{message}");
        assert_eq!(
            app.database.statuses(id).await,
            ["pending", "processing", "failed"],
            "{what}"
        );
        assert_eq!(
            task["attempt"], 1,
            "{what}: another attempt could go no better"
        );
        assert_eq!(task["result"], Value::Null);
    }
    let good = app.submit(&json!({"circuit": BELL, "shots": 10})).await;
    let task = app.wait_status(good, "completed").await;
    let total: i64 = task["result"]
        .as_object()
        .expect("counts")
        .values()
        .filter_map(Value::as_i64)
        .sum();
    assert_eq!(total, 10);
    app.finish().await;
}

#[tokio::test]
async fn circuits_that_never_end_are_stopped_at_their_timeout_and_the_worker_goes_on() {
    let worker = Worker::new("w", "simulator").args(&["--concurrency", "4"]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let endless = [
        // Each round over many qubits takes its time, so that no limit on their number is met first.
        "OPENQASM 3; qubit[18] q; t q; while (true) { h q; }",
        "OPENQASM 3; qubit[18] q; bit c; h q[1]; while (!c) { c = measure q[0]; }",
    ];
    let mut ids = Vec::new();
    for circuit in endless {
        ids.push(
            app.submit(&json!({"circuit": circuit, "timeout_seconds": 1}))
                .await,
        );
    }
    for (circuit, id) in endless.iter().zip(ids) {
        let task = app.wait_terminal(id, DEADLINE).await;
        assert_eq!(task["status"], "failed", "{circuit}");
        assert_eq!(task["error_code"], "timeout", "{circuit}: {task}");
        assert_eq!(task["error_message"], "ran longer than 1 s", "{circuit}");
        assert_eq!(
            app.database.statuses(id).await,
            ["pending", "processing", "failed"],
            "{circuit}"
        );
    }
    let good = app.submit(&json!({"circuit": BELL, "shots": 10})).await;
    app.wait_status(good, "completed").await;
    app.finish().await;
}
