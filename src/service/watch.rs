//! Waiting for changes without polling the table: one listening connection per process, shared by all
//! waits in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::{
    CHANGES, DatabaseSettings, Notification, READY, TOKENS, WEBHOOKS, changed_tasks, listen,
};

/// Notifies its subscribers that something has changed; they read the change from the database.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<WatchShared>,
}

struct WatchShared {
    tasks: Mutex<HashMap<Uuid, watch::Sender<()>>>,
    ready: watch::Sender<Signals>,
    webhooks: watch::Sender<()>,
    tokens: watch::Sender<Signals>,
    stopping: CancellationToken,
}

/// Maximum number of names to remember.
const MAX_NAMES: usize = 10_000;

/// Signals about backends, that tasks have become claimable, or about tokens, that they have changed: numbers that only grow.
#[derive(Default)]
pub(super) struct Signals {
    last: u64,
    /// The last signal for all names.
    for_all: u64,
    by_name: HashMap<String, u64>,
}

impl Signals {
    fn note(&mut self, name: &str) {
        self.last += 1;
        if self.by_name.len() >= MAX_NAMES {
            self.by_name.clear();
            self.for_all = self.last;
        }
        self.by_name.insert(name.to_owned(), self.last);
    }

    fn note_all(&mut self) {
        self.last += 1;
        self.for_all = self.last;
    }

    /// The last signal about one of these names.
    pub(super) fn of(&self, names: &[impl AsRef<str>]) -> u64 {
        let own = names
            .iter()
            .filter_map(|name| self.by_name.get(name.as_ref()));
        own.copied().max().unwrap_or_default().max(self.for_all)
    }
}

impl Watch {
    /// Listens until `stop` is cancelled, which ends every wait.
    pub fn start(database: DatabaseSettings, stop: CancellationToken) -> Self {
        let shared = Arc::new(WatchShared {
            tasks: Mutex::default(),
            ready: watch::Sender::default(),
            webhooks: watch::Sender::new(()),
            tokens: watch::Sender::default(),
            stopping: stop.clone(),
        });
        let listener = shared.clone();
        listen(
            database,
            &[CHANGES, READY, WEBHOOKS, TOKENS],
            stop,
            move |heard| {
                listener.hear(heard);
            },
        );
        Self { shared }
    }

    /// Watches one task from now on: a read after this call misses no change.
    pub fn task(&self, task_id: Uuid) -> TaskWatch {
        let mut tasks = self.shared.lock();
        let changes = tasks
            .entry(task_id)
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        TaskWatch {
            shared: self.shared.clone(),
            task_id,
            changes,
        }
    }

    /// Watches for tasks of these backends that become claimable, from now on.
    pub fn ready(&self, backends: Vec<String>) -> ReadyWatch {
        let changes = self.shared.ready.subscribe();
        let seen = changes.borrow().of(&backends);
        ReadyWatch {
            changes,
            backends,
            seen,
            stopping: self.shared.stopping.clone(),
        }
    }

    /// Watches for webhooks that become due.
    pub fn webhooks(&self) -> OwedWatch {
        OwedWatch {
            changes: self.shared.webhooks.subscribe(),
            stopping: self.shared.stopping.clone(),
        }
    }

    /// The changes of tokens, by their ids.
    pub(super) fn tokens(&self) -> watch::Receiver<Signals> {
        self.shared.tokens.subscribe()
    }

    /// A number that grows with each change of the token.
    pub(super) fn token_change(&self, token_id: &str) -> u64 {
        self.shared.tokens.borrow().of(&[token_id])
    }

    /// Notes that this process has changed a token: the announcement takes its time.
    pub(super) fn note_token(&self, token_id: &str) {
        self.shared
            .tokens
            .send_modify(|changes| changes.note(token_id));
    }

    /// Cancelled when the process stops, which ends every wait.
    pub fn stopping(&self) -> &CancellationToken {
        &self.shared.stopping
    }
}

