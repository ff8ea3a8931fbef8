//! `qtask logs`: shows the log of a task.

use std::time::{Duration, Instant};

use clap::Args;
use reqwest::Method;
use uuid::Uuid;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::http::LIMIT;
use super::ids::{self, TaskId};
use super::log_lines::LogPrinter;
use super::model::{LogRecord, Task, is_terminal, plain};
use super::raw_json::Page;
use super::render::time_format;
use super::retry_policy::RetryPolicy;

/// Polling interval of `--follow`, in seconds.
const FOLLOW_SECONDS: u64 = 1;

/// Show the log of a task
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: logged_at, level, attempt, message, context (JSON).

Exit codes: 0 done, 2 usage error, 3 the service cannot be reached.

Examples:
  qtask logs 01a1f877-e10b-7243-ba50-5bf875c0c917
  qtask logs 01a1f877-e10b-7243-ba50-5bf875c0c917 --follow --level warning
  qtask logs 01a1f877-e10b-7243-ba50-5bf875c0c917 --since 10m --json"
)]
pub struct LogsArgs {
    /// A task id, whole or shortened to 8 or more of its first characters
    #[arg(value_name = "ID", value_parser = ids::id)]
    id: TaskId,

    /// Go on until the task has ended
    #[arg(long, short)]
    follow: bool,

    /// Only lines of this level and above
    #[arg(long, value_name = "LEVEL", value_parser = ["debug", "info", "warning", "error"])]
    level: Option<String>,

    /// Only lines since this time, or of the last 10m, 2h, 3days
    #[arg(long, value_name = "TIME", value_parser = time_format::given)]
    since: Option<String>,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Prints the existing lines and, with `--follow`, new ones.
pub async fn run(args: &LogsArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let id = ids::resolve(session, &args.id).await?;
    let mut reader = LogReader {
        args,
        id,
        session,
        last: None,
        writer: LogPrinter::default(),
    };
    if !args.follow {
        reader.read().await?;
        return Ok(true);
    }
    let mut retry_policy = RetryPolicy::default();
    let mut ended = false;
    loop {
        // Reads once more after the end, for lines written before it.
        let round = async {
            reader.read().await?;
            if ended {
                Ok(true)
            } else {
                has_ended(session, id).await
            }
        };
        match round.await {
            Ok(true) if ended => return Ok(true),
            Ok(now) => {
                ended = now;
                retry_policy.restore();
            }
            Err(error) => retry_policy.wait_or_fail(&session.output, error).await?,
        }
    }
}

struct LogReader<'a> {
    args: &'a LogsArgs,
    id: Uuid,
    session: &'a ClientSession,
    last: Option<String>,
    writer: LogPrinter,
}

impl LogReader<'_> {
    /// Prints the lines written since the last read.
    async fn read(&mut self) -> Result<(), ClientError> {
        let id = self.id.to_string();
        loop {
            let query = self.query();
            let document = self
                .session
                .api
                .get(&["tasks", &id, "logs"], &query)
                .await?;
            let bad = |error| self.session.api.bad_answer(&error);
            let page = Page::parse(&document).map_err(bad)?;
            let before = self.last.clone();
            for raw in &page.items {
                let line: LogRecord = serde_json::from_str(raw).map_err(bad)?;
                self.last = Some(plain(&line.id));
                self.writer.write(&self.session.output, &line, raw)?;
            }
            if page.next.is_none() || self.last == before {
                return Ok(());
            }
        }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("limit", Some("1000".to_owned())),
            ("level", self.args.level.clone()),
            ("since", self.args.since.clone()),
            ("after", self.last.clone()),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// Waits for one interval, or until the task is terminal. Returns whether it is.
async fn has_ended(session: &ClientSession, id: Uuid) -> Result<bool, ClientError> {
    let began = Instant::now();
    let query = [("wait", FOLLOW_SECONDS.to_string())];
    let request = session
        .api
        .request(Method::GET, &["tasks", &id.to_string()], &query);
    let request = request.timeout(LIMIT + Duration::from_secs(FOLLOW_SECONDS));
    let document = session.api.fetch(request).await?;
    let task: Task =
        serde_json::from_str(&document).map_err(|error| session.api.bad_answer(&error))?;
    let ended = is_terminal(&task.status);
    if !ended {
        // Limits the polling rate if the service does not wait.
        tokio::time::sleep(Duration::from_secs(FOLLOW_SECONDS).saturating_sub(began.elapsed()))
            .await;
    }
    Ok(ended)
}
