//! Gate definitions.

use super::super::super::error::{Diagnostic, quoted};
use super::super::super::limits::MAX_GATE_DEPTH;
use super::super::super::program::{BodyCall, GateDefinition};
use super::super::ast::{self, Name, Statement, StatementKind};
use super::gate::same_qubit;
use super::scope::{GateSymbol, Symbol};
use super::{Checked, Checker};
use std::collections::{HashMap, HashSet};

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
        self.in_gate = true;
        let body = self.gate_body(name, &definition.body);
        self.in_gate = false;
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
}
