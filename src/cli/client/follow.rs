//! Follows one task: over its event stream, or by polling while the stream is unavailable.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use super::error::ClientError;
use super::http::{self, Api, LIMIT};
use super::model::{LogRecord, Task, TaskHistoryEntry, is_terminal, plain};
use super::output::Output;
use super::raw_json::{self, Page};
use super::retry_policy::RetryPolicy;
use super::sse::{Event, Parser};

/// A stream without data, comments included, for this long is broken.
const SILENCE: Duration = Duration::from_secs(90);
/// Long-poll durations, in seconds: the short one while the stream is expected to reconnect.
const WAIT_SECONDS: [u64; 2] = [2, 10];
/// Minimum interval between polls, for a service that answers early without news.
const LEAST_PAUSE: Duration = Duration::from_millis(300);

/// An event of a task.
#[derive(Debug)]
pub enum TaskEvent {
    Status(TaskHistoryEntry),
    Progress(Value),
    Log(LogRecord),
    /// The last event, with the task's status.
    End(String),
}

/// Receives each event, parsed and as the service wrote it.
pub type OnEvent<'a> = &'a mut dyn FnMut(&TaskEvent, &str) -> Result<(), ClientError>;

/// Follows a task and remembers the events that were already reported.
pub struct TaskFollower<'a> {
    api: &'a Api,
    output: &'a Output,
    id: String,
    last_event: Option<String>,
    statuses: HashSet<(u64, String, String)>,
    last_log: Option<String>,
    streams: bool,
}

impl<'a> TaskFollower<'a> {
    /// A follower that has reported no event yet.
    pub fn new(api: &'a Api, output: &'a Output, id: Uuid) -> Self {
        Self {
            api,
            output,
            id: id.to_string(),
            last_event: None,
            statuses: HashSet::new(),
            last_log: None,
            streams: true,
        }
    }

    /// Reports all events until the task is terminal, and returns its status.
    pub async fn run(&mut self, tell: OnEvent<'_>) -> Result<String, ClientError> {
        let mut retry_policy = RetryPolicy::default();
        loop {
            if self.streams {
                match self.stream(tell).await {
                    Ok(Some(status)) => return Ok(status),
                    Ok(None) => {}
                    Err(error) if error.is_missing_endpoint() => self.streams = false,
                    Err(error) if error.is_transient() => {}
                    Err(error) => return Err(error),
                }
            }
            match self.ask(tell).await {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => retry_policy.restore(),
                Err(error) => retry_policy.wait_or_fail(self.output, error).await?,
            }
        }
    }

    /// Reports the events of the stream; `None` when the stream breaks.
    async fn stream(&mut self, tell: OnEvent<'_>) -> Result<Option<String>, ClientError> {
        let path = ["tasks", &self.id, "events"];
        let mut request = http::for_events(self.api.request(Method::GET, &path, &[]));
        if let Some(last) = &self.last_event {
            request = request.header("Last-Event-ID", last);
        }
        let mut response = self.api.send(request).await?;
        let mut parser = Parser::default();
        while let Ok(Ok(Some(bytes))) = tokio::time::timeout(SILENCE, response.chunk()).await {
            let Ok(events) = parser.feed(&bytes) else {
                return Ok(None);
            };
            for event in events {
                if let Some(status) = self.take(&event, tell)? {
                    return Ok(Some(status));
                }
            }
        }
        Ok(None)
    }

    /// Reports one event; returns the status at the last one. Skips events that cannot be parsed.
    fn take(&mut self, event: &Event, tell: OnEvent<'_>) -> Result<Option<String>, ClientError> {
        let data = event.data.as_str();
        match event.name.as_str() {
            "status" => self.tell_status(data, tell)?,
            "log" => self.tell_log(data, tell)?,
            "progress" => {
                if let Ok(progress) = serde_json::from_str(data) {
                    tell(&TaskEvent::Progress(progress), data)?;
                }
            }
            "end" => {
                let end: TaskHistoryEntry = serde_json::from_str(data).unwrap_or_default();
                // After an end event with an unknown status, polls the task.
                if is_terminal(&end.status) {
                    tell(&TaskEvent::End(end.status.clone()), data)?;
                    return Ok(Some(end.status));
                }
            }
            _ => {}
        }
        if event.id.is_some() {
            self.last_event.clone_from(&event.id);
        }
        Ok(None)
    }

