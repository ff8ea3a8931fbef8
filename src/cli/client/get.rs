//! `qtask get`: shows one or more tasks.

use clap::Args;
use uuid::Uuid;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::ids::IdArgs;
use super::list;
use super::model::Task;
use super::output::Form;
use super::progress::Progress;
use super::render::time_format::now;
use super::render::{submitted, task as view};
use super::wait;

/// Show a task: its result, its error, its history
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: the values of `qtask list` up to error_message, and behind them result and execution
(how it ran, and what was asked for beside the counts) as JSON; with --circuit, the values for its
inputs as JSON and its text, with \\n where a line ends.

Exit codes: 0 done, 1 a task failed or was cancelled (--wait), 2 usage error,
3 the service cannot be reached, 130 Ctrl-C.

Examples:
  qtask get 01a1f877-e10b-7243-ba50-5bf875c0c917
  qtask get 01a1f877-e10b-72
  qtask get 01a1f877-e10b-7243-ba50-5bf875c0c917 --wait
  qtask get 01a1f877-e10b-7243-ba50-5bf875c0c917 --json     # for jq .result
  qtask get 01a1f877-e10b --circuit --json | jq -r .circuit > bell.qasm"
)]
pub struct GetArgs {
    #[command(flatten)]
    ids: IdArgs,

    /// Wait until it has ended
    #[arg(long)]
    wait: bool,

    /// Show the text of a circuit and the values for its inputs, too
    #[arg(long)]
    circuit: bool,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Shows the tasks. If it waited for them, returns whether all completed.
pub async fn run(args: &GetArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let ids = args.ids.resolve(session).await?;
    if !args.wait {
        for (place, id) in ids.iter().enumerate() {
            show(args, session, &read(args, session, *id).await?, place)?;
        }
        return Ok(true);
    }
    let progress = Progress::new(&session.output, true);
    let ended = wait::all(session, &ids, &progress).await?;
    drop(progress);
    for (end, id) in ended.iter().zip(&ids) {
        let document = if args.circuit {
            read(args, session, *id).await?
        } else {
            wait::document(session, *id, end).await?
        };
        show(args, session, &document, end.place)?;
    }
    Ok(ended.iter().all(wait::Ended::succeeded))
}

async fn read(args: &GetArgs, session: &ClientSession, id: Uuid) -> Result<String, ClientError> {
    let parts = [("include", "circuit,parameters".to_owned())];
    let query = if args.circuit { &parts[..] } else { &[] };
    session.api.get(&["tasks", &id.to_string()], query).await
}

fn show(
    args: &GetArgs,
    session: &ClientSession,
    document: &str,
    place: usize,
) -> Result<(), ClientError> {
    let output = &session.output;
    if output.form == Form::Json {
        return output.json(document);
    }
    let task: Task =
        serde_json::from_str(document).map_err(|error| session.api.bad_answer(&error))?;
    if output.form == Form::Columns {
        let mut values = list::values(&task);
        let execution = list::execution(&task);
        let submitted = [
            submitted::parameters(&task),
            task.circuit.clone().unwrap_or_default(),
        ];
        values.push(
            task.result
                .map(|result| result.to_string())
                .unwrap_or_default(),
        );
        values.push(execution);
        values.extend(submitted.into_iter().filter(|_| args.circuit));
        return output.columns(&values.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if place > 0 {
        output.line("")?;
    }
    output.lines(&view::details(&task, now(), output.width, output.paint))
}
