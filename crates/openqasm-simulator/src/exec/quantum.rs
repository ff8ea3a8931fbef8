//! The qubits of one branch: which of them are in memory, their known values, and the pending gates.

mod deferred;
mod means;
mod outcomes;

pub(crate) use deferred::pays_to_defer;

use crate::exec::context::Context;
use crate::exec::expand::Sink;
use crate::exec::memory_need::MemoryNeed;
use crate::exec::method::Method;
use crate::resources::stop::{Stop, Stopped};
use crate::run_error::{RunError, Running};
use crate::stabilizer::clifford;
use crate::stabilizer::tableau::Tableau;
use crate::statevector::exec_config::ExecConfig;
use crate::statevector::fusion;
use crate::statevector::op::Op;
use crate::statevector::state::{NoState, State};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Pending gates before they are applied: enough for fusion, little memory.
const MAX_WAITING: usize = 1 << 14;
/// More qubits than any machine holds; beyond it they are only counted.
const MAX_SLOTS: usize = 60;

/// What is known about a qubit in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Status {
    Quantum,
    /// Measured into these bits; the outcome is not decided yet.
    Measured(BTreeSet<u32>),
    /// In this basis state.
    Known(bool),
}

/// The index of a qubit in the state.
pub(crate) type Slot = u16;

/// The state in one of its forms.
#[derive(Debug)]
enum Form {
    Vector {
        state: State,
        /// Gates that wait to be fused with others.
        waiting: Vec<Op>,
    },
    Tableau {
        tableau: Tableau,
        /// The slots of the qubits that the current gate calls 0, 1, 2, ...
        named: Vec<usize>,
        /// Gates since the last check of the stop flag.
        since_check: u32,
    },
}

#[derive(Debug)]
pub(crate) struct Quantum {
    form: Form,
    /// The slot of each qubit of the program. Untouched qubits have none, and are |0⟩.
    slots: HashMap<u32, Slot>,
    status: Vec<Status>,
    /// The qubit whose open measurement writes to a bit.
    origins: BTreeMap<u32, Slot>,
    /// Qubits whose open measurement is followed by a gate that uses them.
    dephased: BTreeSet<Slot>,
    /// Qubits that the program needs at once.
    needed: usize,
    /// Maximum qubits of a tableau, ancillas included.
    max_deferred_width: usize,
    /// A deferral exceeded that maximum.
    is_full: bool,
    stop: Stop,
    /// Bytes that this state may use.
    memory_limit: u64,
    config: ExecConfig,
}

impl Quantum {
    pub(crate) fn new(context: &Context<'_>) -> Self {
        let form = match context.method {
            Method::Statevector => Form::Vector {
                state: State::new(),
                waiting: Vec::new(),
            },
            Method::Stabilizer => Form::Tableau {
                tableau: Tableau::new(),
                named: Vec::new(),
                since_check: 0,
            },
        };
        Self {
            form,
            slots: HashMap::new(),
            status: Vec::new(),
            origins: BTreeMap::new(),
            dephased: BTreeSet::new(),
            needed: 0,
            max_deferred_width: deferred::max_width(context),
            is_full: false,
            stop: context.stop.clone(),
            memory_limit: context.memory_limit,
            config: ExecConfig::new(context.threads.clone()),
        }
    }

    /// A copy. No gate may be pending.
    pub(crate) fn try_clone(&self) -> Result<Self, NoState> {
        let form = match &self.form {
            Form::Vector { state, .. } => Form::Vector {
                state: state.try_clone(&self.stop)?,
                waiting: Vec::new(),
            },
            Form::Tableau { tableau, .. } => Form::Tableau {
                tableau: tableau.try_clone(&self.stop)?,
                named: Vec::new(),
                since_check: 0,
            },
        };
        Ok(Self {
            form,
            slots: self.slots.clone(),
            status: self.status.clone(),
            origins: self.origins.clone(),
            dephased: self.dephased.clone(),
            needed: self.needed,
            max_deferred_width: self.max_deferred_width,
            is_full: self.is_full,
            stop: self.stop.clone(),
            memory_limit: self.memory_limit,
            config: self.config.clone(),
        })
    }

    pub(crate) fn slot(&self, qubit: u32) -> Option<Slot> {
        self.slots.get(&qubit).copied()
    }

