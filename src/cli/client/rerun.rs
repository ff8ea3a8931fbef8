//! `qtask rerun`: new tasks with the inputs of tasks that have ended.

use clap::Args;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use uuid::Uuid;

use super::common::{ClientSession, CommonArgs};
use super::confirm::confirm;
use super::error::ClientError;
use super::ids::OptionalIdArgs;
use super::model::RerunAnswer;
use super::output::Form;
use super::progress::Progress;
use super::render::text;
use super::retry_policy::retrying;
use super::selection::{SelectionArgs, ids_or_filters};

/// Maximum number of ids in one request.
const MOST_AT_ONCE: usize = 1_000;
/// The terminal statuses.
const ENDED: [&str; 3] = ["completed", "failed", "cancelled"];

/// Rerun tasks that have ended: new tasks with the same inputs
///
/// Each new task has the circuit or problem, options, backend, priority, timeout, attempts, metadata, name, tags and webhook of the
/// other, and shows its id as `rerun_of`. The other stays as it is. Filters leave out tasks of which a rerun exists.
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: task_id, rerun_of, status, submitted_at; with --dry-run, the number of tasks.

Exit codes: 0 done, 2 usage error, or a task does not exist or has not ended, 3 the service cannot be
reached.

Examples:
  qtask rerun 01a1f877-e10b-7243-ba50-5bf875c0c917
  qtask rerun --status failed --error-code killed --since 24h --dry-run
  qtask rerun --status failed --error-code killed --since 24h --yes
  qtask list --tag nightly --status failed --all | qtask rerun - | qtask watch -"
)]
pub struct RerunArgs {
    #[command(flatten)]
    ids: OptionalIdArgs,

    /// Only show how many tasks fit
    #[arg(long)]
    dry_run: bool,

    /// Do not ask before the tasks that fit filters are rerun
    #[arg(long, short)]
    yes: bool,

    /// Only tasks in this status; repeat it for several, or write commas between
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = ENDED, help_heading = "Filters instead of ids")]
    status: Vec<String>,

    /// Only tasks that failed with this code
    #[arg(long, value_name = "CODE", help_heading = "Filters instead of ids")]
    error_code: Option<String>,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    pub common: CommonArgs,
}

impl RerunArgs {
    fn has_filters(&self) -> bool {
        !self.status.is_empty() || self.error_code.is_some() || !self.selection.is_empty()
    }

    fn statuses(&self) -> Vec<String> {
        match (&self.error_code, self.status.is_empty()) {
            (_, false) => self.status.clone(),
            (Some(_), true) => vec!["failed".to_owned()],
            (None, true) => ENDED.map(str::to_owned).to_vec(),
        }
    }
}

/// Reruns the tasks, with one request for up to 1,000 of them.
pub async fn run(args: &RerunArgs, session: &ClientSession) -> Result<bool, ClientError> {
    ids_or_filters(args.ids.are_given(), args.has_filters())?;
    if args.ids.are_given() {
        by_ids(args, session).await
    } else {
        by_filter(args, session).await
    }
}

async fn by_ids(args: &RerunArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let ids = args.ids.resolve(session).await?;
    let mut matched = 0;
    for chunk in ids.chunks(MOST_AT_ONCE) {
        let mut left: Vec<Uuid> = chunk.to_vec();
        // A request copies a bounded amount of inputs: those left follow, in the order of their ids.
        left.sort_unstable();
        left.dedup();
        while !left.is_empty() {
            let body = json!({"task_ids": left, "dry_run": args.dry_run});
            let (page, document) = send(session, &body).await?;
            matched += page.matched;
            show(session, &page, &document, args.dry_run)?;
            let last: Option<Uuid> = page.next_after.as_ref().and_then(|id| id.parse().ok());
            left.retain(|id| last.is_some_and(|last| *id > last));
        }
    }
    end(args, session, matched)
}

