//! Prints what a circuit consists of and what a run would take, without a run: `survey FILE`.

use openqasm_simulator::survey::survey;
use openqasm_simulator::{Request, Stop};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: survey FILE")?;
    let source = std::fs::read_to_string(file)?;
    let request = Request {
        source: &source,
        memory_limit_bytes: 1 << 30,
        ..Request::default()
    };
    let verdict = survey(&request, &Stop::default())?;
    let survey = verdict.survey.ok_or("the text is not a program")?;
    println!("qubits {}, depth {}", survey.qubits, survey.depth);
    for (gate, count) in &survey.gates {
        println!("{gate} {count}");
    }
    if let Some(memory) = survey.memory {
        println!("bytes {}", memory.reserved_bytes);
    }
    Ok(())
}
