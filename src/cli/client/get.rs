//! `qtask get`: one task, or several.

use clap::Args;
use uuid::Uuid;

use super::common::{CommonArgs, Session, task_id};
use super::error::ClientError;
use super::list;
use super::model::Task;
use super::outcome::now;
use super::output::Form;
use super::progress::Progress;
use super::render::task as view;
use super::wait;

/// Show a task: its result, its error, its history
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: the values of `qtask list`, and behind them result and execution
(how it ran, and what was asked for beside the counts) as JSON.

Exit codes: 0 done, 1 a task failed or was cancelled (--wait), 2 what was typed cannot be
used, 3 the service cannot be reached, 130 Ctrl-C.

Examples:
  qtask get 01a1f877-e10b-7243-ba50-5bf875c0c917
  qtask get 01a1f877-e10b-7243-ba50-5bf875c0c917 --wait
  qtask get 01a1f877-e10b-7243-ba50-5bf875c0c917 --json     # for jq .result"
)]
pub struct GetArgs {
    /// Whole task ids
    #[arg(value_name = "ID", required = true, value_parser = task_id)]
    ids: Vec<Uuid>,

    /// Wait until it has ended
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Shows the tasks. Whether all completed, if they were waited for.
pub async fn run(args: &GetArgs, session: &Session) -> Result<bool, ClientError> {
    if !args.wait {
        for (place, id) in args.ids.iter().enumerate() {
            let document = session.api.get(&["tasks", &id.to_string()], &[]).await?;
            show(session, &document, place)?;
        }
        return Ok(true);
    }
    let progress = Progress::new(&session.output, true);
    let ended = wait::all(session, &args.ids, &progress).await?;
    drop(progress);
    for (end, id) in ended.iter().zip(&args.ids) {
        show(
            session,
            &wait::document(session, *id, end).await?,
            end.place,
        )?;
    }
    Ok(ended.iter().all(wait::Ended::succeeded))
}

fn show(session: &Session, document: &str, place: usize) -> Result<(), ClientError> {
    let output = &session.output;
    if output.form == Form::Json {
        return output.json(document);
    }
    let task: Task =
        serde_json::from_str(document).map_err(|error| session.api.bad_answer(&error))?;
    if output.form == Form::Columns {
        let mut values = list::values(&task);
        let execution = list::execution(&task);
        values.push(
            task.result
                .map(|result| result.to_string())
                .unwrap_or_default(),
        );
        values.push(execution);
        return output.columns(&values.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if place > 0 {
        output.line("")?;
    }
    output.lines(&view::sheet(&task, now(), output.width, output.paint))
}
