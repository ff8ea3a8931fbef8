//! Expands gate applications to matrices with controls: definitions and modifiers.

use crate::exec::evaluate::Memory;
use crate::ir::complex::{Complex, Matrix, phase_angle_power, rotation_angle_power};
use crate::ir::gates::{Base, Builtin};
use crate::ir::program::{BodyCall, GateCall, GateDefinition, GateRef, Program};
use crate::limits::{MAX_GATES, MAX_REPEATS};
use crate::run_error::{RunError, Running};
use crate::sema::library::library;
use crate::statevector::op::Op;

/// Receives expanded operations.
pub(crate) trait Sink {
    fn op(&mut self, op: Op) -> Running<()>;
}

/// Control qubits and their required values.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Controls {
    pub on: u64,
    pub value: u64,
}

impl Controls {
    /// The controls that a call's modifiers make of its first qubits, and the remaining qubits.
    pub(crate) fn of<'n>(call: &GateCall, names: &'n [u8]) -> (Self, &'n [u8]) {
        let (outer, own) = names.split_at(call.controls.len().min(names.len()));
        let pairs = outer.iter().zip(&call.controls);
        let controls = pairs.fold(Self::default(), |controls, (name, positive)| {
            controls.with(*name, *positive)
        });
        (controls, own)
    }

    pub(crate) fn with(self, qubit: u8, positive: bool) -> Self {
        let bit = 1_u64 << qubit;
        Self {
            on: self.on | bit,
            value: if positive {
                self.value | bit
            } else {
                self.value
            },
        }
    }
}

/// One application with all values computed.
pub(crate) struct Applied<'a> {
    pub gate: GateRef,
    /// Innermost first.
    pub powers: &'a [f64],
    pub parameters: &'a [f64],
    /// Without the controls of modifiers.
    pub qubits: &'a [u8],
    pub controls: Controls,
    pub at: u32,
}

pub(crate) struct Expander<'a> {
    pub program: &'a Program,
    pub memory: &'a Memory,
    /// Gates applied so far on this path.
    pub count: &'a mut u64,
    pub sink: &'a mut dyn Sink,
}

impl Expander<'_> {
    pub(crate) fn apply(&mut self, applied: &Applied<'_>) -> Running<()> {
        match applied.gate {
            GateRef::Builtin(builtin) => self.builtin(builtin, applied),
            GateRef::Library(index) => self.defined(library().gates.get(index), applied),
            GateRef::Defined(index) => {
                let program = self.program;
                self.defined(program.gates.get(index), applied)
            }
            GateRef::Reset => Err(RunError::wrong(applied.at, "a reset is not a gate")),
        }
    }

    fn tick(&mut self, at: u32) -> Running<()> {
        *self.count += 1;
        if *self.count > MAX_GATES {
            return Err(RunError::limit(
                at,
                format!("the circuit runs more than {MAX_GATES} gates"),
            ));
        }
        Ok(())
    }

    fn builtin(&mut self, builtin: Builtin, applied: &Applied<'_>) -> Running<()> {
        self.tick(applied.at)?;
        let mut qubits = applied.qubits.iter().copied();
        let mut controls = applied.controls;
        for qubit in qubits.by_ref().take(usize::from(builtin.controls)) {
            controls = controls.with(qubit, true);
        }
        let Controls { on, value } = controls;
        let (first, powers) = angle_power(builtin.base, applied);
        let parameters: Vec<f64> = first
            .into_iter()
            .chain(applied.parameters.iter().skip(1).copied())
            .collect();
        match (builtin.base, qubits.next(), qubits.next()) {
            (Base::GlobalPhase, ..) => {
                let angle = parameters.first().copied().unwrap_or(0.0);
                let factor = Matrix::diagonal(Complex::cis(angle), Complex::ONE);
                let factor = powered(factor, powers, applied.at)?.a;
                self.sink.op(Op::Phase { on, value, factor })
            }
            (Base::Swap, Some(a), Some(b)) => {
                let (times, _) = whole_power(applied)?;
                if times % 2 == 1 {
                    self.sink.op(Op::Swap { a, b, on, value })?;
                }
                Ok(())
            }
            (Base::I | Base::U0, ..) => Ok(()),
            (base, Some(target), _) => {
                let matrix = powered(base.matrix(&parameters), powers, applied.at)?;
                self.sink.op(Op::Unitary {
                    target,
                    on,
                    value,
                    matrix,
                })
            }
            _ => Ok(()),
        }
    }

    fn defined(
        &mut self,
        definition: Option<&GateDefinition>,
        applied: &Applied<'_>,
    ) -> Running<()> {
        let Some(definition) = definition else {
            return Ok(());
        };
        let is_fraction = applied.powers.iter().any(|power| power.fract() != 0.0);
        if definition.qubits == 1 && is_fraction {
            return self.one_qubit_power(definition, applied);
        }
        let (times, inverse) = whole_power(applied)?;
        if definition.qubits == 1 && times > MAX_REPEATS {
            return self.one_qubit_power(definition, applied);
        }
        for _ in 0..times {
            if definition.body.is_empty() {
                self.tick(applied.at)?;
            }
            if inverse {
                definition
                    .body
                    .iter()
                    .rev()
                    .try_for_each(|call| self.body(call, applied, true))?;
            } else {
                definition
                    .body
                    .iter()
                    .try_for_each(|call| self.body(call, applied, false))?;
            }
        }
        Ok(())
    }

    fn body(&mut self, call: &BodyCall, outer: &Applied<'_>, inverse: bool) -> Running<()> {
        let real = |expr| self.memory.real(expr, outer.parameters, call.at);
        let parameters = call
            .parameters
            .iter()
            .map(real)
            .collect::<Running<Vec<f64>>>()?;
        let mut powers = call
            .powers
            .iter()
            .map(real)
            .collect::<Running<Vec<f64>>>()?;
        if inverse {
            powers.push(-1.0);
        }
        let mut qubits: Vec<u8> = call
            .qubits
            .iter()
            .filter_map(|qubit| outer.qubits.get(*qubit).copied())
            .collect();
        let mut controls = outer.controls;
        for (qubit, positive) in qubits
            .drain(..call.controls.len().min(qubits.len()))
            .zip(&call.controls)
        {
            controls = controls.with(qubit, *positive);
        }
        self.apply(&Applied {
            gate: call.gate,
            powers: &powers,
            parameters: &parameters,
            qubits: &qubits,
            controls,
            at: outer.at,
        })
    }

    /// A fractional or large power of a definition on one qubit: the power of its matrix.
    fn one_qubit_power(
        &mut self,
        definition: &GateDefinition,
        applied: &Applied<'_>,
    ) -> Running<()> {
        let Some(target) = applied.qubits.first().copied() else {
            return Ok(());
        };
        let mut product = Product(Matrix::IDENTITY);
        let mut inner = Expander {
            program: self.program,
            memory: self.memory,
            count: &mut *self.count,
            sink: &mut product,
        };
        let plain = Applied {
            gate: applied.gate,
            powers: &[],
            parameters: applied.parameters,
            qubits: &[0],
            controls: Controls::default(),
            at: applied.at,
        };
        inner.defined(Some(definition), &plain)?;
        let matrix = powered(product.0, applied.powers, applied.at)?;
        let Controls { on, value } = applied.controls;
        self.sink.op(Op::Unitary {
            target,
            on,
            value,
            matrix,
        })
    }
}

