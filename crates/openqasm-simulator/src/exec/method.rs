//! The choice of the simulation method, made before the run.

use crate::error::SimulatorError;
use crate::exec::evaluate::Memory;
use crate::exec::expand::{Applied, Controls, Expander, Sink};
use crate::exec::gate_calls::{calls, used_qubits};
use crate::ir::program::{Expr, GateCall, GateRef, Program};
use crate::resources::stop::Stop;
use crate::run_error::{RunError, Running};
use crate::stabilizer::clifford;
use crate::statevector::op::Op;
use std::collections::HashSet;

/// How a program is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Amplitudes of all basis states.
    Statevector,
    /// A tableau of Pauli operators: Clifford gates only.
    Stabilizer,
}

/// Up to this many qubits a statevector is quicker than a tableau.
pub(crate) const FEW_QUBITS: usize = 10;
/// Maximum qubits of one gate that the expansion of gates can name.
const MAX_OPERANDS: usize = 64;

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Statevector => "statevector",
            Self::Stabilizer => "stabilizer",
        }
    }

    /// The stabilizer method for programs of more than a few qubits whose gates are all Clifford, with parameters
    /// that are known before the run.
    pub(crate) fn of(program: &Program, stop: &Stop) -> Result<Self, SimulatorError> {
        if used_qubits(program, FEW_QUBITS) <= FEW_QUBITS {
            return Ok(Self::Statevector);
        }
        let mut search = Search {
            program,
            stop,
            memory: Memory::new(0, 0),
            known: HashSet::new(),
            count: 0,
        };
        for call in calls(program) {
            stop.check()?;
            if !search.is_clifford(call)? {
                return Ok(Self::Statevector);
            }
        }
        Ok(Self::Stabilizer)
    }
}

/// Whether a value is known before the run.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Constant(_) => true,
        Expr::Unary(_, operand, _) | Expr::Cast(_, operand, _) => is_constant(operand),
        Expr::Binary(_, sides, _) => is_constant(&sides.0) && is_constant(&sides.1),
        Expr::Call(_, arguments, _) => arguments.iter().all(is_constant),
        _ => false,
    }
}

struct Search<'a> {
    program: &'a Program,
    stop: &'a Stop,
    memory: Memory,
    /// Gates found to be Clifford: with the bits of their parameters and powers, and their controls.
    known: HashSet<(GateRef, Vec<u64>, Vec<bool>)>,
    count: u64,
}

impl Search<'_> {
    fn is_clifford(&mut self, call: &GateCall) -> Result<bool, SimulatorError> {
        let values = call.parameters.iter().chain(&call.powers);
        if call.operands.len() > MAX_OPERANDS || !values.clone().all(is_constant) {
            return Ok(false);
        }
        // The run reports a wrong value, at its position and only if it is reached.
        let Ok(values) = values
            .map(|expr| self.memory.real(expr, &[], 0))
            .collect::<Running<Vec<f64>>>()
        else {
            return Ok(false);
        };
        let bits = values.iter().map(|value| value.to_bits()).collect();
        let key = (call.gate, bits, call.controls.to_vec());
        if self.known.contains(&key) {
            return Ok(true);
        }
        let (parameters, powers) = values.split_at(call.parameters.len().min(values.len()));
        match self.expand(call, parameters, powers) {
            Ok(()) => {
                self.known.insert(key);
                Ok(true)
            }
            Err(RunError::Stopped(stopped)) => Err(stopped.into()),
            Err(_) => Ok(false),
        }
    }

    fn expand(&mut self, call: &GateCall, parameters: &[f64], powers: &[f64]) -> Running<()> {
        let names: Vec<u8> = (0_u8..).take(call.operands.len()).collect();
        let (controls, own) = Controls::of(call, &names);
        let mut inspector = Inspector {
            stop: self.stop,
            seen: 0,
        };
        Expander {
            program: self.program,
            memory: &self.memory,
            count: &mut self.count,
            sink: &mut inspector,
        }
        .apply(&Applied {
            gate: call.gate,
            powers,
            parameters,
            qubits: own,
            controls,
            at: 0,
        })
    }
}

/// Checks operations instead of applying them; the first that is not Clifford is an error.
struct Inspector<'a> {
    stop: &'a Stop,
    seen: u32,
}

impl Sink for Inspector<'_> {
    fn op(&mut self, op: Op) -> Running<()> {
        self.seen = self.seen.wrapping_add(1);
        if self.seen.is_multiple_of(1024) {
            self.stop.check()?;
        }
        match clifford::steps(&op) {
            Some(_) => Ok(()),
            None => Err(RunError::wrong(0, "not a Clifford gate")),
        }
    }
}
