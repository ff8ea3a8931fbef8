//! Gate applications.

use crate::error::{Diagnostic, counted, quoted};
use crate::ir::functions::Function;
use crate::ir::gates::Builtin;
use crate::ir::program::{Action, Expr, GateCall, GateDefinition, GateRef, Operand};
use crate::ir::value::Value;
use crate::limits::{MAX_GATES, MAX_REPEATS};
use crate::sema::gate_definition::DELAY;
use crate::sema::library::library;
use crate::sema::scope::{GateSymbol, Symbol, already_reported};
use crate::sema::{Checked, Checker, Numbers};
use crate::syntax::ast::{self, Modifier, Name};
use crate::syntax::hint;
use std::collections::HashSet;

/// The parts of an application in any context.
pub(crate) struct Application {
    pub gate: GateRef,
    pub powers: Vec<Expr>,
    pub controls: Vec<bool>,
    pub parameters: Vec<Expr>,
    /// The number of built-in gates that one application expands to.
    pub size: u64,
    pub depth: u32,
}

impl<'s> Checker<'s> {
    pub(crate) fn gate_call(&mut self, call: &ast::GateCall<'s>, at: u32) -> Checked<()> {
        if call.operands.is_empty()
            && call.modifiers.is_empty()
            && let Some(subroutine) = self.find_subroutine(call.name)?
        {
            self.call_subroutine(&subroutine, call.name.at, &call.parameters)?;
            return Ok(());
        }
        if self.is_value(call) {
            return self.unused_value(call);
        }
        if call.name.text == "nop" && call.modifiers.is_empty() && !self.is_taken("nop") {
            return call
                .operands
                .iter()
                .try_for_each(|operand| self.qubits(operand).map(drop));
        }
        let application = self.application(call, at)?;
        let mut operands = call
            .operands
            .iter()
            .map(|operand| self.qubits(operand))
            .collect::<Checked<Vec<Operand>>>()?;
        if self.is_delay(call) {
            return Ok(());
        }
        if self.is_plain_phase(call) {
            operands.clear();
        }
        let times = operands.iter().map(Operand::len).max().unwrap_or(1);
        for (operand, ast) in operands.iter().zip(&call.operands) {
            if operand.len() == 0 {
                return Err(Diagnostic::new(
                    ast.name.at,
                    format!("{} is empty here", quoted(ast.name.text)),
                ));
            }
            if operand.len() != 1 && operand.len() != times {
                return Err(Diagnostic::new(
                    at,
                    format!(
                        "the registers differ in size: {} and {times} qubits",
                        operand.len()
                    ),
                ));
            }
        }
        let width = u64::try_from(operands.len() / 4).unwrap_or(u64::MAX);
        let each = application.size.max(width).max(1);
        let gates = &mut self.usage.cost.gates;
        *gates = gates.saturating_add(each.saturating_mul(u64::from(times)));
        self.check_cost(at)?;
        if !in_order(&operands) {
            self.charge(times);
            check_distinct(&operands, times, call)?;
        }
        if self.does_reset(application.gate) {
            return self.inline_resets(&application, &operands, times, at);
        }
        if call.modifiers.is_empty() && self.inline_wide_gate(&application, &operands, at)? {
            return Ok(());
        }
        let call = GateCall {
            gate: application.gate,
            powers: application.powers.into(),
            controls: application.controls.into(),
            parameters: application.parameters.into(),
            operands: operands.into(),
        };
        self.emit(Action::Gate(Box::new(call)), at)
    }

    pub(crate) fn application(
        &mut self,
        call: &ast::GateCall<'s>,
        at: u32,
    ) -> Checked<Application> {
        let (mut gate, parameters, mut qubits, size, depth) = self.find_gate(call.name)?;
        if call.parameters.len() != parameters {
            return Err(Diagnostic::new(at, wrong_parameters(call, parameters)));
        }
        let (powers, controls, repeats) = self.modifiers(call)?;
        if let GateRef::Builtin(builtin) = &mut gate
            && is_any_controlled(call.name.text)
            && call.operands.len() >= controls.len() + 2
        {
            qubits = call.operands.len() - controls.len();
            builtin.controls = u8::try_from(qubits - 1)
                .ok()
                .filter(|controls| *controls < 64)
                .ok_or_else(|| Diagnostic::limit(at, "a gate can have at most 64 controls"))?;
        }
        let expected = qubits + controls.len();
        if call.operands.len() != expected && !self.is_plain_phase(call) {
            return Err(Diagnostic::new(
                at,
                format!(
                    "{} takes {} here, not {}",
                    quoted(call.name.text),
                    counted(expected, "qubit"),
                    call.operands.len()
                ),
            ));
        }
        if self.version == 2 {
            self.numbers = Numbers::Real;
        }
        let parameters: Checked<Vec<Expr>> = call
            .parameters
            .iter()
            .map(|value| self.real(value))
            .collect();
        self.numbers = Numbers::Whole;
        let repeats = match gate {
            GateRef::Builtin(_) => 1,
            _ if qubits == 1 => repeats.min(MAX_REPEATS),
            _ => repeats,
        };
        Ok(Application {
            gate,
            powers,
            controls,
            parameters: parameters?,
            size: size.saturating_mul(repeats),
            depth,
        })
    }

