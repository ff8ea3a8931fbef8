//! A private broker, which tests may stop and starve.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use uuid::Uuid;

const BIN: &str = "/usr/lib/rabbitmq/bin";
const STOP_LIMIT: Duration = Duration::from_secs(15);
const START_LIMIT: Duration = Duration::from_mins(1);

pub(super) struct Node {
    directory: PathBuf,
    name: String,
    ports: [u16; 3],
    /// A child process of the test: an epmd that the node starts would outlive the node.
    epmd: Child,
    server: Child,
}

impl Node {
    /// Starts a node with a private name, ports, epmd and directory; takes some seconds.
    pub(super) fn start() -> Self {
        let id = Uuid::now_v7().simple().to_string();
        let directory = std::env::temp_dir().join(format!("qtask-node-{id}"));
        std::fs::create_dir_all(&directory).unwrap();
        let name = format!("qtask-{id}@localhost");
        let ports = free_ports();
        let epmd = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &ports[2].to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until_open(ports[2]);
        let server = command("rabbitmq-server", &directory, &name, ports)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until_open(ports[0]);
        Self {
            directory,
            name,
            ports,
            epmd,
            server,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports[0])
    }

    /// Runs `rabbitmqctl` on the node; it takes about a second.
    pub(super) async fn ctl(&self, arguments: &[&str]) {
        let mut command = command("rabbitmqctl", &self.directory, &self.name, self.ports);
        command.args(["-n", &self.name]).args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = run.await.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut stop = command("rabbitmqctl", &self.directory, &self.name, self.ports);
        let _ = stop.args(["-n", &self.name, "stop"]).output();
        // The script ends after the node; if it were killed first, the node would keep running.
        let deadline = Instant::now() + STOP_LIMIT;
        while matches!(self.server.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = self.epmd.kill();
        let _ = self.epmd.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn command(program: &str, directory: &PathBuf, name: &str, ports: [u16; 3]) -> Command {
    let mut command = Command::new(PathBuf::from(BIN).join(program));
    command
        .current_dir(directory)
        .env("HOME", directory)
        .env("RABBITMQ_NODENAME", name)
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", ports[0].to_string())
        .env("RABBITMQ_DIST_PORT", ports[1].to_string())
        .env("ERL_EPMD_PORT", ports[2].to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_MNESIA_BASE", directory)
        .env("RABBITMQ_LOG_BASE", directory)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", directory.join("plugins"))
        .env("RABBITMQ_CONFIG_FILE", directory.join("none"))
        .stdin(Stdio::null());
    command
}

fn wait_until_open(port: u16) {
    let deadline = Instant::now() + START_LIMIT;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The listeners stay open together while ports are chosen, so that the ports differ.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
