//! Waits until many tasks are terminal, with a bounded number of concurrent requests.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use uuid::Uuid;

use super::common::ClientSession;
use super::error::ClientError;
use super::http::LIMIT;
use super::model::{Task, is_terminal};
use super::progress::Progress;
use super::render::time_format::now;
use super::render::{progress as progress_of, waiting};
use super::retry_policy::RetryPolicy;

/// Maximum number of concurrent requests.
const AT_ONCE: usize = 32;
/// Long-poll duration of a request, in seconds.
const WAIT_SECONDS: u16 = 30;
/// Long-poll duration for a single task whose progress is displayed, in seconds.
const CLOSE_WAIT_SECONDS: u16 = 1;
/// Minimum interval between polls, for a service that answers early without news.
const LEAST_PAUSE: Duration = Duration::from_millis(300);
/// Maximum size of the answers that are kept, in bytes; the others are requested again.
const MOST_KEPT: usize = 64 << 20;
/// Maximum number of distinct reasons for waiting that are shown.
const MOST_TROUBLES: usize = 10;

/// A terminal task.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its index in the list of awaited tasks.
    pub place: usize,
    /// Its status.
    pub status: String,
    /// The whole answer, unless the memory limit was reached.
    pub document: Option<String>,
}

impl Ended {
    /// Whether the task completed successfully.
    pub fn succeeded(&self) -> bool {
        self.status == "completed"
    }
}

/// Waits until all tasks are terminal; returns them in the order given.
pub async fn all(
    session: &ClientSession,
    ids: &[Uuid],
    progress: &Progress,
) -> Result<Vec<Ended>, ClientError> {
    session.awaited.replace(ids.to_vec());
    let mut waiting: VecDeque<usize> = (0..ids.len()).collect();
    let mut asking = FuturesUnordered::new();
    let closely = progress.visible() && ids.len() == 1;
    let mut watch = TaskWaiter::new(ids.len());
    // The first poll does not wait: tasks that are already terminal return at once.
    let mut seconds = 0;
    let mut retry_policy = RetryPolicy::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    progress.show(0, 0, ids.len(), "waiting");
    while watch.ended.len() < ids.len() {
        while asking.len() < AT_ONCE {
            let Some(place) = waiting.pop_front() else {
                break;
            };
            let id = ids.get(place).copied().unwrap_or_default();
            asking.push(ask(session, place, id, seconds, closely));
        }
        seconds = if closely {
            CLOSE_WAIT_SECONDS
        } else {
            WAIT_SECONDS
        };
        let answer = tokio::select! {
            answer = asking.next() => answer,
            _ = tick.tick(), if progress.visible() => {
                watch.show(progress);
                continue;
            }
        };
        match answer {
            Some((place, Ok((task, document)))) => {
                retry_policy.restore();
                if is_terminal(&task.status) {
                    watch.end(place, task.status, document);
                } else {
                    watch.doing = doing(&task);
                    if !closely {
                        watch.tell_trouble(&task, session, progress);
                    }
                    waiting.push_back(place);
                }
                watch.show(progress);
            }
            Some((_, Err(error))) => {
                // The other requests would fail in the same way, one backoff after the other.
                asking.clear();
                progress.clear();
                retry_policy.wait_or_fail(&session.output, error).await?;
                waiting = watch.not_ended();
            }
            None => break,
        }
    }
    session.awaited.borrow_mut().clear();
    watch.ended.sort_by_key(|ended| ended.place);
    Ok(watch.ended)
}

/// The state of the wait.
struct TaskWaiter {
    ended: Vec<Ended>,
    total: usize,
    failed: usize,
    kept: usize,
    doing: String,
    /// The troubles that were already reported.
    troubles: HashSet<String>,
}

impl TaskWaiter {
    fn new(total: usize) -> Self {
        Self {
            ended: Vec::new(),
            total,
            failed: 0,
            kept: 0,
            doing: "waiting".to_owned(),
            troubles: HashSet::new(),
        }
    }

    /// Reports each reason that keeps tasks waiting until an operator acts, once.
    fn tell_trouble(&mut self, task: &Task, session: &ClientSession, progress: &Progress) {
        let Some(trouble) = waiting::trouble(task).filter(|_| progress.wanted()) else {
            return;
        };
        if self.troubles.len() < MOST_TROUBLES && self.troubles.insert(trouble.clone()) {
            progress.clear();
            session.output.note(&format!("Waiting: {trouble}."));
        }
    }

    fn not_ended(&self) -> VecDeque<usize> {
        let ended: HashSet<usize> = self.ended.iter().map(|ended| ended.place).collect();
        (0..self.total)
            .filter(|place| !ended.contains(place))
            .collect()
    }

    fn end(&mut self, place: usize, status: String, document: String) {
        self.kept += document.len();
        let ended = Ended {
            place,
            status,
            document: (self.kept <= MOST_KEPT).then_some(document),
        };
        self.failed += usize::from(!ended.succeeded());
        self.ended.push(ended);
    }

    fn show(&self, progress: &Progress) {
        progress.show(self.ended.len(), self.failed, self.total, &self.doing);
    }
}

/// `processing on w1, step 8 of 15`, `pending, next in line`.
fn doing(task: &Task) -> String {
    let running = task.status == "processing";
    let worker = task.worker_id.as_ref().filter(|_| running);
    let parts = [
        Some(match worker {
            Some(worker) => format!("{} on {worker}", task.status),
            None => task.status.clone(),
        }),
        task.progress
            .as_ref()
            .filter(|_| running)
            .map(progress_of::show),
        waiting::show(task, now()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

type PolledTask = (usize, Result<(Task, String), ClientError>);

/// Polls a task until it is terminal; for a single displayed task, until it changes.
async fn ask(
    session: &ClientSession,
    place: usize,
    id: Uuid,
    seconds: u16,
    closely: bool,
) -> PolledTask {
    let began = Instant::now();
    let answer = fetch(session, id, seconds, closely).await;
    let early = seconds > 0 && began.elapsed() < LEAST_PAUSE;
    if early && matches!(&answer, Ok((task, _)) if !is_terminal(&task.status)) {
        tokio::time::sleep(LEAST_PAUSE).await;
    }
    (place, answer)
}

async fn fetch(
    session: &ClientSession,
    id: Uuid,
    seconds: u16,
    closely: bool,
) -> Result<(Task, String), ClientError> {
    let mut query = Vec::new();
    if seconds > 0 {
        query.push(("wait", seconds.to_string()));
        if closely {
            query.push(("until", "change".to_owned()));
        }
    }
    let path = ["tasks", &id.to_string()];
    let request = session.api.request(Method::GET, &path, &query);
    let request = request.timeout(LIMIT + Duration::from_secs(seconds.into()));
    let document = session.api.fetch(request).await?;
    let task = serde_json::from_str(&document).map_err(|error| session.api.bad_answer(&error))?;
    Ok((task, document))
}

/// The whole answer for a terminal task.
pub async fn document(
    session: &ClientSession,
    id: Uuid,
    ended: &Ended,
) -> Result<String, ClientError> {
    match &ended.document {
        Some(document) => Ok(document.clone()),
        None => session.api.get(&["tasks", &id.to_string()], &[]).await,
    }
}
