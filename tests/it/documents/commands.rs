//! The commands of the pages do what the pages say.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use reqwest::Url;
use serde_json::json;
use tokio::process::Command;
use uuid::Uuid;

use super::blocks::{Block, blocks, pages};
use crate::support::app::Worker;
use crate::support::mocks::mock;
use crate::support::process::current;
use crate::support::skipped::report_skipped;
use crate::support::wait::{TempDir, free_port};
use crate::support::{App, QueueKind, TestDatabase, database, services};

/// Pages whose blocks are run, each by the test below that names it.
const RUN: [&str; 8] = [
    "README.md",
    "docs/api.md",
    "docs/backup.md",
    "docs/client.md",
    "docs/configuration.md",
    "docs/quickstart.md",
    "docs/troubleshooting.md",
    "docs/upgrade.md",
];

/// Pages whose commands concern what tests do not have: they are not run.
const NOT_RUN: [(&str, &str); 5] = [
    ("docs/containers.md", "docker, its networks and registries"),
    (
        "docs/deployment.md",
        "accounts, services and clusters of a machine",
    ),
    (
        "docs/operations.md",
        "clusters and data of a running service",
    ),
    ("docs/releasing.md", "releases of the repository"),
    ("docs/traces.md", "a collector of traces"),
];

/// What the shell has beside the service: each request prints its status.
const PRELUDE: &str = "set -euo pipefail\ncurl() { command curl --max-time 60 --write-out '%{stderr}HTTP %{http_code}\\n' \"$@\"; }\n";

/// Statuses of the requests of the pages. 409: the ended task of the test is cancelled, too.
const STATUSES: [&str; 4] = ["200", "201", "204", "409"];

/// Programs that the pages use.
const PROGRAMS: [&str; 4] = ["bash", "curl", "pg_dump", "psql"];

/// Ids of tasks in the examples of the pages.
const EXAMPLE_ID: &str = "01a1f877-e10b-7243-ba50-5bf875c0c917";

#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    let run = BTreeSet::from(RUN);
    let mut missing = Vec::new();
    for block in pages().iter().flat_map(|page| blocks(page)) {
        let is_explained = block.mark.as_ref().is_some_and(|it| it.len() > 8);
        let is_elsewhere = NOT_RUN.iter().any(|(page, _)| *page == block.page);
        let is_run = run.contains(block.page.as_str());
        if block.is_shell() && !is_explained && !is_run && !is_elsewhere {
            missing.push(block.place());
        }
        assert!(
            block.mark.is_none() || is_explained,
            "{}: give a reason after `no-test:`",
            block.place()
        );
    }
    assert!(
        missing.is_empty(),
        "blocks that no test runs: write ```sh no-test: REASON, or add the page to RUN: {missing:#?}"
    );
}

/// A service with a worker, an ended task and a folder, for the commands of one page.
struct Scene {
    app: App,
    folder: TempDir,
    task: Uuid,
    health_port: u16,
    copy: Url,
}

impl Scene {
    async fn start() -> Self {
        let health_port = free_port();
        let port = health_port.to_string();
        let worker =
            Worker::new("w1", "simulator").args(&["--backend", "mock", "--health-port", &port]);
        let app = App::builder(QueueKind::Postgres)
            .worker(worker)
            .start()
            .await;
        let task = app.submit(&mock("")).await;
        app.wait_status(task, "completed").await;
        let folder = TempDir::new("commands");
        let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["examples", "migrations", "docs", "scripts"] {
            symlink(tree.join(name), folder.path().join(name)).expect("a link");
        }
        symlink(current(), folder.path().join("qtask")).expect("a link");
        let name = format!("qtask_test_{}", Uuid::now_v7().simple());
        let copy = database::on(&services::database_url(), &name);
        Self {
            app,
            folder,
            task,
            health_port,
            copy,
        }
    }

