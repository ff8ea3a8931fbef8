//! Times of the simulator against Qiskit Aer: circuits of the kinds that people run, on one thread
//! and on two, in turn, the best of several runs; and the memory that a large state takes.
//!
//! `just bench-simulator [--json] [NAME]`, with `QTASK_AER_PYTHON` naming a Python that has qiskit
//! and qiskit-aer. Ours is timed from text to counts, Aer from a parsed circuit to counts.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may end with a panic"
)]

use openqasm_simulator::{Request, Stop, ThreadBudget, run};
use serde_json::{Value, json};
use std::fmt::Write;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// What a circuit has to reach.
#[derive(Clone, Copy)]
enum Mark {
    /// So many times as fast as Aer.
    Ratio(f64),
    Milliseconds(f64),
}

struct Circuit {
    name: &'static str,
    source: String,
    threads: &'static [usize],
    /// How often it is run, and how often on Aer, where that is compared.
    rounds: u32,
    aer_rounds: u32,
    mark: Mark,
}

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

/// The Fourier transform of |0...0⟩, or of a product state without zeros.
fn fourier(qubits: u64, of_all: bool) -> String {
    let mut text = header(qubits);
    for qubit in (0..qubits).filter(|_| of_all) {
        let _ = writeln!(text, "ry(0.{:02}) q[{qubit}];", 30 + qubit);
    }
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

fn circuits() -> Vec<Circuit> {
    let general = ["u3(ANGLE,0.3,0.7)", "rx(ANGLE)", "rz(ANGLE)", "h"];
    let clifford = ["h", "s", "sdg", "x", "z"];
    let bell = format!("{}h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n", header(2));
    let circuit = |name, source, threads, [rounds, aer_rounds]: [u32; 2], mark| Circuit {
        name,
        source,
        threads,
        rounds,
        aer_rounds,
        mark,
    };
    let (one, both): (&[usize], &[usize]) = (&[1], &[1, 2]);
    let (fast, faster) = (Mark::Ratio(5.0), Mark::Ratio(10.0));
    let wide = random(1000, 10, &clifford);
    vec![
        circuit("bell", bell, one, [2000, 20], Mark::Milliseconds(0.02)),
        circuit("dynamic-10", dynamic(), one, [20, 5], Mark::Ratio(30.0)),
        circuit(
            "random-16x20",
            random(16, 20, &general),
            both,
            [10, 5],
            fast,
        ),
        circuit("random-20x20", random(20, 20, &general), both, [5, 3], fast),
        circuit("random-24x20", random(24, 20, &general), both, [2, 1], fast),
        circuit("qft-20", fourier(20, false), both, [5, 3], faster),
        circuit("qft-20-dense", fourier(20, true), both, [5, 3], faster),
        circuit("qft-24", fourier(24, false), both, [3, 1], faster),
        circuit("qft-24-dense", fourier(24, true), both, [3, 1], faster),
        // Aer takes many seconds for each run.
        circuit(
            "clifford-1000x10",
            wide,
            one,
            [5, 0],
            Mark::Milliseconds(60.0),
        ),
    ]
}

/// Milliseconds from text to counts.
fn own_time(source: &str, threads: usize) -> f64 {
    let threads = Arc::new(ThreadBudget::new(threads));
    let request = Request {
        source,
        shots: 1024,
        seed: Some(7),
        memory_limit_bytes: 8 << 30,
        threads: Some(&threads),
        ..Request::default()
    };
    let started = Instant::now();
    run(&request, &Stop::default()).expect("the circuit runs");
    started.elapsed().as_secs_f64() * 1e3
}

/// A Python process that runs circuits on Aer when it is told to.
struct Aer {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    directory: PathBuf,
}

const PYTHON: &str = "QTASK_AER_PYTHON";

impl Aer {
    fn start() -> Result<Self, String> {
        let python = std::env::var(PYTHON).map_err(|_| format!("{PYTHON} is not set"))?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/aer_reference.py");
        let mut process = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{python}: {error}"))?;
        let questions = process.stdin.take().ok_or("no pipe")?;
        let mut answers = BufReader::new(process.stdout.take().ok_or("no pipe")?);
        let mut ready = String::new();
        answers
            .read_line(&mut ready)
            .map_err(|error| error.to_string())?;
        if ready.is_empty() {
            return Err(format!("{python} has no qiskit and qiskit-aer that work"));
        }
        let directory = std::env::temp_dir().join(format!("qtask-bench-{}", std::process::id()));
        std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        Ok(Self {
            process,
            questions,
            answers,
            directory,
        })
    }

    /// Milliseconds from a parsed circuit to counts.
    fn time(&mut self, circuit: &Circuit, threads: usize) -> f64 {
        let path = self.directory.join(circuit.name).with_extension("qasm");
        if !path.exists() {
            std::fs::write(&path, &circuit.source).expect("the directory can be written");
        }
        let question = json!({"path": path, "threads": threads});
        writeln!(self.questions, "{question}").expect("Aer's process listens");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("Aer's process answers");
        answer.trim().parse().expect("Aer ran the circuit")
    }
}

impl Drop for Aer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

struct Row {
    name: &'static str,
    threads: usize,
    own_ms: f64,
    aer_ms: Option<f64>,
    mark: Mark,
}

impl Row {
    /// Runs a circuit in turn with Aer, and keeps the best times.
    fn measure(circuit: &Circuit, threads: usize, aer: &mut Option<Aer>) -> Self {
        let (mut own_ms, mut aer_ms) = (f64::INFINITY, None);
        for round in 0..circuit.rounds.max(circuit.aer_rounds) {
            if round < circuit.rounds {
                own_ms = own_ms.min(own_time(&circuit.source, threads));
            }
            if let Some(aer) = aer
                && round < circuit.aer_rounds
            {
                let time = aer.time(circuit, threads);
                aer_ms = Some(aer_ms.map_or(time, |best: f64| best.min(time)));
            }
        }
        Self {
            name: circuit.name,
            threads,
            own_ms,
            aer_ms,
            mark: circuit.mark,
        }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.aer_ms? / self.own_ms)
    }

    fn is_met(&self) -> Option<bool> {
        match self.mark {
            Mark::Ratio(least) => Some(self.ratio()? >= least),
            Mark::Milliseconds(most) => Some(self.own_ms <= most),
        }
    }

    fn json(&self) -> Value {
        let (least_ratio, most_ms) = match self.mark {
            Mark::Ratio(least) => (Some(least), None),
            Mark::Milliseconds(most) => (None, Some(most)),
        };
        json!({
            "circuit": self.name, "threads": self.threads, "own_ms": self.own_ms,
            "aer_ms": self.aer_ms, "ratio": self.ratio(), "mark_ratio": least_ratio,
            "mark_ms": most_ms, "met": self.is_met(),
        })
    }

    fn print(&self) {
        let optional = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.1}"));
        let mark = match self.mark {
            Mark::Ratio(least) => format!(">= {least} x"),
            Mark::Milliseconds(most) => format!("<= {most} ms"),
        };
        println!(
            "{:18} {:>7} {:>12.3} {:>12} {:>8} {mark:>11}  {}",
            self.name,
            self.threads,
            self.own_ms,
            optional(self.aer_ms),
            optional(self.ratio()),
            verdict(self.is_met()),
        );
    }
}