    /// `popcount(b);`, `a;`: a value that is not used.
    fn is_value(&self, call: &ast::GateCall<'s>) -> bool {
        let name = call.name.text;
        let is_function = || name == "sizeof" || Function::named(name).is_some();
        let is_variable = || {
            call.parameters.is_empty()
                && self.scopes.iter().any(|scope| {
                    matches!(
                        scope.get(name),
                        Some(
                            Symbol::Bits(_)
                                | Symbol::Constant(..)
                                | Symbol::Variable { .. }
                                | Symbol::Array(_)
                        )
                    )
                })
        };
        self.version >= 3
            && call.operands.is_empty()
            && call.modifiers.is_empty()
            && !self.is_taken(name)
            && (if call.parameters.is_empty() {
                is_variable()
            } else {
                is_function()
            })
    }

    fn unused_value(&mut self, call: &ast::GateCall<'s>) -> Checked<()> {
        let name = call.name;
        if !call.parameters.is_empty() {
            return self.call(name, &call.parameters).map(drop);
        }
        if matches!(self.lookup(name)?, Symbol::Array(_)) {
            return Ok(());
        }
        let reference = ast::Reference {
            name,
            index: None,
            more: Vec::new(),
        };
        self.value_of(&reference).map(drop)
    }

    /// A delay as Qiskit writes it in version 2.
    pub(crate) fn is_delay(&self, call: &ast::GateCall<'s>) -> bool {
        let Some(GateSymbol::Defined(index)) = self.gates.get(DELAY) else {
            return false;
        };
        let definition = self.definitions.get(*index);
        call.name.text == DELAY
            && self.version == 2
            && definition.is_some_and(|definition| definition.body.is_empty())
    }

    /// A global phase. `PennyLane` names a qubit with it, which has no meaning.
    pub(crate) fn is_plain_phase(&self, call: &ast::GateCall<'s>) -> bool {
        call.name.text == "gphase" && call.modifiers.is_empty() && !self.is_taken("gphase")
    }

    fn find_gate(&self, name: Name<'s>) -> Checked<(GateRef, usize, usize, u64, u32)> {
        let described = |gate, definition: &GateDefinition| {
            let GateDefinition {
                parameters,
                qubits,
                size,
                depth,
                ..
            } = *definition;
            (gate, parameters, qubits, size, depth)
        };
        if let Some(symbol) = self.gates.get(name.text) {
            let GateSymbol::Defined(index) = *symbol else {
                return Err(already_reported(name.at));
            };
            let gate = if self.in_library {
                GateRef::Library(index)
            } else {
                GateRef::Defined(index)
            };
            return match self.definitions.get(index) {
                Some(definition) if !definition.opaque => Ok(described(gate, definition)),
                _ => Err(Diagnostic::new(
                    name.at,
                    format!(
                        "gate {} is opaque: it has no definition to run",
                        quoted(name.text)
                    ),
                )),
            };
        }
        if let Some(builtin) = Builtin::named(name.text) {
            let gate = GateRef::Builtin(builtin);
            return Ok((gate, builtin.parameters(), builtin.qubits(), 1, 0));
        }
        if !self.in_library
            && let Some(index) = library().find(name.text)
            && let Some(definition) = library().gates.get(index)
        {
            return Ok(described(GateRef::Library(index), definition));
        }
        if self.version == 2
            && matches!(
                name.text,
                "qubit" | "bit" | "int" | "float" | "def" | "let" | "delay"
            )
        {
            let word = quoted(name.text);
            return Err(Diagnostic::new(
                name.at,
                format!("{word} belongs to OpenQASM 3, but the header says version 2"),
            ));
        }
        Err(self.no_gate(name))
    }