    fn tell_status(&mut self, data: &str, tell: OnEvent<'_>) -> Result<(), ClientError> {
        let Ok(entry) = serde_json::from_str::<TaskHistoryEntry>(data) else {
            return Ok(());
        };
        let key = (
            entry.attempt,
            entry.status.clone(),
            entry.transitioned_at.clone(),
        );
        if self.statuses.insert(key) {
            tell(&TaskEvent::Status(entry), data)?;
        }
        Ok(())
    }

    fn tell_log(&mut self, data: &str, tell: OnEvent<'_>) -> Result<(), ClientError> {
        let Ok(line) = serde_json::from_str::<LogRecord>(data) else {
            return Ok(());
        };
        if !line.id.is_null() {
            let id = plain(&line.id);
            if self
                .last_log
                .as_ref()
                .is_some_and(|last| !is_later(&id, last))
            {
                return Ok(());
            }
            self.last_log = Some(id);
        }
        tell(&TaskEvent::Log(line), data)
    }

    /// Polls the task and reports what is new; returns the status if the task is terminal.
    async fn ask(&mut self, tell: OnEvent<'_>) -> Result<Option<String>, ClientError> {
        let began = Instant::now();
        let seconds = if self.streams {
            WAIT_SECONDS[0]
        } else {
            WAIT_SECONDS[1]
        };
        // The first poll does not wait: nothing has been reported yet.
        let seconds = if self.statuses.is_empty() { 0 } else { seconds };
        let query = [
            ("wait", seconds.to_string()),
            ("until", "change".to_owned()),
        ];
        let query = if seconds == 0 { &[][..] } else { &query[..] };
        let request = self.api.request(Method::GET, &["tasks", &self.id], query);
        let request = request.timeout(LIMIT + Duration::from_secs(seconds));
        let document = self.api.fetch(request).await?;
        let task: Task =
            serde_json::from_str(&document).map_err(|error| self.api.bad_answer(&error))?;
        for entry in raw_json::list(&document, "status_history") {
            self.tell_status(entry, tell)?;
        }
        self.ask_logs(tell).await?;
        if is_terminal(&task.status) {
            let data = serde_json::json!({"status": task.status}).to_string();
            tell(&TaskEvent::End(task.status.clone()), &data)?;
            return Ok(Some(task.status));
        }
        if seconds > 0 && began.elapsed() < LEAST_PAUSE {
            tokio::time::sleep(LEAST_PAUSE).await;
        }
        Ok(None)
    }

    async fn ask_logs(&mut self, tell: OnEvent<'_>) -> Result<(), ClientError> {
        loop {
            let before = self.last_log.clone();
            let mut query = vec![("limit", "1000".to_owned())];
            query.extend(self.last_log.clone().map(|last| ("after", last)));
            let document = match self.api.get(&["tasks", &self.id, "logs"], &query).await {
                Err(error) if error.is_missing_endpoint() => return Ok(()),
                answer => answer?,
            };
            let page = Page::parse(&document).map_err(|error| self.api.bad_answer(&error))?;
            for line in &page.items {
                self.tell_log(line, tell)?;
            }
            if page.next.is_none() || self.last_log == before {
                return Ok(());
            }
        }
    }
}

/// Whether a log line follows the last one. Numeric ids grow; any other id that differs counts as later.
fn is_later(id: &str, last: &str) -> bool {
    match (id.parse::<u64>(), last.parse::<u64>()) {
        (Ok(id), Ok(last)) => id > last,
        _ => id != last,
    }
}
