//! Server-sent events of a task.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::Stream;
use futures_util::stream::{empty, unfold};
use serde::Serialize;
use serde_json::json;
use tracing::debug;
use uuid::Uuid;

use super::logs::most_text;
use crate::api::answer_memory::{AnswerMemory, Unsent};
use crate::api::head::is_head;
use crate::api::responses::{HistoryView, LogView, QueryErrors, ReadErrors, TaskErrors};
use crate::api::{ApiState, Problem, extract};
use crate::domain::last_event_id::LastEventId;
use crate::domain::status::Status;
use crate::service::watch::TaskWatch;
use crate::store::{HistoryEntry, Json, LogEntry, Store, StoreError};

/// Interval of keep-alive comments in a stream without events; proxies close idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Maximum number of log lines that one read returns.
const LOG_PAGE: i64 = 500;

/// Stream a task's statuses, progress and log until it is terminal.
///
/// Events: `status` (an entry of the history), `log` (a line), `progress` (an object in a format of the worker), and
/// finally `end` with the terminal status. `Last-Event-ID` resumes an interrupted stream: each status and each line
/// is sent exactly once.
#[utoipa::path(
    get, path = "/tasks/{task_id}/events", operation_id = "follow_task", tag = "tasks",
    params(
        ("task_id" = Uuid, Path, description = "As given by the submission."),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen.", pattern = "^([0-9]+[.][0-9]+)?$"),
        ("last_event_id" = Option<String>, Query, description = "The same, for clients that cannot set headers.", pattern = "^([0-9]+[.][0-9]+)?$"),
    ),
    responses(
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream"),
        TaskErrors, QueryErrors, ReadErrors,
    )
)]
pub async fn follow_task(
    state: web::Data<ApiState>,
    request: HttpRequest,
    task_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let task_id = extract::task_id(&task_id)?;
    let seen = extract::last_event_id(&request)?;
    if is_head(&request) {
        return if state.store.task_exists(task_id).await? {
            Ok(answer().streaming(empty::<Result<Bytes, Infallible>>()))
        } else {
            Err(Problem::task_not_found(task_id))
        };
    }
    let mut follower = EventFollower {
        store: state.store.clone(),
        answers: state.answer_memory.clone(),
        // Subscribe before the first read, so that no later change is missed.
        watching: state.watch.task(task_id),
        task_id,
        seen,
        progress: None,
        ready: VecDeque::from([Bytes::from_static(b"retry: 1000\n\n")]),
        unsent: Unsent::default(),
        more: false,
        ended: false,
    };
    if !follower.look().await? {
        return Err(Problem::task_not_found(task_id));
    }
    Ok(answer().streaming(follower.events()))
}

fn answer() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-cache"))
        // Keeps proxies from buffering events.
        .insert_header(("X-Accel-Buffering", "no"));
    answer
}

struct EventFollower {
    store: Store,
    answers: AnswerMemory,
    watching: TaskWatch,
    task_id: Uuid,
    seen: LastEventId,
    progress: Option<Json>,
    /// Events to send: at most those of one read.
    ready: VecDeque<Bytes>,
    /// The memory of the events to send.
    unsent: Unsent,
    /// Whether the last read left log lines for the next one.
    more: bool,
    ended: bool,
}

impl EventFollower {
    fn events(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, |mut follower| async move {
            let event = follower.next().await?;
            Some((Ok(event), follower))
        })
    }

    /// The next event; `None` at the end of the stream. An error ends the stream; the client reconnects and resumes.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.unsent = Unsent::default();
            if self.ended {
                return None;
            }
            if !self.more {
                match tokio::time::timeout(KEEP_ALIVE, self.watching.changed()).await {
                    Err(_) => return Some(Bytes::from_static(b": alive\n\n")),
                    Ok(false) => return None,
                    Ok(true) => {}
                }
            }
            match self.look().await {
                Ok(true) => {}
                // The submission was withdrawn.
                Ok(false) => return None,
                Err(error) => {
                    debug!(
                        event = "request.stream_failed", task_id = %self.task_id, %error,
                        "event stream ended: the task could not be read"
                    );
                    return None;
                }
            }
        }
    }

    /// Reads new events, within the memory of all responses; false if the task does not exist.
    async fn look(&mut self) -> Result<bool, Problem> {
        let reading = self.answers.read_permit(most_text(LOG_PAGE)).await?;
        let found = self.read().await?;
        drop(reading);
        let bytes = self.ready.iter().map(Bytes::len).sum();
        self.unsent = self.answers.try_unsent(bytes)?;
        Ok(found)
    }

    /// Reads new events; false if the task does not exist. Lines that were written before the end precede the `end`
    /// event.
    async fn read(&mut self) -> Result<bool, StoreError> {
        let news = self.store.task_since(self.task_id, self.seen, LOG_PAGE);
        let Some(news) = news.await? else {
            return Ok(false);
        };
        let (last, first): (Vec<_>, Vec<_>) = news
            .history
            .into_iter()
            .partition(|entry| entry.status.is_terminal());
        for entry in first {
            self.add_status(entry);
        }
        for line in news.log.lines {
            self.add_log(line);
        }
        self.more = news.log.more;
        if self.more {
            return Ok(true);
        }
        if news.progress.is_some() && news.progress != self.progress {
            self.progress.clone_from(&news.progress);
            self.add("progress", &news.progress);
        }
        for entry in last {
            self.add_status(entry);
        }
        if news.status.is_terminal() {
            self.add_end(news.status);
        }
        Ok(true)
    }

    fn add_status(&mut self, entry: HistoryEntry) {
        self.seen.history = entry.id;
        self.add("status", &HistoryView::from(entry));
    }

    fn add_log(&mut self, line: LogEntry) {
        self.seen.log = line.id;
        self.add("log", &LogView::from(line));
    }

    fn add_end(&mut self, status: Status) {
        self.add("end", &json!({"status": status}));
        self.ended = true;
    }

    fn add(&mut self, event: &str, data: &impl Serialize) {
        let id = self.seen;
        // Compact JSON contains no line break, which would end the field of the event.
        let data = serde_json::to_string(data).unwrap_or_default();
        let text = format!("id: {id}\nevent: {event}\ndata: {data}\n\n");
        self.ready.push_back(text.into());
    }
}
