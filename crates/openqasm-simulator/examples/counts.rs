//! Runs a circuit and prints how often each outcome occurred: `counts FILE [SHOTS]`.

use openqasm_simulator::{Request, Stop, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: counts FILE [SHOTS]")?;
    let shots = arguments.next().map_or(Ok(1024), |text| text.parse())?;
    let source = std::fs::read_to_string(file)?;
    let request = Request {
        source: &source,
        shots,
        memory_limit_bytes: 1 << 30,
        ..Request::default()
    };
    let output = run(&request, &Stop::default())?;
    for (outcome, count) in &output.counts {
        println!("{outcome} {count}");
    }
    Ok(())
}