    /// Replaces the examples of the pages by what is here.
    fn adapted(&self, text: &str) -> String {
        let address = self.app.url(0, "");
        let (_, port) = address.rsplit_once(':').expect("a port");
        let health = format!("localhost:{}", self.health_port);
        let copy = self.copy.path().trim_start_matches('/');
        text.replace("http://localhost:8001", &address)
            .replace("http://localhost:8000", &address)
            .replace("localhost:8080", &health)
            .replace("--port 8000", &format!("--port {port}"))
            .replace("--port 8080", &format!("--port {}", self.health_port))
            .replace("qtask_restored", copy)
            .replace("TASK_ID", &self.task.to_string())
            .replace(EXAMPLE_ID, &self.task.to_string())
    }

    /// Runs all blocks of a page in one shell, and fails with the block that failed.
    async fn run(&self, page: &str) {
        let shell = blocks(page).into_iter().filter(Block::is_shell);
        let shown: Vec<_> = shell.filter(|block| block.mark.is_none()).collect();
        assert!(!shown.is_empty() && RUN.contains(&page), "{page}");
        let mut script = PRELUDE.to_owned();
        for block in &shown {
            let text = self.adapted(&block.text);
            let place = block.place();
            write!(script, "cd \"$FOLDER\"\necho '=== {place}' >&2\n{text}\n").unwrap();
        }
        let output = self.shell(&script).await;
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{page}: {errors}\n{printed}");
        for status in errors.lines().filter_map(|line| line.strip_prefix("HTTP ")) {
            assert!(STATUSES.contains(&status), "{page}: {errors}\n{printed}");
        }
    }

    async fn shell(&self, script: &str) -> Output {
        let path = std::env::var("PATH").expect("PATH");
        let path = format!("{}:{path}", self.folder.path().display());
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("FOLDER", self.folder.path())
            .env("QTASK_URL", self.app.url(0, ""))
            .env("DATABASE_URL", self.app.database.url().as_str())
            .env("RESTORED_URL", self.copy.as_str())
            .env("id", self.task.to_string())
            .env_remove("RABBITMQ_URL")
            .kill_on_drop(true);
        command.output().await.expect("bash")
    }
}

/// Whether this machine has the programs of the pages beside qtask; otherwise the test is listed as skipped.
fn has_programs(page: &str) -> bool {
    let found = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    let missing: Vec<_> = PROGRAMS.into_iter().filter(|it| !found(it)).collect();
    if !missing.is_empty() {
        let test = format!("documents::commands, {page}");
        report_skipped(&test, &format!("there is no {}", missing.join(", ")));
    }
    missing.is_empty()
}

async fn run(page: &str) {
    if !has_programs(page) {
        return;
    }
    let scene = Scene::start().await;
    scene.run(page).await;
    scene.app.abandon_work();
}

#[tokio::test]
async fn the_commands_of_the_readme_run() {
    run("README.md").await;
}

#[tokio::test]
async fn the_commands_of_the_quickstart_run() {
    run("docs/quickstart.md").await;
}

#[tokio::test]
async fn the_commands_of_the_client_run() {
    run("docs/client.md").await;
}

#[tokio::test]
async fn the_commands_of_the_configuration_run() {
    run("docs/configuration.md").await;
}

#[tokio::test]
async fn the_commands_of_an_upgrade_run() {
    run("docs/upgrade.md").await;
}

#[tokio::test]
async fn the_commands_of_a_backup_restore_the_tasks() {
    if !has_programs("docs/backup.md") {
        return;
    }
    let scene = Scene::start().await;
    // Dropped with the copy, which the page creates.
    let copy = TestDatabase::adopt(&scene.copy);
    scene.run("docs/backup.md").await;
    assert_eq!(
        copy.task(scene.task).await["current_status"],
        json!("completed")
    );
    scene.app.finish().await;
}

#[tokio::test]
async fn the_commands_of_the_troubleshooting_run() {
    run("docs/troubleshooting.md").await;
}

#[tokio::test]
async fn the_requests_of_the_api_page_are_answered() {
    if !has_programs("docs/api.md") {
        return;
    }
    let scene = Scene::start().await;
    let body = json!({"worker_id": "lab-1", "backends": ["aer"]});
    scene.app.post("/workers/register", &body).await.expect(201);
    scene.run("docs/api.md").await;
    scene.app.abandon_work();
}