impl WatchShared {
    fn hear(&self, heard: Notification<'_>) {
        match heard {
            // Notifications were lost while the connection was down.
            Notification::Connected => {
                self.lock().values().for_each(|task| task.send_replace(()));
                self.ready.send_modify(Signals::note_all);
                self.webhooks.send_replace(());
                self.tokens.send_modify(Signals::note_all);
            }
            Notification::Notified { channel, payload } if channel == CHANGES => {
                let tasks = self.lock();
                for task in changed_tasks(payload).filter_map(|task_id| tasks.get(&task_id)) {
                    task.send_replace(());
                }
            }
            Notification::Notified { channel, .. } if channel == WEBHOOKS => {
                self.webhooks.send_replace(());
            }
            Notification::Notified { channel, payload } if channel == TOKENS => {
                self.tokens.send_modify(|changes| changes.note(payload));
            }
            Notification::Notified { payload, .. } => {
                self.ready.send_modify(|signals| signals.note(payload));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        // No code under this lock can panic between two related changes.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscription to the changes of one task.
pub struct TaskWatch {
    shared: Arc<WatchShared>,
    task_id: Uuid,
    changes: watch::Receiver<()>,
}

impl TaskWatch {
    /// Waits for a change since the last call, or since the watch began. False when the process
    /// stops.
    pub async fn changed(&mut self) -> bool {
        wait(&self.shared.stopping, &mut self.changes).await
    }
}

impl Drop for TaskWatch {
    fn drop(&mut self) {
        let mut tasks = self.shared.lock();
        let last = tasks
            .get(&self.task_id)
            .is_some_and(|task| task.receiver_count() <= 1);
        if last {
            tasks.remove(&self.task_id);
        }
    }
}

/// A subscription to claimable tasks.
pub struct ReadyWatch {
    changes: watch::Receiver<Signals>,
    backends: Vec<String>,
    seen: u64,
    stopping: CancellationToken,
}

impl ReadyWatch {
    /// The backends whose tasks are awaited.
    pub fn backends(&self) -> &[String] {
        &self.backends
    }

    /// The latest signal, which then counts as seen. It only grows.
    pub fn signal(&mut self) -> u64 {
        self.seen = self.changes.borrow().of(&self.backends);
        self.seen
    }

    /// Waits for an unseen signal. False when the process stops.
    pub async fn changed(&mut self) -> bool {
        let Self {
            changes,
            backends,
            seen,
            stopping,
        } = self;
        let newer = changes.wait_for(|signals| signals.of(backends) > *seen);
        matches!(stopping.run_until_cancelled(newer).await, Some(Ok(_)))
    }
}

/// A subscription to due webhooks.
pub struct OwedWatch {
    changes: watch::Receiver<()>,
    stopping: CancellationToken,
}

impl OwedWatch {
    /// Waits for a due webhook since the last call, or since the watch began. False when the process stops.
    pub async fn changed(&mut self) -> bool {
        wait(&self.stopping, &mut self.changes).await
    }
}

async fn wait(stopping: &CancellationToken, changes: &mut watch::Receiver<()>) -> bool {
    matches!(
        stopping.run_until_cancelled(changes.changed()).await,
        Some(Ok(()))
    )
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn watch() -> Watch {
        Watch {
            shared: Arc::new(WatchShared {
                tasks: Mutex::default(),
                ready: watch::Sender::default(),
                webhooks: watch::Sender::new(()),
                tokens: watch::Sender::default(),
                stopping: CancellationToken::new(),
            }),
        }
    }

    fn notify(watch: &Watch, channel: &str, payload: &str) {
        watch
            .shared
            .hear(Notification::Notified { channel, payload });
    }

    #[tokio::test]
    async fn only_those_who_wait_for_the_task_are_woken() {
        let watch = watch();
        let (mine, other) = (Uuid::now_v7(), Uuid::now_v7());
        let mut first = watch.task(mine);
        let mut second = watch.task(mine);
        let mut third = watch.task(other);
        notify(&watch, CHANGES, &mine.simple().to_string());
        assert!(first.changed().await && second.changed().await);
        assert!(first.changed().now_or_never().is_none());
        assert!(third.changed().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_new_link_wakes_everyone_and_a_stop_ends_every_wait() {
        let watch = watch();
        let (mut task, mut ready) = (watch.task(Uuid::now_v7()), watch.ready(Vec::new()));
        watch.shared.hear(Notification::Connected);
        assert!(task.changed().await && ready.changed().await);
        watch.stopping().cancel();
        assert!(!task.changed().await && !ready.changed().await);
    }

    #[test]
    fn a_change_of_a_token_and_a_new_link_are_noted() {
        let watch = watch();
        let last = || (watch.token_change("a"), watch.token_change("b"));
        notify(&watch, TOKENS, "a");
        assert_eq!(last(), (1, 0));
        watch.note_token("b");
        assert_eq!(last(), (1, 2));
        watch.shared.hear(Notification::Connected);
        notify(&watch, CHANGES, &Uuid::now_v7().simple().to_string());
        assert_eq!(last(), (3, 3));
    }

    #[tokio::test]
    async fn only_those_who_serve_the_backend_are_woken() {
        let watch = watch();
        let mut aer = watch.ready(vec!["mock".to_owned(), "aer".to_owned()]);
        let mut other = watch.ready(vec!["other".to_owned()]);
        notify(&watch, READY, "aer");
        assert!(aer.changed().await);
        assert_eq!((aer.signal(), other.signal()), (1, 0));
        assert!(aer.changed().now_or_never().is_none());
        assert!(other.changed().now_or_never().is_none());
    }

    #[test]
    fn a_task_that_nobody_waits_for_is_forgotten() {
        let watch = watch();
        let task_id = Uuid::now_v7();
        let (first, second) = (watch.task(task_id), watch.task(task_id));
        drop(first);
        assert_eq!(watch.shared.lock().len(), 1);
        drop(second);
        assert_eq!(watch.shared.lock().len(), 0);
    }
}