    /// The slot of a qubit, allocated if it has none. No more slots are allocated than any machine holds; the run
    /// then ends at the next access to the state.
    pub(crate) fn touch(&mut self, qubit: u32) -> Option<Slot> {
        if let Some(slot) = self.slots.get(&qubit) {
            return Some(*slot);
        }
        self.needed += 1;
        let slot = Slot::try_from(self.status.len()).ok()?;
        if self.is_too_large() {
            if let Form::Vector { waiting, .. } = &mut self.form {
                waiting.clear();
            }
            // Marks the qubit as counted.
            self.slots.insert(qubit, Slot::MAX);
            return None;
        }
        self.slots.insert(qubit, slot);
        self.status.push(Status::Known(false));
        Some(slot)
    }

    /// Whether the program needs more qubits than any machine holds.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self.form, Form::Vector { .. }) && self.needed > MAX_SLOTS
    }

    /// Numbers the qubits in these slots for the operations of the next gate.
    pub(crate) fn names(&mut self, slots: &[Slot]) -> Vec<u8> {
        let small = |slot: &Slot| u8::try_from(*slot).unwrap_or(u8::MAX);
        match &mut self.form {
            Form::Vector { .. } => slots.iter().map(small).collect(),
            Form::Tableau { named, .. } => {
                named.clear();
                named.extend(slots.iter().map(|slot| usize::from(*slot)));
                (0..=u8::MAX).take(slots.len()).collect()
            }
        }
    }

    /// Exchanges two qubits by renaming.
    pub(crate) fn relabel(&mut self, a: u32, b: u32) {
        let (first, second) = (self.slots.remove(&a), self.slots.remove(&b));
        if let Some(slot) = first {
            self.slots.insert(b, slot);
        }
        if let Some(slot) = second {
            self.slots.insert(a, slot);
        }
    }

    /// The first qubit whose open measurement writes to one of these ranges of bits.
    pub(crate) fn awaited(&self, reads: &[(u32, u32)]) -> Option<Slot> {
        let open = reads
            .iter()
            .flat_map(|(first, len)| self.origins.range(*first..first + len));
        open.map(|(_, slot)| *slot).min()
    }

    /// What is known about each qubit, by slot.
    pub(crate) fn statuses(&self) -> &[Status] {
        &self.status
    }

    fn status_mut(&mut self, slot: Slot) -> Option<&mut Status> {
        self.status.get_mut(usize::from(slot))
    }

    /// Records that a gate changes the qubit.
    pub(crate) fn disturb(&mut self, slot: Slot) {
        if let Some(status) = self.status_mut(slot) {
            *status = Status::Quantum;
        }
    }

    /// Records that the qubit is measured, into no bit if there is no measurement yet.
    pub(crate) fn open(&mut self, slot: Slot) {
        if let Some(status) = self.status_mut(slot)
            && *status == Status::Quantum
        {
            *status = Status::Measured(BTreeSet::new());
        }
    }

    /// The value of a qubit in a basis state.
    pub(crate) fn known(&self, slot: Slot) -> Option<bool> {
        match self.status.get(usize::from(slot)) {
            Some(Status::Known(value)) => Some(*value),
            _ => None,
        }
    }

    /// Measures a qubit into a bit; the outcome stays open.
    pub(crate) fn measure(&mut self, slot: Slot, bit: u32) {
        self.origins.insert(bit, slot);
        match self.status_mut(slot) {
            Some(Status::Measured(bits)) => {
                bits.insert(bit);
            }
            Some(status) => {
                *status = Status::Measured(BTreeSet::from([bit]));
                self.dephased.remove(&slot);
            }
            None => {}
        }
    }

    /// A bit gets a new value: an open measurement no longer writes to it.
    pub(crate) fn forget(&mut self, bit: u32) {
        if let Some(slot) = self.origins.remove(&bit)
            && let Some(Status::Measured(bits)) = self.status_mut(slot)
        {
            bits.remove(&bit);
        }
    }

    /// Sets the known value of a qubit. Returns the bits of its open measurement.
    pub(crate) fn decided(&mut self, slot: Slot, value: bool) -> BTreeSet<u32> {
        let Some(status) = self.status_mut(slot) else {
            return BTreeSet::new();
        };
        match std::mem::replace(status, Status::Known(value)) {
            Status::Measured(bits) => {
                for bit in &bits {
                    self.origins.remove(bit);
                }
                bits
            }
            _ => BTreeSet::new(),
        }
    }

    /// Makes the state hold all qubits, and applies all pending gates.
    pub(crate) fn flush(&mut self) -> Running<()> {
        let (need, limit) = (self.need(), self.memory_limit);
        if need.bytes > u128::from(limit) {
            return Err(RunError::Resource(need.over_limit(limit)));
        }
        let qubits = self.status.len();
        let grown = match &mut self.form {
            Form::Vector { state, .. } if qubits > state.qubits() => {
                state.grow(qubits, &self.config, &self.stop)
            }
            Form::Tableau { tableau, .. } if qubits > tableau.qubits.len() => {
                tableau.grow(qubits, &self.stop)
            }
            _ => Ok(()),
        };
        grown.map_err(|reason| match reason {
            NoState::Stopped(stopped) => stopped.into(),
            NoState::OutOfMemory => RunError::Resource(
                need.refusal("this machine has not that much; the limit is", limit),
            ),
        })?;
        if let Form::Vector { state, waiting } = &mut self.form {
            fusion::apply_all(state, waiting, &self.config, &self.stop)?;
        }
        Ok(())
    }

    /// Bytes of the state once all pending gates are applied.
    pub(crate) fn bytes(&self) -> u128 {
        match self.form {
            Form::Vector { .. } => State::bytes(self.needed),
            Form::Tableau { .. } => Tableau::bytes(self.needed.max(self.status.len())),
        }
    }

    /// Bytes for the program's own qubits: the ancillas are few enough not to count.
    fn need(&self) -> MemoryNeed {
        let method = match self.form {
            Form::Vector { .. } => Method::Statevector,
            Form::Tableau { .. } => Method::Stabilizer,
        };
        MemoryNeed::of(method, self.needed)
    }

    /// The weights of a qubit's outcomes 0 and 1; their sum is 1 up to rounding. No gate may be pending.
    pub(crate) fn weights(&self, slot: Slot) -> Result<[f64; 2], Stopped> {
        let slot = usize::from(slot);
        match &self.form {
            Form::Vector { state, .. } => state.weights(slot, &self.config, &self.stop),
            Form::Tableau { tableau, .. } => Ok(match tableau.outcome(slot, &self.stop)? {
                None => [0.5, 0.5],
                Some(false) => [1.0, 0.0],
                Some(true) => [0.0, 1.0],
            }),
        }
    }

    /// Projects the qubit onto that value, whose weight is given.
    pub(crate) fn collapse(&mut self, slot: Slot, value: bool, weight: f64) -> Result<(), Stopped> {
        let slot = usize::from(slot);
        match &mut self.form {
            Form::Vector { state, .. } => {
                let scale = 1.0 / weight.sqrt();
                state.collapse(slot, value, scale, &self.config, &self.stop)
            }
            Form::Tableau { tableau, .. } => tableau.collapse(slot, value, &self.stop),
        }
    }
}

impl Sink for Quantum {
    fn op(&mut self, op: Op) -> Running<()> {
        // A global phase cannot be observed.
        if self.is_too_large() || matches!(op, Op::Phase { on: 0, .. }) {
            return Ok(());
        }
        if let Form::Tableau { tableau, .. } = &self.form
            && tableau.qubits.len() < self.status.len()
        {
            self.flush()?;
        }
        match &mut self.form {
            Form::Vector { waiting, .. } => {
                waiting.push(op);
                if waiting.len() >= MAX_WAITING {
                    self.flush()?;
                }
            }
            Form::Tableau {
                tableau,
                named,
                since_check,
            } => {
                *since_check += 1;
                if *since_check >= 256 {
                    self.stop.check()?;
                    *since_check = 0;
                }
                // The method was chosen because all gates are Clifford.
                let steps = clifford::steps(&op)
                    .ok_or_else(|| RunError::wrong(0, "a gate is not a Clifford gate"))?;
                for step in steps {
                    tableau.apply(step, named);
                }
            }
        }
        Ok(())
    }
}
