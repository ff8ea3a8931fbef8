//! Waits with a deadline, and helpers for private services.

use std::future::Future;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// Deadline of every wait before the test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Polling interval for conditions without a notification.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Polls `look` until it returns `Some`; after `limit`, fails the test with `what` in the message.
pub async fn eventually<T, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Ok(Some(found)) = tokio::time::timeout_at(deadline, look()).await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for: {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Runs the async clean-up of a test from a `Drop`.
pub fn finish_now<F>(future: F)
where
    F: Future<Output = ()> + Send,
{
    if on_a_thread(|| future).is_none() {
        eprintln!("cleaning up after a test failed, or did not end within {DEADLINE:?}");
    }
}

/// Runs a future to completion on a separate thread and runtime, and blocks this thread meanwhile: for `Drop`, which
/// cannot await. `None` if it exceeds the deadline or panics.
pub fn on_a_thread<T, F>(make: impl FnOnce() -> F + Send) -> Option<T>
where
    T: Send,
    F: Future<Output = T>,
{
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let limited = async { tokio::time::timeout(DEADLINE, make()).await };
        runtime.ok()?.block_on(limited).ok()
    };
    std::thread::scope(|scope| scope.spawn(run).join().ok().flatten())
}

/// A loopback port without a listener.
///
/// Below the ephemeral port range, so that no outgoing connection of another test occupies it when a service starts
/// or restarts.
pub fn free_port() -> u16 {
    (0..1000)
        .map(|_| rand::random_range(15_000..30_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port between 15000 and 30000")
}

/// A temporary directory, removed on drop.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// Creates the directory, readable for every user: services run as separate users.
    pub fn new(purpose: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let name = format!("qtask-{purpose}-{:08x}", rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new temporary directory");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("its permissions");
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} stays behind: {error}", self.0.display());
        }
    }
}
