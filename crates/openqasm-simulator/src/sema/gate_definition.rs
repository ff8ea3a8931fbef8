//! Gate definitions.

use crate::error::{Diagnostic, quoted};
use crate::ir::program::{BodyCall, GateDefinition, GateRef};
use crate::ir::value::{Type, Value};
use crate::limits::{MAX_ERRORS, MAX_GATE_DEPTH, MAX_UNROLLED_PARTS};
use crate::sema::gate::same_qubit;
use crate::sema::scope::{GateSymbol, Symbol, already_reported};
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, Name, Statement, StatementKind};
use std::collections::{HashMap, HashSet};

/// Qiskit's name for a delay in version 2.
pub(crate) const DELAY: &str = "delay";

impl<'s> Checker<'s> {
    pub(crate) fn define_gate(&mut self, definition: &ast::GateDefinition<'s>) -> Checked<()> {
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
        self.in_gate = true;
        let body = self.gate_body(name, &definition.body);
        self.in_gate = false;
        self.scopes.pop();
        let (mut body, size, depth) = body?;
        body.shrink_to_fit();
        let resets = body.iter().any(|call| self.does_reset(call.gate));
        if depth > MAX_GATE_DEPTH {
            return Err(Diagnostic::limit(
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
                resets,
                opaque: false,
            },
        );
        Ok(())
    }

    pub(crate) fn define_opaque(
        &mut self,
        name: Name<'s>,
        parameters: usize,
        qubits: usize,
    ) -> Checked<()> {
        self.check_new_gate(name)?;
        self.add_gate(
            name,
            GateDefinition {
                parameters,
                qubits,
                body: Vec::new(),
                size: 0,
                depth: 0,
                resets: false,
                // Qiskit declares its delay this way.
                opaque: name.text != DELAY || parameters != 1 || qubits != 1,
            },
        );
        Ok(())
    }

    fn add_gate(&mut self, name: Name<'s>, definition: GateDefinition) {
        self.gates
            .insert(name.text, GateSymbol::Defined(self.definitions.len()));
        self.definitions.push(definition);
    }

    pub(crate) fn check_new_gate(&mut self, name: Name<'s>) -> Checked<()> {
        if !self.is_global() {
            return Err(Diagnostic::new(
                name.at,
                "gates and subroutines must be defined outside of blocks",
            ));
        }
        let taken = self
            .scopes
            .first()
            .is_some_and(|scope| scope.contains_key(name.text));
        if taken || self.is_taken(name.text) {
            return Err(Diagnostic::new(
                name.at,
                format!("{} is already declared", quoted(name.text)),
            ));
        }
        self.count_name(name.at)
    }

    fn gate_body(
        &mut self,
        own: Name<'s>,
        body: &[Statement<'s>],
    ) -> Checked<(Vec<BodyCall>, u64, u32)> {
        let mut into = (Vec::new(), 0, 0);
        let mut mistakes = Vec::new();
        for statement in body {
            let alone = std::slice::from_ref(statement);
            mistakes.extend(self.gate_statements(own, alone, &mut into).err());
            // A gate that is too large stays too large.
            let ends = mistakes.last().is_some_and(|mistake| mistake.is_limit);
            if ends || mistakes.len() >= MAX_ERRORS {
                break;
            }
        }
        // The caller reports the last one.
        let Some(last) = mistakes.pop() else {
            return Ok(into);
        };
        mistakes.retain(|mistake| !mistake.message.is_empty());
        self.errors.append(&mut mistakes);
        Err(last)
    }

    fn gate_statements(
        &mut self,
        own: Name<'s>,
        body: &[Statement<'s>],
        into: &mut (Vec<BodyCall>, u64, u32),
    ) -> Checked<()> {
        for statement in body {
            match &statement.kind {
                StatementKind::Nothing => {}
                StatementKind::Call(call) => {
                    self.unroll(call.operands.len(), statement.at)?;
                    self.body_call(own, call, statement.at, into)?;
                }
                // Not in the language, but Qiskit defines `initialize` this way.
                StatementKind::Reset(operand) if self.version == 2 => {
                    let qubits = vec![self.formal(operand)?];
                    into.1 += 1;
                    into.2 = into.2.max(1);
                    into.0.push(BodyCall {
                        gate: GateRef::Reset,
                        powers: Vec::new(),
                        controls: Vec::new(),
                        parameters: Vec::new(),
                        qubits,
                        at: statement.at,
                    });
                }
                StatementKind::Barrier(operands) => operands
                    .iter()
                    .try_for_each(|operand| self.formal(operand).map(drop))?,
                StatementKind::For(ast) => self.gate_loop(own, ast, statement.at, into)?,
                _ => {
                    return Err(Diagnostic::new(
                        statement.at,
                        "only gates, barriers and loops over constants are supported in the definition of a gate",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Counts the expanded size of definitions with loops.
    pub(crate) fn unroll(&mut self, parts: usize, at: u32) -> Checked<()> {
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        self.unrolling.in_gates = self.unrolling.in_gates.saturating_add(parts);
        self.charge(1 << 4);
        if self.work.stopped.is_some() {
            return Err(already_reported(at));
        }
        if self.unrolling.in_gates > MAX_UNROLLED_PARTS {
            return Err(Diagnostic::limit(
                at,
                format!(
                    "definitions of gates have more than {MAX_UNROLLED_PARTS} gates, operands and values, loops unrolled"
                ),
            ));
        }
        Ok(())
    }

    /// A loop in a definition: its body for each value.
    fn gate_loop(
        &mut self,
        own: Name<'s>,
        ast: &ast::ForLoop<'s>,
        at: u32,
        into: &mut (Vec<BodyCall>, u64, u32),
    ) -> Checked<()> {
        let ty = self.type_of(&ast.ty)?;
        match &ast.domain {
            ast::Domain::Set(items) => {
                for item in items {
                    let value = self.constant(item, "a value of a loop in a gate")?;
                    self.gate_turn(own, ast, (value, ty, item.at), into)?;
                }
                Ok(())
            }
            ast::Domain::Range(range) => {
                let what = "a range of a loop in a gate";
                let mut part = |part: &Option<ast::Expr<'s>>, otherwise| match part {
                    Some(value) => self.constant_int(value, what).map(Some),
                    None => Ok(otherwise),
                };
                let step = part(&range.step, Some(1))?.unwrap_or(1);
                let (start, end) = (part(&range.start, None)?, part(&range.end, None)?);
                let (Some(mut value), Some(end)) = (start, end) else {
                    let message = "the range of a loop needs a start and an end";
                    return Err(Diagnostic::new(range.at, message));
                };
                if step == 0 {
                    let message = "the step of a range must not be 0";
                    return Err(Diagnostic::new(range.at, message));
                }
                while (step > 0 && value <= end) || (step < 0 && value >= end) {
                    self.gate_turn(own, ast, (Value::Int(value), ty, range.at), into)?;
                    value = value.saturating_add(step);
                }
                Ok(())
            }
            ast::Domain::Each(reference) => Err(Diagnostic::new(
                reference.name.at,
                "expected a range or a set of constants for a loop in a gate",
            )),
        }?;
        self.unroll(1, at)
    }

    fn gate_turn(
        &mut self,
        own: Name<'s>,
        ast: &ast::ForLoop<'s>,
        (value, ty, at): (Value, Type, u32),
        into: &mut (Vec<BodyCall>, u64, u32),
    ) -> Checked<()> {
        self.unroll(1, at)?;
        let value = value
            .assign_to(ty)
            .map_err(|error| Diagnostic::new(at, error.message()))?;
        let scope = HashMap::from([(ast.variable.text, Symbol::Constant(value, ty))]);
        self.scopes.push(scope);
        let result = self.gate_statements(own, &ast.body, into);
        self.scopes.pop();
        result
    }

    fn body_call(
        &mut self,
        own: Name<'s>,
        call: &ast::GateCall<'s>,
        at: u32,
        (calls, size, depth): &mut (Vec<BodyCall>, u64, u32),
    ) -> Checked<()> {
        if call.name.text == own.text {
            return Err(Diagnostic::new(
                call.name.at,
                format!("gate {} calls itself", quoted(own.text)),
            ));
        }
        let application = self.application(call, at)?;
        if self.is_delay(call) {
            return Ok(());
        }
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
        let qubits = if self.is_plain_phase(call) {
            Vec::new()
        } else {
            qubits
        };
        *size = size.saturating_add(application.size);
        *depth = (*depth).max(application.depth + 1);
        calls.push(BodyCall {
            gate: application.gate,
            powers: application.powers,
            controls: application.controls,
            parameters: application.parameters,
            qubits,
            at,
        });
        Ok(())
    }

    /// Whether an application of a gate resets a qubit.
    pub(crate) fn does_reset(&self, gate: GateRef) -> bool {
        match gate {
            GateRef::Reset => true,
            GateRef::Defined(index) => {
                let definition = self.definitions.get(index);
                definition.is_some_and(|definition| definition.resets)
            }
            GateRef::Builtin(_) | GateRef::Library(_) => false,
        }
    }

    /// A qubit of the enclosing gate definition.
    fn formal(&self, operand: &ast::Reference<'s>) -> Checked<usize> {
        match self.lookup(operand.name)? {
            Symbol::Formal(index) if operand.index.is_none() => Ok(index),
            Symbol::Formal(_) => Err(Diagnostic::new(
                operand.name.at,
                format!(
                    "{} is a single qubit of this gate: expected it without an index",
                    quoted(operand.name.text)
                ),
            )),
            other => Err(Diagnostic::new(
                operand.name.at,
                format!(
                    "expected one of the qubits of this gate, but {} is {}",
                    quoted(operand.name.text),
                    other.kind()
                ),
            )),
        }
    }
}
