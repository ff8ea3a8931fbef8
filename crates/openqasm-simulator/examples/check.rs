//! Lists the mistakes of a circuit, `file:line:column: message` each: `check FILE`.

use openqasm_simulator::survey::survey;
use openqasm_simulator::{Request, Stop};
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: check FILE")?;
    let source = std::fs::read_to_string(&file)?;
    let request = Request {
        source: &source,
        memory_limit_bytes: 1 << 30,
        ..Request::default()
    };
    let verdict = survey(&request, &Stop::default())?;
    for mistake in &verdict.errors {
        let line = mistake.line.unwrap_or(1);
        let column = mistake.column.unwrap_or(1);
        println!("{file}:{line}:{column}: {}", mistake.message);
    }
    Ok(if verdict.valid {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