    fn no_gate(&self, name: Name<'s>) -> Diagnostic {
        let word = quoted(name.text);
        if self.subroutines.contains_key(name.text) {
            let message = format!(
                "{word} is a subroutine: expected its arguments in parentheses, and nothing behind them"
            );
            return Diagnostic::new(name.at, message);
        }
        // The library is not available while it is being read.
        let library = (!self.in_library).then(|| library().names());
        let library = library
            .into_iter()
            .flatten()
            .map(|name| -> &'s str { name });
        let known = self.gates.keys().copied().chain(library);
        let suggestion = hint::for_gate(name.text, known);
        let advice = if suggestion.is_empty() {
            "; a gate must be defined before it is used"
        } else {
            &suggestion
        };
        Diagnostic::new(name.at, format!("there is no gate {word}{advice}"))
    }

    fn real(&mut self, ast: &ast::Expr<'s>) -> Checked<Expr> {
        let typed = self.expression(ast)?;
        let number = typed
            .sample
            .as_real()
            .map_err(|error| Diagnostic::new(ast.at, error.message()))?;
        Ok(match typed.expr {
            Expr::Constant(_) => Expr::Constant(Value::Float(number)),
            other => other,
        })
    }

    /// Powers (innermost first), controls, and how often whole powers repeat a definition.
    fn modifiers(&mut self, call: &ast::GateCall<'s>) -> Checked<(Vec<Expr>, Vec<bool>, u64)> {
        let (mut powers, mut controls, mut repeats) = (Vec::new(), Vec::new(), 1_u64);
        for modifier in &call.modifiers {
            match modifier {
                Modifier::Inverse => powers.push(Expr::Constant(Value::Float(-1.0))),
                Modifier::Power(exponent) => {
                    // `pow(1/2)`, as the standard library writes it, is a square root.
                    self.numbers = Numbers::Divided;
                    let exponent = self.real(exponent);
                    self.numbers = Numbers::Whole;
                    let exponent = exponent?;
                    if let Expr::Constant(Value::Float(value)) = exponent {
                        #[allow(
                            clippy::cast_possible_truncation,
                            clippy::cast_sign_loss,
                            reason = "saturates"
                        )]
                        let times = value.abs().ceil() as u64;
                        repeats = repeats.saturating_mul(times);
                    }
                    powers.push(exponent);
                }
                Modifier::Control { count, negated } => {
                    let times = self.size(count.as_ref())?;
                    if times > 64 || controls.len() > 64 {
                        let at = count.as_ref().map_or(call.name.at, |count| count.at);
                        return Err(Diagnostic::limit(at, "a gate can have at most 64 controls"));
                    }
                    controls.extend(std::iter::repeat_n(!negated, times as usize));
                }
            }
        }
        powers.reverse();
        if repeats > MAX_GATES {
            repeats = u64::MAX;
        }
        Ok((powers, controls, repeats))
    }
}

/// Gates that take any number of controls, as MQT writes them.
fn is_any_controlled(name: &str) -> bool {
    matches!(name, "mcx" | "mcx_gray" | "mcphase" | "mcp")
}

fn wrong_parameters(call: &ast::GateCall<'_>, expected: usize) -> String {
    let found = call.parameters.len();
    // `cx(a, b);` was probably meant as `cx a, b;`.
    let advice = if call.operands.is_empty() && found > 0 {
        "; qubits stand behind the gate without parentheses"
    } else {
        ""
    };
    format!(
        "gate {} takes {}, not {found}{advice}",
        quoted(call.name.text),
        counted(expected, "parameter"),
    )
}

/// Whether the operands are known ranges, each after the previous one.
fn in_order(operands: &[Operand]) -> bool {
    let mut from = 0;
    operands.iter().all(|operand| match *operand {
        Operand::Range { first, len } => {
            let follows = first >= from;
            from = first.saturating_add(len);
            follows
        }
        _ => false,
    })
}

/// Refuses a repeated qubit in one application, if it is known before the run.
fn check_distinct(operands: &[Operand], times: u32, call: &ast::GateCall<'_>) -> Checked<()> {
    if operands.len() < 2 {
        return Ok(());
    }
    let mut seen = HashSet::with_capacity(operands.len());
    for index in 0..times {
        seen.clear();
        for (operand, ast) in operands.iter().zip(&call.operands) {
            let place = if operand.len() == 1 { 0 } else { index };
            if let Some(qubit) = operand.get(place)
                && !seen.insert(qubit)
            {
                return Err(same_qubit(ast.name.at));
            }
        }
    }
    Ok(())
}

pub(crate) fn same_qubit(at: u32) -> Diagnostic {
    Diagnostic::new(at, "the same qubit is used twice by one gate")
}
