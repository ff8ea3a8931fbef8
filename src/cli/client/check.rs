//! `qtask check`: analyses circuits from files without running them. Needs no service.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::common::OutputArgs;
use super::error::ClientError;
use super::numbers::whole;
use super::output::{Form, Output};
use super::parameters::ParameterArgs;
use super::render::survey;
use super::sources::{self, CircuitSource};
use crate::executor::CircuitCheck;
use crate::executor::circuit_report::{CircuitMistake, CircuitSurvey, CircuitVerdict, MistakeCode};
use openqasm_simulator::Stop;

/// Check circuits without running them
///
/// Says whether the simulator would run each FILE, and what it would take: qubits, gates, depth,
/// memory. `-` reads a program from standard input. No service is needed, and nothing is submitted.
#[derive(Debug, Args)]
#[command(
    after_help = "Without parameters the inputs of a circuit may have any values; with them, each input needs one.

In a pipe, tabs between: file, valid or invalid, qubits, qubits used, gates, gates on two qubits or
more, measurements, resets, depth, method, bytes of one state; what is not known is empty. With
--json, each file's document as of POST /circuits/check, with its name. What is wrong goes to
standard error as file:line:column, with the line and a caret under the place.

Exit codes: 0 all would run, 1 one would not, 2 usage error or unreadable file.

Examples:
  qtask check bell.qasm
  qtask check - < bell.qasm
  qtask check ansatz.qasm --parameter theta=0.5 --parameter n=3
  qtask check circuits/*.qasm > figures.tsv
  qtask check circuits/*.qasm --json                 # for jq"
)]
pub struct CheckArgs {
    /// OpenQASM programs; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// What the state of a circuit may take, in MiB (16 bytes for each of 2^n amplitudes: 1024 are
    /// enough for 26 qubits)
    #[arg(
        long,
        env = "QTASK_SIMULATOR_MEMORY_MIB",
        value_name = "MIB",
        default_value_t = 1024,
        value_parser = memory_mib
    )]
    memory_mib: u64,

    #[command(flatten)]
    parameters: ParameterArgs,

    #[command(flatten, next_help_heading = "Output")]
    pub output: OutputArgs,
}

/// clap names only the flag, but the value may come from the environment.
fn memory_mib(text: &str) -> Result<u64, String> {
    let number = whole(text).ok().filter(|mib| (1..=1 << 24).contains(mib));
    number.ok_or_else(|| {
        format!(
            "--memory-mib or QTASK_SIMULATOR_MEMORY_MIB must be a whole number from 1 to {}",
            1 << 24
        )
    })
}

/// The verdict on a file.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a str,
    #[serde(flatten)]
    verdict: &'a CircuitVerdict,
}

/// Checks all files. Returns whether the simulator would run all of them.
pub async fn run(args: &CheckArgs, output: &Output) -> Result<bool, ClientError> {
    let parameters = args.parameters.read()?;
    if let Some(name) = args.parameters.sweep().keys().next() {
        let message = format!("--parameter {name}: a check takes one value, not a range");
        return Err(ClientError::Usage(message));
    }
    let sources: Vec<CircuitSource> = args
        .files
        .iter()
        .map(|file| CircuitSource::new(file))
        .collect();
    sources::check(&sources)?;
    let mut all_valid = true;
    for (place, source) in sources.iter().enumerate() {
        let text = source.read().await?;
        let verdict = if text.trim().is_empty() {
            empty()
        } else {
            let limit = args.memory_mib << 20;
            verdict(CircuitCheck::new(text, parameters.clone(), limit)).await?
        };
        all_valid &= verdict.valid;
        if place > 0 && output.form == Form::Human {
            output.line("")?;
        }
        show(&source.name(), &verdict, output)?;
    }
    Ok(all_valid)
}

/// The simulator would run a program without statements; the service rejects it.
fn empty() -> CircuitVerdict {
    let message = "is empty: the text of an OpenQASM program is needed".to_owned();
    CircuitVerdict {
        valid: false,
        errors: vec![CircuitMistake::without_position(
            MistakeCode::InvalidCircuit,
            message,
        )],
        survey: None,
    }
}

/// Runs on a separate thread, so that Ctrl-C is handled.
async fn verdict(circuit_check: CircuitCheck) -> Result<CircuitVerdict, ClientError> {
    let thread = tokio::task::spawn_blocking(move || circuit_check.run(&Stop::default()));
    let broken = |reason: String| ClientError::BadAnswer(format!("the check broke down: {reason}"));
    match thread.await {
        Ok(Ok(verdict)) => Ok(verdict),
        Ok(Err(stopped)) => Err(broken(stopped.to_string())),
        Err(error) => Err(broken(error.to_string())),
    }
}

fn show(name: &str, verdict: &CircuitVerdict, output: &Output) -> Result<(), ClientError> {
    match output.form {
        Form::Json => {
            let checked = Checked {
                file: name,
                verdict,
            };
            let document = serde_json::to_string(&checked);
            let document = document.map_err(|error| ClientError::Output(error.into()))?;
            return output.json(&document);
        }
        Form::Columns => columns(name, verdict, output)?,
        Form::Human => output.lines(&survey::details(name, verdict, output.width, output.paint))?,
    }
    for mistake in &verdict.errors {
        output.error(&survey::mistake(name, mistake));
    }
    Ok(())
}

fn columns(name: &str, verdict: &CircuitVerdict, output: &Output) -> Result<(), ClientError> {
    let word = if verdict.valid { "valid" } else { "invalid" };
    let mut values = vec![name.to_owned(), word.to_owned()];
    match &verdict.survey {
        Some(survey) => values.extend(figures(survey)),
        None => values.extend(std::iter::repeat_n(String::new(), FIGURES)),
    }
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    output.columns(&values)
}

/// The number of columns after the name and the verdict.
const FIGURES: usize = 9;

fn figures(survey: &CircuitSurvey) -> [String; FIGURES] {
    let state_bytes = survey.memory.and_then(|memory| memory.state_bytes);
    [
        survey.qubits.to_string(),
        survey.qubits_used.to_string(),
        survey.gate_count.to_string(),
        survey.multi_qubit_gates.to_string(),
        survey.measurements.to_string(),
        survey.resets.to_string(),
        survey.depth.to_string(),
        survey.method.unwrap_or_default().to_owned(),
        state_bytes
            .map(|bytes| bytes.to_string())
            .unwrap_or_default(),
    ]
}
