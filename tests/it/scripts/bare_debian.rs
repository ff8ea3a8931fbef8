//! `scripts/dev` on a bare Debian, for real: packages from the machine's own sources, a PostgreSQL, and a circuit.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::support::client::send;
use crate::support::skipped::report_skipped;
use crate::support::wait::TempDir;

/// Making the system and installing the packages takes 40 s on two idle cores.
const LIMIT: Duration = Duration::from_mins(7);

const TEST: &str = "scripts/dev in a bare Debian";

/// The script beside this file, in namespaces of its own.
struct Chroot {
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    child: Child,
    said: Vec<String>,
}

impl Chroot {
    fn start(directory: &TempDir) -> Self {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh"])
            .arg(tree.join("tests/it/scripts/bare_debian.sh"))
            .arg(directory.path())
            .arg(env!("CARGO_BIN_EXE_qtask"))
            .arg(tree)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("unshare starts");
        let stdout = child.stdout.take().expect("its output");
        let input = child.stdin.take().expect("its input");
        Self {
            lines: BufReader::new(stdout).lines(),
            input,
            child,
            said: Vec::new(),
        }
    }

    /// Reads on until a line holds `mark`, and returns the line.
    async fn wait_for(&mut self, mark: &str) -> String {
        while let Some(line) = self.lines.next_line().await.expect("a line") {
            self.said.push(line.clone());
            if line.contains(mark) || line.starts_with("SKIP ") {
                return line;
            }
        }
        panic!("it ended without {mark:?}:\n{}", self.said.join("\n"));
    }

    /// The lines since the last that holds `mark`.
    fn since(&self, mark: &str) -> String {
        let at = self
            .said
            .iter()
            .rposition(|line| line.contains(mark))
            .unwrap_or(0);
        self.said[at..].join("\n")
    }

    /// Waits until `qtask dev` is ready, and returns its address.
    async fn wait_ready(&mut self) -> String {
        let line = self.wait_for("qtask is ready on ").await;
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        address.expect("an address").to_owned()
    }

    /// Ends the run, which must end well.
    async fn end_run(&mut self) {
        self.input.write_all(b"\n").await.expect("it still reads");
        let ended = self.wait_for("ENDED ").await;
        assert_eq!(ended, "ENDED 0", "{}", self.said.join("\n"));
    }
}

/// Why this machine cannot have such namespaces, if it cannot.
async fn not_ready_reason() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("only root can make a chroot".to_owned());
    }
    let tried = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "true"])
        .output()
        .await;
    match tried {
        Err(error) => Some(format!("unshare does not start: {error}")),
        Ok(output) if !output.status.success() => Some(format!(
            "no namespaces: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Ok(_) => None,
    }
}

async fn run_circuit(address: &str) -> Value {
    let client = crate::support::client::http_client();
    let circuit = "OPENQASM 3; qubit[2] q; h q[0]; cnot q[0], q[1]; measure q;";
    let task = json!({"circuit": circuit, "shots": 100});
    let created = send(client.post(format!("{address}/tasks")).json(&task))
        .await
        .expect("an answer");
    let id = created.expect(201)["task_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    loop {
        let task = read(&format!("{address}/tasks/{id}?wait=10")).await;
        if task["status"] != "pending" && task["status"] != "processing" {
            return task;
        }
    }
}

async fn read(url: &str) -> Value {
    let reply = send(crate::support::client::http_client().get(url)).await;
    reply.expect("an answer").expect(200)
}

async fn scenario(mut chroot: Chroot) {
    let stage = chroot.wait_for("STAGE first run").await;
    if let Some(reason) = stage.strip_prefix("SKIP ") {
        return report_skipped(TEST, reason);
    }
    let alone = chroot.since("STAGE qtask alone");
    assert!(
        alone.contains("    apt-get install postgresql\n"),
        "{alone}"
    );
    assert!(alone.contains("ALONE 1"), "{alone}");

    let address = chroot.wait_ready().await;
    let first = chroot.since("STAGE first run");
    assert!(
        first.contains("missing: PostgreSQL's server programs"),
        "{first}"
    );
    assert!(
        first.contains("install -y --no-install-recommends postgresql gcc libc6-dev make"),
        "{first}"
    );
    assert_eq!(
        read(&format!("{address}/health")).await["status"],
        "healthy"
    );
    let task = run_circuit(&address).await;
    assert_eq!(task["status"], "completed", "{task}");
    chroot.end_run().await;

    let address = chroot.wait_ready().await;
    let second = chroot.since("STAGE second run");
    assert!(!second.contains("missing"), "{second}");
    let id = task["task_id"].as_str().expect("an id");
    let again = read(&format!("{address}/tasks/{id}")).await;
    assert_eq!(again["result"], task["result"]);
    chroot.end_run().await;

    let status = chroot.child.wait().await.expect("its exit status");
    assert!(status.success(), "{status}");
    let rest = chroot.lines.next_line().await.expect("its end");
    assert_eq!(rest, None);
}

/// cargo is a stand-in that runs the executable of this build: what is tried is the script, not the compiler.
#[tokio::test]
async fn one_command_installs_postgresql_and_runs_a_circuit() {
    if let Some(reason) = not_ready_reason().await {
        return report_skipped(TEST, &reason);
    }
    let directory = TempDir::new("bare-debian");
    let ended = tokio::time::timeout(LIMIT, scenario(Chroot::start(&directory))).await;
    assert!(ended.is_ok(), "{TEST} still runs after {LIMIT:?}");
}
