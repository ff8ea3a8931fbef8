//! A small HTTP receiver, which records requests and returns the answers that the test sets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::wait::{DEADLINE, eventually};

/// A received request.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its path, with the query.
    pub path: String,
    /// Its headers, by lower-case name.
    pub headers: HashMap<String, String>,
    /// Its body, verbatim.
    pub body: String,
}

impl Received {
    /// A header's value.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// The answers to the next requests; the last one is repeated.
type Answers = Mutex<Vec<String>>;

/// A receiver on a loopback port, stopped on drop.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    /// Listens, and answers each request with the next status line (and headers) of `answers`, repeating the last
    /// one. An empty answer leaves the request unanswered.
    pub async fn start(answers: &[&str]) -> Self {
        Self::start_on(0, answers).await
    }

    /// The same on a given port.
    pub async fn start_on(port: u16, answers: &[&str]) -> Self {
        Self::listen(port, answers, None).await
    }

    /// The same over TLS.
    pub async fn start_tls(tls: TlsAcceptor, answers: &[&str]) -> Self {
        Self::listen(0, answers, Some(tls)).await
    }

    async fn listen(port: u16, answers: &[&str], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("its address");
        let answers: Answers = Mutex::new(answers.iter().map(ToString::to_string).collect());
        let (received, answers) = (Arc::new(Mutex::default()), Arc::new(answers));
        let accepting = tokio::spawn({
            let received = Arc::clone(&received);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (received, answers) = (Arc::clone(&received), Arc::clone(&answers));
                    let tls = tls.clone();
                    tokio::spawn(async move {
                        match tls {
                            None => serve(stream, received, answers).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, received, answers).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self {
            address,
            received,
            accepting,
        }
    }

    /// The URL of a path on this receiver, with this host name.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// All requests received so far.
    pub fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until this many requests were received.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let what = format!("{count} requests at the receiver");
        let enough = || async {
            let all = self.received();
            (all.len() >= count).then_some(all)
        };
        eventually(DEADLINE, &what, enough).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Answers>,
) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await else {
        return;
    };
    received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let answer = {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        match answers.len() {
            0 => "200 OK".to_owned(),
            1 => answers[0].clone(),
            _ => answers.remove(0),
        }
    };
    if answer.is_empty() {
        // Waits until the client disconnects.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        return;
    }
    let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut BufReader<impl AsyncRead + Unpin>) -> Option<Received> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length");
    let mut body = vec![0; length.map_or(Ok(0), |length| length.parse()).ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received {
        path,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}
