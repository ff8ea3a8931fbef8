//! What names stand for.

use super::super::super::error::{Diagnostic, quoted};
use super::super::super::program::Operand;
use super::super::super::value::{Type, Value};
use super::super::ast::Name;
use super::{Checked, Checker};

#[derive(Debug, Clone)]
pub(super) enum Symbol {
    Qubits(Operand),
    Bits(Operand),
    Constant(Value),
    Variable {
        slot: usize,
        ty: Type,
    },
    /// A parameter of the gate that is being defined.
    Parameter(usize),
    /// A qubit of the gate that is being defined.
    Formal(usize),
    /// Declared by a statement that was wrong.
    Broken,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum GateSymbol {
    Defined(usize),
    Broken,
}

impl Symbol {
    /// The kind of thing, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Qubits(_) | Self::Formal(_) => "a qubit",
            Self::Bits(_) => "a classical bit",
            Self::Constant(_) => "a constant",
            Self::Variable { .. } | Self::Broken => "a variable",
            Self::Parameter(_) => "a parameter",
        }
    }
}

/// An error that only follows from one already reported.
pub(super) fn silent(at: u32) -> Diagnostic {
    Diagnostic::new(at, "")
}

impl<'s> Checker<'s> {
    pub(super) fn declare(&mut self, name: Name<'s>, symbol: Symbol) -> Checked<()> {
        let global = self.scopes.len() == 1;
        if let Some(scope) = self.scopes.last_mut() {
            if scope.contains_key(name.text) || (global && self.gates.contains_key(name.text)) {
                return Err(Diagnostic::new(
                    name.at,
                    format!("{} is already declared", quoted(name.text)),
                ));
            }
            scope.insert(name.text, symbol);
        }
        Ok(())
    }

    pub(super) fn lookup(&self, name: Name<'s>) -> Checked<Symbol> {
        let found = self
            .scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(name.text));
        match found {
            Some(Symbol::Broken) => Err(silent(name.at)),
            Some(symbol) => Ok(symbol.clone()),
            None => Err(Diagnostic::new(
                name.at,
                format!("{} is not declared", quoted(name.text)),
            )),
        }
    }

    /// Whether statements here run in the outermost scope.
    pub(super) fn is_global(&self) -> bool {
        self.scopes.len() == 1
    }
}
