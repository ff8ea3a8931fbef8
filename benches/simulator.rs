//! Times of the simulator: circuits of the kinds that people run, text to counts, the best of
//! several runs. `benches/aer_reference.py` times the same circuits on Qiskit Aer.
//!
//! `cargo bench --bench simulator -- [DIRECTORY]`; with a directory, the circuits are written there.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may end with a panic"
)]

use qtask::executor::simulator::{Request, Stop, run};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Numbers that look random and are the same everywhere (D. Lehmer's generator, modulus 2³¹ - 1).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 % bound
    }
}

/// Layers of random one-qubit gates and a CX on each of the pairs of a random order.
fn random(qubits: u64, depth: u64, gates: &[&str]) -> String {
    let mut dice = Dice(qubits + 1);
    let mut text = header(qubits);
    for _ in 0..depth {
        for qubit in 0..qubits {
            let pick = usize::try_from(dice.below(gates.len() as u64)).unwrap_or(0);
            let angle = dice.below(6283);
            let gate =
                gates[pick].replace("ANGLE", &format!("{}.{:03}", angle / 1000, angle % 1000));
            let _ = writeln!(text, "{gate} q[{qubit}];");
        }
        let mut order: Vec<u64> = (0..qubits).collect();
        for place in (1..order.len()).rev() {
            order.swap(
                place,
                usize::try_from(dice.below(place as u64 + 1)).unwrap_or(0),
            );
        }
        for pair in order.chunks_exact(2) {
            let _ = writeln!(text, "cx q[{}],q[{}];", pair[0], pair[1]);
        }
    }
    text + "measure q -> c;\n"
}

fn header(qubits: u64) -> String {
    format!("OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[{qubits}];\ncreg c[{qubits}];\n")
}

fn fourier(qubits: u64) -> String {
    let mut text = header(qubits);
    for target in (0..qubits).rev() {
        let _ = writeln!(text, "h q[{target}];");
        for control in (0..target).rev() {
            let _ = writeln!(
                text,
                "cu1(pi/{}) q[{control}],q[{target}];",
                1_u64 << (target - control)
            );
        }
    }
    text + "measure q -> c;\n"
}

/// Ten qubits, each measured, reset or corrected in the middle.
fn dynamic() -> String {
    let mut text = header(10);
    for qubit in 0..10 {
        let _ = write!(
            text,
            "h q[{qubit}];\nmeasure q[{qubit}] -> c[{qubit}];\nif(c=={}) rx(0.3) q[{}];\n",
            1 << qubit,
            (qubit + 1) % 10
        );
    }
    text + "measure q -> c;\n"
}

fn best(source: &str, rounds: u32) -> Duration {
    let request = Request {
        source,
        shots: 1024,
        seed: Some(7),
        memory: false,
        memory_limit_bytes: 8 << 30,
        ..Request::default()
    };
    let time = |_| {
        let started = Instant::now();
        run(&request, &Stop::default()).expect("the circuit runs");
        started.elapsed()
    };
    (0..rounds).map(time).min().unwrap_or_default()
}

fn main() {
    let directory = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let general = ["u3(ANGLE,0.3,0.7)", "rx(ANGLE)", "rz(ANGLE)", "h"];
    let clifford = ["h", "s", "sdg", "x", "z"];
    let bell = format!("{}h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n", header(2));
    let circuits = [
        ("bell", bell, 2000),
        ("dynamic-10", dynamic(), 20),
        ("random-16x20", random(16, 20, &general), 5),
        ("random-20x20", random(20, 20, &general), 3),
        ("random-24x20", random(24, 20, &general), 1),
        ("qft-20", fourier(20), 3),
        ("qft-24", fourier(24), 1),
        ("clifford-1000x10", random(1000, 10, &clifford), 5),
    ];
    for (name, source, rounds) in circuits {
        if let Some(directory) = &directory {
            let path = format!("{directory}/{name}.qasm");
            std::fs::write(path, &source).expect("the directory can be written");
        }
        let seconds = best(&source, rounds).as_secs_f64();
        println!("{name:20} {:12.3} ms", seconds * 1e3);
    }
}
