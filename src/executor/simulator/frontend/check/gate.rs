//! Gate definitions and applications.

use super::super::super::error::{Diagnostic, quoted};
use super::super::super::gates::Builtin;
use super::super::super::limits::{MAX_GATE_DEPTH, MAX_GATES};
use super::super::super::program::{
    Action, BodyCall, Expr, GateCall, GateDefinition, GateRef, Operand,
};
use super::super::super::value::Value;
use super::super::ast::{self, Modifier, Name, Statement, StatementKind};
use super::super::library::library;
use super::scope::{GateSymbol, Symbol, silent};
use super::{Checked, Checker};
use std::collections::{HashMap, HashSet};

/// The parts that an application has wherever it stands.
struct Application {
    gate: GateRef,
    powers: Vec<Expr>,
    controls: Vec<bool>,
    parameters: Vec<Expr>,
    /// Built-in gates that one application expands to.
    size: u64,
    depth: u32,
}

impl<'s> Checker<'s> {
    pub(super) fn define_gate(&mut self, definition: &ast::GateDefinition<'s>) -> Checked<()> {
        let name = definition.name;
        self.check_new_gate(name)?;
        let mut scope = HashMap::new();
        let parameters = definition.parameters.iter().enumerate();
        let qubits = definition.qubits.iter().enumerate();
        let symbols = parameters
            .map(|(index, name)| (name, Symbol::Parameter(index)))
            .chain(qubits.map(|(index, name)| (name, Symbol::Formal(index))));
        for (name, symbol) in symbols {
            if scope.insert(name.text, symbol).is_some() {
                return Err(Diagnostic::new(
                    name.at,
                    format!("{} is already declared", quoted(name.text)),
                ));
            }
        }
        self.scopes.push(scope);
        let body = self.gate_body(name, &definition.body);
        self.scopes.pop();
        let (body, size, depth) = body?;
        if depth > MAX_GATE_DEPTH {
            return Err(Diagnostic::new(
                name.at,
                format!("gates are defined through each other more than {MAX_GATE_DEPTH} deep"),
            ));
        }
        self.add_gate(
            name,
            GateDefinition {
                parameters: definition.parameters.len(),
                qubits: definition.qubits.len(),
                body,
                size,
                depth,
                opaque: false,
            },
        );
        Ok(())
    }

    pub(super) fn define_opaque(&mut self, name: Name<'s>) -> Checked<()> {
        self.check_new_gate(name)?;
        self.add_gate(
            name,
            GateDefinition {
                parameters: 0,
                qubits: 0,
                body: Vec::new(),
                size: 0,
                depth: 0,
                opaque: true,
            },
        );
        Ok(())
    }

    fn add_gate(&mut self, name: Name<'s>, definition: GateDefinition) {
        self.gates
            .insert(name.text, GateSymbol::Defined(self.definitions.len()));
        self.definitions.push(definition);
    }

    fn check_new_gate(&self, name: Name<'s>) -> Checked<()> {
        if !self.is_global() {
            return Err(Diagnostic::new(
                name.at,
                "gates must be defined outside of blocks",
            ));
        }
        let taken = self
            .scopes
            .first()
            .is_some_and(|scope| scope.contains_key(name.text));
        if taken || self.gates.contains_key(name.text) {
            return Err(Diagnostic::new(
                name.at,
                format!("{} is already declared", quoted(name.text)),
            ));
        }
        Ok(())
    }

