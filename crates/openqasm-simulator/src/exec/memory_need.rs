//! The memory of a program's states, estimated from above before it runs.

use crate::exec::gate_calls::used_qubits;
use crate::exec::method::Method;
use crate::ir::program::{Action, Program, Step};
use crate::limits::MEMORY_SETTING;
use crate::stabilizer::tableau::Tableau;
use crate::statevector::state::State;

/// Copies of small states cost little: memory for that many of them saves running branches again.
const COPIES: u128 = 64;
/// The part of the limit that such copies may take.
const COPIES_PART: u128 = 16;
/// The minimum reservation.
const LEAST: u128 = 1 << 20;

/// The largest value of that setting.
const MAX_SETTING_MIB: u128 = 1 << 24;

/// The memory of one state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryNeed {
    pub method: Method,
    pub qubits: usize,
    pub bytes: u128,
}

impl MemoryNeed {
    /// The need of a state of that many qubits.
    pub(crate) fn of(method: Method, qubits: usize) -> Self {
        let bytes = match method {
            Method::Statevector => State::bytes(qubits),
            Method::Stabilizer => Tableau::bytes(qubits),
        };
        Self {
            method,
            qubits,
            bytes,
        }
    }

    /// The message if it exceeds the limit: how many qubits would fit, and which setting allows more.
    pub(crate) fn over_limit(&self, limit: u64) -> String {
        let fits = self.largest_within(limit);
        let enough = match fits {
            0 => String::new(),
            1 => ", which is enough for 1 qubit".to_owned(),
            fits => format!(", which is enough for {fits} qubits"),
        };
        let mib = self.bytes.div_ceil(1 << 20);
        let setting = if mib <= MAX_SETTING_MIB {
            format!("{MEMORY_SETTING}={mib} allows {}", self.qubits)
        } else {
            format!("{MEMORY_SETTING} sets it")
        };
        let refusal = self.refusal("the limit is", limit);
        format!("{refusal}{enough}; {setting}")
    }

    /// The maximum number of qubits whose state fits, by this method.
    fn largest_within(&self, limit: u64) -> usize {
        let (mut fits, mut too_many) = (0, self.qubits);
        while too_many - fits > 1 {
            let middle = fits + (too_many - fits) / 2;
            if Self::of(self.method, middle).bytes <= u128::from(limit) {
                fits = middle;
            } else {
                too_many = middle;
            }
        }
        fits
    }

    /// The message if the allocation fails; `why` leads to the limit.
    pub(crate) fn refusal(&self, why: &str, limit: u64) -> String {
        let needed = if self.bytes == u128::MAX {
            format!("16 × 2^{} bytes", self.qubits)
        } else {
            format!("{} bytes", self.bytes)
        };
        let form = match self.method {
            Method::Statevector => "state",
            Method::Stabilizer => "stabilizer tableau",
        };
        format!(
            "the circuit uses {} qubits, whose {form} needs {needed} of memory; {why} {limit} bytes",
            self.qubits
        )
    }
}

/// Bytes to reserve for a program, at most the limit.
pub(crate) fn bytes_to_reserve(program: &Program, method: Method, limit: u64) -> u64 {
    let qubits = used_qubits(program, usize::MAX);
    let one = MemoryNeed::of(method, qubits).bytes;
    let limit = u128::from(limit);
    let wanted = if may_branch(&program.steps) {
        // The ancillas of a tableau are not counted: they take little memory.
        let cheap = one.saturating_mul(COPIES).min(limit / COPIES_PART);
        one.saturating_mul(2).max(cheap)
    } else {
        one
    };
    u64::try_from(wanted.max(LEAST).min(limit)).unwrap_or(u64::MAX)
}

/// Whether an outcome may have to be decided before the end. With loops this may be wrong: then branches are run
/// again for lack of memory.
fn may_branch(steps: &[Step]) -> bool {
    let measured = steps
        .iter()
        .position(|step| matches!(step.action, Action::Measure { .. }));
    let after = measured.map_or(&[][..], |place| steps.get(place..).unwrap_or_default());
    after
        .iter()
        .any(|step| matches!(step.action, Action::Gate(_)))
        || steps
            .iter()
            .any(|step| !step.reads.is_empty() || matches!(step.action, Action::Reset(_)))
}
