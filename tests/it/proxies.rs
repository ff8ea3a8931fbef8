//! A real nginx in front of the API, with the configuration of docs/proxy.md.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::certificates::{Authority, CertificateFiles};
use crate::support::client::{http_client_builder, send};
use crate::support::mocks::mock;
use crate::support::skipped::report_skipped;
use crate::support::wait::{DEADLINE, TempDir, eventually, free_port};
use crate::support::{App, QueueKind};

const PAGE: &str = include_str!("../../docs/proxy.md");

/// The running server; stopped on drop.
struct Nginx {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Nginx {
    fn locate() -> Option<PathBuf> {
        let path = std::env::var("PATH").ok()?;
        let folders = path
            .split(':')
            .map(Path::new)
            .chain([Path::new("/usr/sbin")]);
        let mut programs = folders.map(|folder| folder.join("nginx"));
        programs.find(|program| program.is_file())
    }

    /// Starts it with the block of the page, with another port, other files and the address of the API.
    fn start(program: &Path, api: &str, files: &CertificateFiles) -> Self {
        let folder = TempDir::new("nginx");
        let port = free_port();
        let (_, rest) = PAGE.split_once("```nginx\n").expect("the block");
        let (site, _) = rest.split_once("```").expect("the end of the block");
        let replaced = [
            (
                "127.0.0.1:8000",
                api.trim_start_matches("http://").to_owned(),
            ),
            ("listen 443", format!("listen 127.0.0.1:{port}")),
            (
                "/etc/nginx/qtask.pem",
                files.certificate.display().to_string(),
            ),
            ("/etc/nginx/qtask.key", files.key.display().to_string()),
        ];
        let mut site = site.to_owned();
        for (from, to) in replaced {
            assert!(site.contains(from), "the block has no {from}");
            site = site.replace(from, &to);
        }
        let at = folder.path().display();
        let paths: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {at}/{name};\n"))
            .collect();
        let config = format!(
            "daemon off;\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{}{site}}}\n",
            paths.concat()
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config).expect("a file");
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        Self {
            child: child.expect("nginx starts"),
            port,
            _folder: folder,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://qtask.example.org:{}{path}", self.port)
    }

    /// A client at this address of the loopback interface.
    fn client(&self, authority: &Authority, source: [u8; 4]) -> reqwest::Client {
        let server = (IpAddr::from([127, 0, 0, 1]), self.port).into();
        let builder = http_client_builder()
            .resolve("qtask.example.org", server)
            .local_address(IpAddr::from(source))
            .timeout(DEADLINE * 2)
            .tls_certs_only([authority.certificate()]);
        builder.build().expect("a client")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM also ends its workers.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn nginx_passes_on_waits_streams_bodies_and_addresses() {
    let Some(program) = Nginx::locate() else {
        report_skipped("proxies::nginx_passes_on", "there is no nginx");
        return;
    };
    let authority = Authority::new();
    let files = authority.server(&["qtask.example.org"]);
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .env("QTASK_ALLOWED_HOSTS", "qtask.example.org")
        .env("QTASK_SUBMISSIONS_PER_MINUTE", "2")
        .start()
        .await;
    let nginx = Nginx::start(&program, &app.url(0, ""), &files);
    // Not a trusted proxy itself.
    let client = nginx.client(&authority, [127, 0, 0, 2]);
    let ready = || async {
        let request = client.get(nginx.url("/readyz"));
        (send(request).await.ok()?.status == 200).then_some(())
    };
    eventually(DEADLINE, "nginx", ready).await;
    let submit = async |client: &reqwest::Client, order: &str| {
        let request = client.post(nginx.url("/tasks")).json(&mock(order));
        send(request).await.expect("an answer")
    };

    let large = format!("sleep 2s\n// {}", "x".repeat(4 << 20));
    let task = submit(&client, &large).await.expect(201);
    let id: Uuid = serde_json::from_value(task["task_id"].clone()).expect("an id");

    // A stream: its first event comes before the task ends.
    let mut stream = client
        .get(nginx.url(&format!("/tasks/{id}/events")))
        .send()
        .await
        .expect("a stream");
    let first = stream.chunk().await.expect("a stream").expect("an event");
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.contains("event: status"), "{first}");
    let now = send(client.get(nginx.url(&format!("/tasks/{id}"))))
        .await
        .expect("an answer")
        .expect(200);
    assert_ne!(now["status"], "completed", "the stream was buffered");

    // A wait, answered at the end of the task; then the rest of the stream.
    let waited = send(client.get(nginx.url(&format!("/tasks/{id}?wait=30"))))
        .await
        .expect("an answer");
    assert_eq!(waited.expect(200)["status"], "completed");
    let mut rest = Vec::new();
    while let Some(chunk) = stream.chunk().await.expect("the stream") {
        rest.extend_from_slice(&chunk);
    }
    assert!(
        String::from_utf8_lossy(&rest).contains("completed"),
        "{rest:?}"
    );

    // Two tasks a minute from each address: nginx names the client's.
    submit(&client, "").await.expect(201);
    let limited = submit(&client, "").await;
    assert_eq!(limited.expect_problem(429), "rate_limited");
    let neighbour = nginx.client(&authority, [127, 0, 0, 3]);
    let other = submit(&neighbour, "").await.expect(201);
    assert_eq!(other["status"], json!("pending"));
    let all = || async { (app.database.tasks_in("completed").await == 3).then_some(()) };
    eventually(DEADLINE, "three completed tasks", all).await;
    drop(nginx);
    app.finish().await;
}