fn verdict(is_met: Option<bool>) -> &'static str {
    match is_met {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "-",
    }
}

/// The argument that makes this program run one circuit and tell its own peak memory.
const PEAK: &str = "--peak-memory";
const PEAK_QUBITS: u64 = 24;
/// What the process may take, as a multiple of its state.
const MOST_MEMORY: f64 = 1.1;

/// Peak memory of a process of its own that runs the large random circuit, in bytes.
fn peak_memory() -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).arg(PEAK).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The most memory that this process ever had, in bytes.
fn own_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let options: Vec<String> = arguments
        .by_ref()
        .filter(|option| option != "--bench")
        .collect();
    let has = |option: &str| options.iter().any(|given| given == option);
    let wanted = options.iter().find(|option| !option.starts_with('-'));
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| name.contains(wanted.as_str()));
    if has(PEAK) {
        let circuits = circuits();
        let large = circuits
            .iter()
            .find(|circuit| circuit.name == "random-24x20");
        own_time(&large.expect("it is one of them").source, 2);
        println!("{}", own_peak().unwrap_or(0));
        return;
    }
    let mut aer = match Aer::start() {
        Ok(aer) => Some(aer),
        Err(why) => {
            eprintln!(
                "No comparison with Qiskit Aer: {why}. Make a Python for it, and name it:\n  \
                 python3 -m venv aer && aer/bin/pip install qiskit qiskit-aer\n  \
                 {PYTHON}=aer/bin/python just bench-simulator\n"
            );
            None
        }
    };
    if !has("--json") {
        println!(
            "{:18} {:>7} {:>12} {:>12} {:>8} {:>11}",
            "circuit", "threads", "ours ms", "Aer ms", "ratio", "mark"
        );
    }
    let mut rows = Vec::new();
    for circuit in circuits().iter().filter(|circuit| is_wanted(circuit.name)) {
        for threads in circuit.threads {
            let row = Row::measure(circuit, *threads, &mut aer);
            if !has("--json") {
                row.print();
            }
            rows.push(row.json());
        }
    }
    let state = 16_u64 << PEAK_QUBITS;
    let peak = is_wanted("random-24x20").then(peak_memory).flatten();
    #[allow(clippy::cast_precision_loss, reason = "a rounded ratio")]
    let multiple = peak.map(|peak| peak as f64 / state as f64);
    let is_met = multiple.map(|multiple| multiple <= MOST_MEMORY);
    if has("--json") {
        let memory = json!({
            "circuit": "random-24x20", "peak_bytes": peak, "state_bytes": state,
            "multiple": multiple, "mark": MOST_MEMORY, "met": is_met,
        });
        println!("{}", json!({"times": rows, "memory": memory}));
    } else if let (Some(peak), Some(multiple)) = (peak, multiple) {
        println!(
            "\nmemory of random-24x20: {peak} bytes, {multiple:.3} of its state (<= {MOST_MEMORY}): {}",
            verdict(is_met)
        );
    }
}
