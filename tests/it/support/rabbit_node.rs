//! A private RabbitMQ node that a test can kill, stop, pause and restart.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use url::Url;

use super::wait::{self, TempDir, eventually};
use super::{binaries, events, queue};

/// A node with its own name, ports, directories and port mapper (epmd), separate from the system's node.
#[derive(Debug)]
pub struct PrivateRabbit {
    directory: TempDir,
    name: String,
    port: u16,
    distribution_port: u16,
    epmd_port: u16,
    epmd: Child,
    node: Option<Child>,
}

impl PrivateRabbit {
    /// Creates a new node and starts it, in some 4 seconds.
    pub async fn start() -> Self {
        Self::start_with("", "[].").await
    }

    /// The same with this `rabbitmq.conf` and this list of enabled plugins.
    pub async fn start_with(configuration: &str, plugins: &str) -> Self {
        let directory = TempDir::new("rabbit");
        let epmd_port = wait::free_port();
        // A private epmd, as a child: one that a node starts outlives it.
        let epmd = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("epmd runs (it comes with rabbitmq-server)");
        let mut rabbit = Self {
            directory,
            name: format!("qtask{:08x}@localhost", rand::random::<u32>()),
            port: wait::free_port(),
            distribution_port: wait::free_port(),
            epmd_port,
            epmd,
            node: None,
        };
        std::fs::write(rabbit.file("enabled_plugins"), plugins).expect("a file of plugins");
        std::fs::write(rabbit.file("rabbitmq.conf"), configuration).expect("a configuration");
        rabbit.restart().await;
        rabbit
    }

    /// Its URL.
    pub fn url(&self) -> Url {
        Url::parse(&format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)).expect("a URL")
    }

    /// Starts it if it does not run, and waits until clients can open a channel.
    pub async fn restart(&mut self) {
        if self.node.is_none() {
            self.node = Some(self.launch());
        }
        let url = self.url();
        let what = format!("RabbitMQ on port {}", self.port);
        let up = eventually(wait::DEADLINE * 2, &what, || async {
            let (connection, _channel) = queue::try_open(&url).await.ok()?;
            connection.close().await.ok()
        });
        up.await;
    }

    /// Shuts it down gracefully.
    pub async fn stop(&mut self) {
        self.end(Signal::SIGTERM).await;
    }

    /// Kills it. Data that it had not written to disk is lost.
    pub async fn kill9(&mut self) {
        self.end(Signal::SIGKILL).await;
    }

    /// Kills it and deletes its data: queues and messages are lost.
    pub async fn lose_disk(&mut self) {
        self.kill9().await;
        std::fs::remove_dir_all(self.file("mnesia")).expect("the node's data");
    }

    /// Runs `rabbitmqctl` on it and returns what it printed.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::from(self.command("rabbitmqctl"));
        let done = command.args(["--quiet"]).args(arguments).output();
        let output = tokio::time::timeout(wait::DEADLINE, done)
            .await
            .expect("an answer")
            .expect("rabbitmqctl runs");
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    async fn end(&mut self, signal: Signal) {
        let Some(mut node) = self.node.take() else {
            return;
        };
        kill(pid_of(&node), signal).expect("a running RabbitMQ");
        let gone = eventually(wait::DEADLINE, "the end of RabbitMQ", || {
            std::future::ready(node.try_wait().expect("its exit status"))
        });
        gone.await;
    }

    fn launch(&self) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.file("log"))
            .expect("a log file");
        self.command("rabbitmq-server")
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("rabbitmq-server runs")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(binaries::rabbitmq().join(program));
        command
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .env("HOME", self.directory.path())
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            )
            .env("RABBITMQ_MNESIA_BASE", self.file("mnesia"))
            .env("RABBITMQ_LOG_BASE", self.directory.path())
            .env(
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                self.file("enabled_plugins"),
            )
            .env("RABBITMQ_CONF_ENV_FILE", self.file("none.conf"))
            .env("RABBITMQ_CONFIG_FILE", self.file("rabbitmq"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", self.file("generated"))
            // Makes the script exec the node, so that a signal to the child reaches it.
            .env("RUNNING_UNDER_SYSTEMD", "true");
        command
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for PrivateRabbit {
    fn drop(&mut self) {
        if let Some(mut node) = self.node.take() {
            let _ = node.kill();
            let _ = node.wait();
        }
        let _ = self.epmd.kill();
        let _ = self.epmd.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.file("log")).unwrap_or_default();
            eprintln!(
                "--- log of the private RabbitMQ on port {}\n{}",
                self.port,
                events::tail(&log, 30)
            );
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}
