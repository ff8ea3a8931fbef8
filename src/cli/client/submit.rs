//! `qtask submit`: submits circuits from files, or a benchmark problem.

use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::model::Acknowledgement;
use super::outcome;
use super::output::Form;
use super::raw_json::Page;
use super::render::paint::Cell;
use super::render::text;
use super::request_batch::RequestBatch;
use super::retry_policy::retrying;
use super::sources::{self, CircuitSource};
use super::submission::{SubmissionArgs, SubmissionTemplate};

/// Submit circuits or a problem
///
/// Each FILE is an OpenQASM program; `-` reads one from standard input. Repeating a request that got
/// no answer is safe and done by itself: no task is submitted twice.
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: task_id, status, file; with --wait: task_id, status, file, error_code,
error_message, result (JSON), execution (JSON: how it ran, and what was asked for beside the
counts).

Exit codes: 0 done, 1 a task failed or was cancelled (--wait), 2 usage error,
3 the service cannot be reached, 130 Ctrl-C.

Examples:
  qtask submit bell.qasm --shots 1000 --wait
  qtask submit - < bell.qasm
  qtask submit rotate.qasm --parameter theta=0.5 --parameter on=true --wait
  qtask submit bell.qasm --probabilities --statevector --wait
  qtask submit bell.qasm --observable 0.5*ZZ+XX --shots 0 --wait
  qtask submit rotate.qasm --parameter theta=0:6.28:100 --observable Z --wait
  qtask submit circuits/*.qasm --tag nightly --quiet > ids
  qtask submit bell.qasm --wait --json              # the result, for jq
  qtask submit --problem misconfig-1 --agent-config agent.json --max-steps 20"
)]
pub struct SubmitArgs {
    /// OpenQASM programs; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "problem")]
    files: Vec<PathBuf>,

    /// Names this submission: submitting the same again under the same key submits nothing new
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    /// Wait until all have ended, and show their results
    #[arg(long)]
    wait: bool,

    /// Print nothing but the ids
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,

    #[command(flatten)]
    submission: SubmissionArgs,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// An accepted task.
struct AcceptedTask {
    id: Uuid,
    name: String,
}

/// Submits, and waits if requested. Returns whether all tasks succeeded.
pub async fn run(args: &SubmitArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let template = args.submission.template()?;
    let sources: Vec<CircuitSource> = args
        .files
        .iter()
        .map(|file| CircuitSource::new(file))
        .collect();
    sources::check(&sources)?;
    let mut submitter = TaskSubmitter::new(args, session, sources.len());
    if let Err(error) = submitter.all(&template, &sources).await {
        session.output.error(&error.lines());
        submitter.tell_what_was_accepted();
        return Err(ClientError::AlreadyReported(error.code()));
    }
    if !args.wait {
        return Ok(true);
    }
    let ids: Vec<Uuid> = submitter.accepted.iter().map(|task| task.id).collect();
    let names: Vec<&str> = submitter
        .accepted
        .iter()
        .map(|task| task.name.as_str())
        .collect();
    outcome::wait_and_show(session, &ids, &names, args.quiet).await
}

struct TaskSubmitter<'a> {
    args: &'a SubmitArgs,
    session: &'a ClientSession,
    key: String,
    single: bool,
    chunks: usize,
    accepted: Vec<AcceptedTask>,
}

impl<'a> TaskSubmitter<'a> {
    fn new(args: &'a SubmitArgs, session: &'a ClientSession, sources: usize) -> Self {
        let own = || format!("qtask-{}", Uuid::now_v7());
        Self {
            args,
            session,
            key: args.idempotency_key.clone().unwrap_or_else(own),
            single: sources <= 1,
            chunks: 0,
            accepted: Vec::new(),
        }
    }

    async fn all(
        &mut self,
        template: &SubmissionTemplate,
        sources: &[CircuitSource],
    ) -> Result<(), ClientError> {
        let mut batch = RequestBatch::default();
        if let Some(problem) = template.problem() {
            batch.push(template.of_problem(), problem.to_owned());
        }
        for source in sources {
            let body = template.of_circuit(&source.read().await?, source.label());
            if !batch.has_room_for(&body) {
                self.send(std::mem::take(&mut batch)).await?;
            }
            batch.push(body, source.name());
        }
        self.send(batch).await
    }

    async fn send(&mut self, batch: RequestBatch) -> Result<(), ClientError> {
        let (path, body) = match batch.bodies.as_slice() {
            [single] if self.single => (&["tasks"][..], single.clone()),
            bodies => (
                &["tasks", "batch"][..],
                format!("{{\"tasks\":[{}]}}", bodies.join(",")),
            ),
        };
        let key = self.next_key();
        let (api, output) = (&self.session.api, &self.session.output);
        let answer = retrying(output, async || api.post(path, &body, &key).await).await;
        let named = |error: ClientError| error.with_fields_called(|field| batch.called(field));
        self.accept(&batch, &answer.map_err(named)?)
    }

    /// A distinct idempotency key per request; the first request uses the key of the invocation.
    fn next_key(&mut self) -> String {
        self.chunks += 1;
        match self.chunks {
            1 => self.key.clone(),
            later => format!("{}-{later}", self.key),
        }
    }

    fn accept(&mut self, batch: &RequestBatch, document: &str) -> Result<(), ClientError> {
        let api = &self.session.api;
        let bad = |error: serde_json::Error| api.bad_answer(&error);
        let answers: Vec<&str> = if self.single {
            vec![document]
        } else {
            Page::parse(document).map_err(bad)?.items
        };
        if answers.len() != batch.names.len() {
            let message = format!(
                "{} answered for {} tasks instead of {}",
                api.shown(),
                answers.len(),
                batch.names.len()
            );
            return Err(ClientError::BadAnswer(message));
        }
        for (answer, name) in answers.into_iter().zip(&batch.names) {
            let task: Acknowledgement = serde_json::from_str(answer).map_err(bad)?;
            let id = task
                .task_id
                .parse()
                .map_err(|_| ClientError::BadAnswer(format!("{} gave no task id", api.shown())))?;
            self.accepted.push(AcceptedTask {
                id,
                name: name.clone(),
            });
            self.session.awaited.borrow_mut().push(id);
            self.show(&task, name, answer)?;
        }
        if !self.args.wait {
            self.session.awaited.borrow_mut().clear();
        }
        Ok(())
    }

    fn show(&self, task: &Acknowledgement, name: &str, document: &str) -> Result<(), ClientError> {
        let output = &self.session.output;
        if self.args.quiet {
            return output.columns(&[&task.task_id]);
        }
        if self.args.wait {
            return Ok(());
        }
        match output.form {
            Form::Json => output.json(document),
            Form::Columns => output.columns(&[&task.task_id, &task.status, name]),
            Form::Human => output.line(&format!(
                "{}  {}  {}",
                text::line(&task.task_id),
                Cell::status(&task.status).show(output.paint),
                text::line(name)
            )),
        }
    }

    fn tell_what_was_accepted(&self) {
        if !self.accepted.is_empty() {
            let count = text::count(self.accepted.len(), "task");
            self.session
                .output
                .note(&format!("Before that, {count} had been submitted."));
        }
    }
}
