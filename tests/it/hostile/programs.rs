//! Programs that try to do harm; `large_circuits.rs` has those of the greatest length.

/// How a hostile program may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// It runs: large, but no harm.
    Completed,
    /// Refused as wrong.
    Invalid,
    /// Refused as too large.
    Limited,
    /// It would take too long and is stopped.
    Stopped,
}

/// A hostile program.
#[derive(Debug)]
pub struct Hostile {
    /// What it tries.
    pub name: String,
    /// Its text.
    pub circuit: String,
    /// How often it is to be run.
    pub shots: u32,
    /// How it must end.
    pub ends: Ends,
}

/// The longest of these texts, in bytes.
pub const LONGEST: usize = 1 << 20;

/// So many repetitions as fit beside so much other text.
pub fn fill(unit: &str, beside: usize) -> String {
    unit.repeat((LONGEST - beside) / unit.len())
}

/// A program run a hundred times.
pub fn hostile(name: &str, ends: Ends, circuit: impl Into<String>) -> Hostile {
    let (name, circuit) = (name.to_owned(), circuit.into());
    assert!(circuit.len() <= LONGEST, "{name}: {} bytes", circuit.len());
    Hostile {
        name,
        circuit,
        shots: 100,
        ends,
    }
}

/// The same, run so often.
pub fn with_shots(shots: u32, hostile: Hostile) -> Hostile {
    Hostile { shots, ..hostile }
}

/// One text for each number below the count, one after another.
pub fn each(count: usize, text: impl Fn(&mut String, usize) -> std::fmt::Result) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        text(&mut all, number).expect("a text takes all that is written");
        all
    })
}