    fn gate_body(
        &mut self,
        own: Name<'s>,
        body: &[Statement<'s>],
    ) -> Checked<(Vec<BodyCall>, u64, u32)> {
        let (mut calls, mut size, mut depth) = (Vec::new(), 0_u64, 0);
        for statement in body {
            let call = match &statement.kind {
                StatementKind::Nothing => continue,
                StatementKind::Call(call) => call,
                StatementKind::Barrier(operands) => {
                    operands
                        .iter()
                        .try_for_each(|operand| self.formal(operand).map(drop))?;
                    continue;
                }
                _ => {
                    return Err(Diagnostic::new(
                        statement.at,
                        "only gates and barriers are supported in the definition of a gate",
                    ));
                }
            };
            if call.name.text == own.text {
                return Err(Diagnostic::new(
                    call.name.at,
                    format!("gate {} calls itself", quoted(own.text)),
                ));
            }
            let application = self.application(call, statement.at)?;
            let qubits = call
                .operands
                .iter()
                .map(|operand| self.formal(operand))
                .collect::<Checked<Vec<usize>>>()?;
            let mut seen = HashSet::new();
            for (operand, qubit) in call.operands.iter().zip(&qubits) {
                if !seen.insert(*qubit) {
                    return Err(same_qubit(operand.name.at));
                }
            }
            size = size.saturating_add(application.size);
            depth = depth.max(application.depth + 1);
            calls.push(BodyCall {
                gate: application.gate,
                powers: application.powers,
                controls: application.controls,
                parameters: application.parameters,
                qubits,
                at: statement.at,
            });
        }
        Ok((calls, size, depth))
    }

    /// A qubit of the gate that is being defined.
    fn formal(&self, operand: &ast::Reference<'s>) -> Checked<usize> {
        match self.lookup(operand.name)? {
            Symbol::Formal(index) if operand.index.is_none() => Ok(index),
            _ => Err(Diagnostic::new(
                operand.name.at,
                "expected one of the qubits of this gate",
            )),
        }
    }

    pub(super) fn gate_call(&mut self, call: &ast::GateCall<'s>, at: u32) -> Checked<()> {
        let application = self.application(call, at)?;
        let operands = call
            .operands
            .iter()
            .map(|operand| self.qubits(operand))
            .collect::<Checked<Vec<Operand>>>()?;
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
        self.cost.gates = self
            .cost
            .gates
            .saturating_add(each.saturating_mul(u64::from(times)));
        self.check_cost(at)?;
        check_distinct(&operands, times, call)?;
        let call = GateCall {
            gate: application.gate,
            powers: application.powers,
            controls: application.controls,
            parameters: application.parameters,
            operands,
        };
        self.emit(Action::Gate(Box::new(call)), at)
    }

    fn application(&mut self, call: &ast::GateCall<'s>, at: u32) -> Checked<Application> {
        let (gate, parameters, qubits, size, depth) = self.find_gate(call.name)?;
        if call.parameters.len() != parameters {
            return Err(Diagnostic::new(
                at,
                format!(
                    "gate {} takes {parameters} parameter(s), not {}",
                    quoted(call.name.text),
                    call.parameters.len()
                ),
            ));
        }
        let (powers, controls, repeats) = self.modifiers(&call.modifiers)?;
        let expected = qubits + controls.len();
        if call.operands.len() != expected {
            return Err(Diagnostic::new(
                at,
                format!(
                    "{} takes {expected} qubit(s) here, not {}",
                    quoted(call.name.text),
                    call.operands.len()
                ),
            ));
        }
        self.real_numbers = self.version == 2;
        let parameters: Checked<Vec<Expr>> = call
            .parameters
            .iter()
            .map(|value| self.real(value))
            .collect();
        self.real_numbers = false;
        let repeats = if matches!(gate, GateRef::Builtin(_)) {
            1
        } else {
            repeats
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
                return Err(silent(name.at));
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
            && matches!(name.text, "qubit" | "bit" | "int" | "float" | "def" | "let")
        {
            let word = quoted(name.text);
            return Err(Diagnostic::new(
                name.at,
                format!("{word} belongs to OpenQASM 3, but the header says version 2"),
            ));
        }
        Err(Diagnostic::new(
            name.at,
            format!(
                "there is no gate {}; a gate must be defined before it is used",
                quoted(name.text)
            ),
        ))
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
    fn modifiers(&mut self, modifiers: &[Modifier<'s>]) -> Checked<(Vec<Expr>, Vec<bool>, u64)> {
        let (mut powers, mut controls, mut repeats) = (Vec::new(), Vec::new(), 1_u64);
        for modifier in modifiers {
            match modifier {
                Modifier::Inverse => powers.push(Expr::Constant(Value::Float(-1.0))),
                Modifier::Power(exponent) => {
                    let exponent = self.real(exponent)?;
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
                        let at = count.as_ref().map_or(0, |count| count.at);
                        return Err(Diagnostic::new(at, "a gate can have at most 64 controls"));
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

/// Refuses the same qubit twice in one application, where it is known before the run.
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

fn same_qubit(at: u32) -> Diagnostic {
    Diagnostic::new(at, "the same qubit is used twice by one gate")
}
