//! The address of the service.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::error::ClientError;

/// Local ports that are probed for a service: `qtask serve`, `qtask dev`.
const USUAL_PORTS: [u16; 2] = [8000, 8001];
/// Timeout of a probe.
const PROBE: Duration = Duration::from_secs(1);

/// The address given, or that of the first service found on this machine.
pub async fn find(given: Option<&str>) -> Result<Url, ClientError> {
    match given.map(str::trim).filter(|given| !given.is_empty()) {
        Some(given) => parse(given),
        None => local(&USUAL_PORTS).await,
    }
}

fn parse(given: &str) -> Result<Url, ClientError> {
    // A password precedes an `@`.
    let shown = match given.rsplit_once('@') {
        Some((_, behind)) => format!("...@{behind}"),
        None => given.to_owned(),
    };
    let refuse = |why: &str| {
        ClientError::Usage(format!(
            "QTASK_URL or --url: `{shown}` {why}, such as http://localhost:8000 or https://qtask.example.org"
        ))
    };
    let url =
        Url::parse(given).map_err(|error| refuse(&format!("is not a URL ({error}): use one")))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(refuse("is not an http or https address: use one")),
    }
}

async fn local(ports: &[u16]) -> Result<Url, ClientError> {
    for port in ports {
        let connecting = TcpStream::connect(("localhost", *port));
        if matches!(timeout(PROBE, connecting).await, Ok(Ok(_))) {
            return parse(&format!("http://localhost:{port}"));
        }
    }
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    Err(ClientError::Unreachable(format!(
        "no service answers on this machine at port {}\nStart one with `qtask dev`, or say where it is with QTASK_URL or --url.",
        ports.join(" or ")
    )))
}

/// The address without its password.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        let _ = shown.set_password(None);
    }
    shown.set_query(None);
    shown.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[tokio::test]
    async fn the_first_port_that_answers_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap().port();
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let found = local(&[closed, here]).await.unwrap();
        assert_eq!(found.port(), Some(here));
        let error = local(&[closed]).await.unwrap_err();
        assert_eq!(error.code(), 3);
        assert!(error.to_string().contains("qtask dev"), "{error}");
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_with_an_example() {
        for given in ["localhost:8000", "ftp://x", "not a url", "http://"] {
            let error = parse(given).unwrap_err();
            assert_eq!(error.code(), 2, "{given}");
            let text = error.to_string();
            assert!(text.contains("http://localhost:8000"), "{text}");
            assert!(text.contains(&format!("`{given}`")), "{text}");
        }
        assert!(parse("http://qtask.example.org/behind/a/proxy/").is_ok());
        assert!(parse("https://qtask.example.org").is_ok());
    }

    #[test]
    fn a_password_is_not_shown() {
        let url = Url::parse("http://user:secret@host:1/path/").unwrap();
        assert_eq!(shown(&url), "http://user@host:1/path");
    }
}