async fn by_filter(args: &RerunArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let output = &session.output;
    let filter = args.selection.filter(&args.statuses());
    let mut request = json!({"filter": filter, "error_code": args.error_code, "dry_run": true});
    let counted = series(session, &mut request, |_, _, _| Ok(())).await?;
    if args.dry_run || counted == 0 {
        return end(args, session, counted);
    }
    let question = format!("{} will be rerun.", text::count(counted, "task"));
    if !confirm(output, &question, args.yes).await? {
        return Ok(true);
    }
    let progress = Progress::new(output, output.form != Form::Human);
    let total = usize::try_from(counted).unwrap_or(usize::MAX);
    // `request` keeps the time of the count: tasks that were submitted since then are left alone.
    set(&mut request, "dry_run", json!(false));
    let rerun = series(session, &mut request, |page, document, done| {
        progress.show(done, 0, total, "rerun");
        show(session, page, document, false)
    });
    let rerun = rerun.await?;
    drop(progress);
    end(args, session, rerun)
}

/// Sends the request for page after page, and returns the number of tasks.
async fn series(
    session: &ClientSession,
    request: &mut Value,
    mut on_page: impl FnMut(&RerunAnswer, &str, usize) -> Result<(), ClientError>,
) -> Result<u64, ClientError> {
    let (mut matched, mut after) = (0, None);
    loop {
        set(request, "after", json!(after));
        let (page, document) = send(session, request).await?;
        matched += page.matched;
        on_page(
            &page,
            &document,
            usize::try_from(matched).unwrap_or(usize::MAX),
        )?;
        if let Some(as_of) = &page.as_of {
            set(request, "as_of", json!(as_of));
        }
        // A repeated position would make the series endless.
        if page.next_after.is_none() || page.next_after == after {
            return Ok(matched);
        }
        after = page.next_after;
    }
}

fn set(request: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = request {
        fields.insert(field.to_owned(), value);
    }
}

/// Sends one request, under a key of its own: a repetition after a lost answer makes no further tasks.
async fn send(session: &ClientSession, body: &Value) -> Result<(RerunAnswer, String), ClientError> {
    let (api, output) = (&session.api, &session.output);
    let key = Uuid::now_v7().to_string();
    let request = async || {
        let request = api.request(Method::POST, &["tasks", "rerun"], &[]);
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &key);
        api.fetch(request.body(body.to_string())).await
    };
    let document = retrying(output, request).await?;
    let page = serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))?;
    Ok((page, document))
}

fn show(
    session: &ClientSession,
    page: &RerunAnswer,
    document: &str,
    dry_run: bool,
) -> Result<(), ClientError> {
    let output = &session.output;
    if dry_run {
        return Ok(());
    }
    if output.form == Form::Json {
        return output.json(document);
    }
    page.tasks.iter().try_for_each(|task| match output.form {
        Form::Human => output.line(&format!(
            "{}  rerun of {}",
            text::line(&task.task_id),
            text::line(&task.rerun_of)
        )),
        _ => output.columns(&[
            &task.task_id,
            &task.rerun_of,
            &task.status,
            &task.submitted_at,
        ]),
    })
}

fn end(args: &RerunArgs, session: &ClientSession, matched: u64) -> Result<bool, ClientError> {
    let output = &session.output;
    match output.form {
        Form::Json if args.dry_run => {
            output.json(&json!({"dry_run": true, "matched": matched}).to_string())?;
        }
        Form::Columns if args.dry_run => output.columns(&[&matched.to_string()])?,
        Form::Json | Form::Columns => {}
        Form::Human if matched == 0 => output.note("No task fits."),
        Form::Human if args.dry_run => {
            let tasks = text::count(matched, "task");
            output.line(&format!("{tasks} would be rerun."))?;
        }
        Form::Human => output.note(&format!("{} rerun.", text::count(matched, "task"))),
    }
    Ok(true)
}