/// The first parameter of a gate, multiplied by those of its powers, innermost first, that can multiply it, and the
/// remaining powers. A small angle keeps its precision this way; a matrix loses it.
fn angle_power<'a>(base: Base, applied: &Applied<'a>) -> (Option<f64>, &'a [f64]) {
    let power = match base {
        Base::P | Base::GlobalPhase => phase_angle_power,
        Base::Rx | Base::Ry | Base::Rz | Base::R => rotation_angle_power,
        _ => return (applied.parameters.first().copied(), applied.powers),
    };
    let (mut angle, mut powers) = (applied.parameters.first().copied(), applied.powers);
    while let Some((exponent, rest)) = powers.split_first() {
        let Some(scaled) = angle.and_then(|angle| power(angle, *exponent)) else {
            break;
        };
        (angle, powers) = (Some(scaled), rest);
    }
    (angle, powers)
}

/// Raises a matrix to powers, the innermost first.
fn powered(matrix: Matrix, powers: &[f64], at: u32) -> Running<Matrix> {
    const TOLERANCE: f64 = 1e-9;
    let mut result = matrix;
    for power in powers {
        // Each power multiplies the rounding errors; the comparison also catches NaN.
        let is_unitary =
            |matrix: &Matrix| (matrix.a.norm2() + matrix.c.norm2() - 1.0).abs() < TOLERANCE;
        result = result
            .power(*power)
            .filter(is_unitary)
            .ok_or_else(|| RunError::wrong(at, "the exponents of `pow` together are too large"))?;
    }
    Ok(result)
}

/// How often a power repeats a gate, and whether inverted.
fn whole_power(applied: &Applied<'_>) -> Running<(u64, bool)> {
    let mut total = 1.0_f64;
    for power in applied.powers {
        if power.fract() != 0.0 {
            return Err(RunError::wrong(
                applied.at,
                "`pow` with a fraction is supported only for gates that change one qubit",
            ));
        }
        total *= power;
    }
    if !total.is_finite() {
        return Err(RunError::wrong(
            applied.at,
            "the exponent of `pow` is too large",
        ));
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    Ok((total.abs() as u64, total < 0.0))
}

/// The product of operations on qubit 0.
struct Product(Matrix);

impl Sink for Product {
    fn op(&mut self, op: Op) -> Running<()> {
        match op {
            Op::Unitary { matrix, .. } => self.0 = matrix.times(self.0),
            Op::Phase { factor, .. } => self.0 = self.0.scaled(factor),
            Op::Swap { .. } => {}
        }
        Ok(())
    }
}
