//! Errors that are answered before a request exists, as complete responses with a problem document.

use std::borrow::Cow;
use std::str;

use serde_json::json;
use uuid::Uuid;

use super::limits::TooManyConnections;

/// An error without a request.
struct BareProblem {
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: Cow<'static, str>,
}

const SLOW_HEAD: BareProblem = BareProblem {
    title: "Request Timeout",
    status: 408,
    code: "request_timeout",
    detail: Cow::Borrowed("The head of the request did not arrive in time."),
};

/// Only parse errors are answered by actix without a handler.
fn problem(status: &str) -> Option<BareProblem> {
    match status {
        "400" => Some(BareProblem {
            title: "Bad Request",
            status: 400,
            code: "malformed_request",
            detail: "What arrived is not a request of HTTP/1.1, or its head is too long.".into(),
        }),
        "431" => Some(BareProblem {
            title: "Request Header Fields Too Large",
            status: 431,
            code: "head_too_large",
            detail: "The head of the request is longer than 128 KiB.".into(),
        }),
        _ => None,
    }
}

/// The response to a request whose head takes too long.
pub fn slow_head() -> Vec<u8> {
    response(&SLOW_HEAD, "")
}

/// The response to plain HTTP where TLS is needed.
pub fn plain_http() -> Vec<u8> {
    let problem = BareProblem {
        title: "Bad Request",
        status: 400,
        code: "tls_required",
        detail: "This port speaks HTTPS only: use https:// instead of http://.".into(),
    };
    response(&problem, "")
}

/// The response to a connection that exceeds a limit.
pub fn too_many_connections(limit: TooManyConnections) -> Vec<u8> {
    let detail = match limit {
        TooManyConnections::InAll(most) => format!(
            "All {most} connections of this process are in use (QTASK_MAX_CONNECTIONS). Try again later."
        ),
        TooManyConnections::OfClient(most) => format!(
            "All {most} connections that one address may have are in use (QTASK_MAX_CONNECTIONS_PER_ADDRESS). \
             Close some, or try again later."
        ),
    };
    let problem = BareProblem {
        title: "Service Unavailable",
        status: 503,
        code: "too_many_connections",
        detail: detail.into(),
    };
    response(&problem, "retry-after: 2\r\n")
}

/// The complete response that replaces a bare head; `None` if `bytes` is not such a head.
pub fn with_body(bytes: &[u8]) -> Option<Vec<u8>> {
    const LONGEST: usize = 512;
    if bytes.len() > LONGEST || !bytes.starts_with(b"HTTP/1.1 4") || !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    // Every response of the application has a correlation id.
    if head.contains("\r\nx-correlation-id:") || !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    Some(response(&problem(head.split(' ').nth(1)?)?, ""))
}

/// `headers` are further lines of the head.
fn response(problem: &BareProblem, headers: &str) -> Vec<u8> {
    let BareProblem {
        title,
        status,
        code,
        detail,
    } = problem;
    let id = Uuid::now_v7();
    let body = json!({
        "type": format!("urn:qtask:problem:{code}"), "title": title, "status": status, "detail": detail, "code": code,
        "correlation_id": id,
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         x-correlation-id: {id}\r\n{headers}connection: close\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_head_gets_a_body() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let whole = String::from_utf8(with_body(bare).unwrap()).unwrap();
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())));
        assert!(body.contains("\"code\":\"malformed_request\""), "{body}");
        for other in [
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-correlation-id: a\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "",
        ] {
            assert_eq!(with_body(other.as_bytes()), None, "{other}");
        }
    }
}
