//! A headless Chromium, driven by the protocol of its developer tools over a pair of pipes.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, Uid, mkfifo};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

use super::wait::{DEADLINE, TempDir};

/// Its names, by distribution.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// All traffic stays on this machine: names below `.example` are its loopback interface, and no other name resolves.
const RESOLVER: &str =
    "MAP *.example 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE localhost";

/// The running browser; killed on drop.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    commands: pipe::Sender,
    answers: BufReader<pipe::Receiver>,
    last_id: u64,
    _profile: TempDir,
}

/// A page of the browser.
#[derive(Debug, Clone)]
pub struct Page(String);

impl Chromium {
    /// The program, if this machine has it.
    pub fn locate() -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let candidates = PROGRAMS
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        candidates.into_iter().find(|program| program.is_file())
    }

    /// Starts the browser with an empty profile.
    pub fn start(program: &Path) -> Self {
        let profile = TempDir::new("chromium");
        let path = |name: &str| profile.path().join(name);
        for name in ["commands", "answers"] {
            mkfifo(&path(name), Mode::S_IRWXU).expect("a named pipe");
        }
        // Opened for both directions, so that neither side waits for the other.
        let open = pipe::OpenOptions::new().read_write(true).clone();
        let commands = open.open_sender(path("commands")).expect("a pipe");
        let answers = open.open_receiver(path("answers")).expect("a pipe");
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<commands 4>answers"])
            .arg(program)
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--no-proxy-server",
            ])
            .arg(format!("--host-resolver-rules={RESOLVER}"))
            .arg(format!("--user-data-dir={}", path("data").display()))
            .current_dir(profile.path())
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        // Chromium's sandbox refuses to start as root.
        if Uid::effective().is_root() {
            command.arg("--no-sandbox");
        }
        Self {
            child: command.spawn().expect("the browser starts"),
            commands,
            answers: BufReader::new(answers),
            last_id: 0,
            _profile: profile,
        }
    }

    /// Opens a page and waits until it has loaded.
    pub async fn open(&mut self, url: &str) -> Page {
        let target = self
            .call(None, "Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call(None, "Target.attachToTarget", attach).await;
        let page = Page(
            attached["sessionId"]
                .as_str()
                .expect("a session")
                .to_owned(),
        );
        let navigated = self
            .call(Some(&page), "Page.navigate", json!({"url": url}))
            .await;
        assert_eq!(navigated["errorText"], Value::Null, "{url}: {navigated}");
        let loaded = "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', () => done()))";
        self.evaluate(&page, loaded).await;
        page
    }

    /// The value of an expression in the page, once its promise is fulfilled.
    ///
    /// # Panics
    /// When the expression throws.
    pub async fn evaluate(&mut self, page: &Page, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let done = self.call(Some(page), "Runtime.evaluate", parameters).await;
        assert_eq!(done["exceptionDetails"], Value::Null, "{done}");
        done["result"]["value"].clone()
    }

    /// Calls a method of the protocol: messages end with a NUL.
    async fn call(&mut self, page: Option<&Page>, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(Page(session)) = page {
            message["sessionId"] = json!(session);
        }
        let talking = async {
            let text = format!("{message}\0");
            self.commands
                .write_all(text.as_bytes())
                .await
                .expect("a command");
            loop {
                let mut answer = Vec::new();
                self.answers
                    .read_until(0, &mut answer)
                    .await
                    .expect("an answer");
                answer.pop();
                let answer: Value = serde_json::from_slice(&answer).expect("an answer in JSON");
                if answer["id"] == json!(id) {
                    assert_eq!(answer["error"], Value::Null, "{method}: {answer}");
                    return answer["result"].clone();
                }
            }
        };
        let answered = tokio::time::timeout(DEADLINE, talking).await;
        answered.unwrap_or_else(|_| panic!("{method} was not answered within {DEADLINE:?}"))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}
