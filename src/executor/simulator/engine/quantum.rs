//! The qubits of one branch: which of them are in memory, what is known about them, and the
//! gates that wait to be applied.

use super::super::stop::Stop;
use super::expand::Sink;
use super::fusion;
use super::kernels::Op;
use super::state::{NoState, State};
use super::{RunError, Running};
use std::collections::HashMap;

/// Gates that are gathered before they are applied: enough for fusion, little memory.
const MAX_WAITING: usize = 1 << 14;
/// More qubits than any machine holds; beyond it they are only counted.
const MAX_SLOTS: usize = 60;

/// What is known about a qubit in memory.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Status {
    Quantum,
    /// Measured into these bits; the outcome is not decided yet.
    Measured(Vec<u32>),
    /// In this basis state.
    Known(bool),
}

#[derive(Debug)]
pub(super) struct Quantum {
    pub state: State,
    /// Where a qubit of the program is in the state. Those never touched are not, and are |0⟩.
    slots: HashMap<u32, u8>,
    pub status: Vec<Status>,
    /// Qubits that the program needs at once.
    needed: usize,
    waiting: Vec<Op>,
    stop: Stop,
    /// Bytes that this state may use.
    memory_limit: u64,
}

impl Quantum {
    pub(super) fn new(stop: &Stop, memory_limit: u64) -> Self {
        Self {
            state: State::new(),
            slots: HashMap::new(),
            status: Vec::new(),
            needed: 0,
            waiting: Vec::new(),
            stop: stop.clone(),
            memory_limit,
        }
    }

    /// A copy. Nothing may be waiting.
    pub(super) fn try_clone(&self) -> Result<Self, NoState> {
        Ok(Self {
            state: self.state.try_clone(&self.stop)?,
            slots: self.slots.clone(),
            status: self.status.clone(),
            needed: self.needed,
            waiting: Vec::new(),
            stop: self.stop.clone(),
            memory_limit: self.memory_limit,
        })
    }

    pub(super) fn slot(&self, qubit: u32) -> Option<u8> {
        self.slots.get(&qubit).copied()
    }

    /// The place of a qubit in the state, made if it has none. No place is given to more qubits
    /// than any machine holds; the run then ends at the next look at the state.
    pub(super) fn touch(&mut self, qubit: u32) -> Option<u8> {
        if let Some(slot) = self.slots.get(&qubit) {
            return Some(*slot);
        }
        self.needed += 1;
        let slot = u8::try_from(self.status.len()).ok()?;
        if usize::from(slot) >= MAX_SLOTS {
            self.waiting.clear();
            // Marks the qubit as counted.
            self.slots.insert(qubit, u8::MAX);
            return None;
        }
        self.slots.insert(qubit, slot);
        self.status.push(Status::Known(false));
        Some(slot)
    }

    /// Whether the program needs more qubits than any machine holds.
    pub(super) fn is_too_large(&self) -> bool {
        self.needed > MAX_SLOTS
    }

    /// Exchanges two qubits by their names alone.
    pub(super) fn relabel(&mut self, a: u32, b: u32) {
        let (first, second) = (self.slots.remove(&a), self.slots.remove(&b));
        if let Some(slot) = first {
            self.slots.insert(b, slot);
        }
        if let Some(slot) = second {
            self.slots.insert(a, slot);
        }
    }

    pub(super) fn status_mut(&mut self, slot: u8) -> Option<&mut Status> {
        self.status.get_mut(usize::from(slot))
    }

    /// Applies all that waits.
    pub(super) fn flush(&mut self) -> Running<()> {
        let needed = State::bytes(self.needed);
        if needed > u128::from(self.memory_limit) {
            return Err(self.too_large(needed, "the limit is"));
        }
        if self.status.len() > self.state.qubits() {
            let grown = self.state.grow(self.status.len(), &self.stop);
            grown.map_err(|reason| match reason {
                NoState::Stopped(stopped) => stopped.into(),
                NoState::OutOfMemory => {
                    self.too_large(needed, "this machine has not that much; the limit is")
                }
            })?;
        }
        fusion::apply_all(&mut self.state, &mut self.waiting, &self.stop)?;
        Ok(())
    }

    /// Bytes that the state needs once all that waits is applied.
    pub(super) fn bytes(&self) -> u128 {
        State::bytes(self.needed)
    }

    fn too_large(&self, needed: u128, why: &str) -> RunError {
        let needed = if needed == u128::MAX {
            format!("16 × 2^{} bytes", self.needed)
        } else {
            format!("{needed} bytes")
        };
        RunError::Resource(format!(
            "the circuit uses {} qubits, whose state needs {needed} of memory; {why} {} bytes",
            self.needed, self.memory_limit
        ))
    }
}

impl Sink for Quantum {
    fn op(&mut self, op: Op) -> Running<()> {
        // A global phase cannot be observed.
        if self.is_too_large() || matches!(op, Op::Phase { on: 0, .. }) {
            return Ok(());
        }
        self.waiting.push(op);
        if self.waiting.len() >= MAX_WAITING {
            self.flush()?;
        }
        Ok(())
    }
}
