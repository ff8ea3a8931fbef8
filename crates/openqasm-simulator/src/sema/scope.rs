//! Symbols and scopes.

use crate::error::{Diagnostic, quoted};
use crate::ir::program::Operand;
use crate::ir::value::{Type, Value};
use crate::sema::array_layout::{Access, Array};
use crate::sema::{Checked, Checker};
use crate::syntax::ast::Name;
use crate::syntax::hint;

#[derive(Debug, Clone)]
pub(crate) enum Symbol {
    Qubits(Operand),
    Bits(Operand),
    Constant(Value, Type),
    Variable {
        slot: usize,
        ty: Type,
    },
    Array(Array),
    /// A parameter of the gate that is being defined.
    Parameter(usize),
    /// A qubit of the gate that is being defined.
    Formal(usize),
    /// Declared by a wrong statement.
    Broken,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum GateSymbol {
    Defined(usize),
    Broken,
}

impl Symbol {
    fn is_constant(&self) -> bool {
        match self {
            Self::Constant(..) => true,
            Self::Array(array) => array.access == Access::Constant,
            _ => false,
        }
    }

    /// The kind of symbol, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Qubits(_) | Self::Formal(_) => "a qubit",
            Self::Bits(_) => "a classical bit",
            Self::Constant(..) => "a constant",
            Self::Array(_) => "an array",
            Self::Variable { .. } | Self::Broken => "a variable",
            Self::Parameter(_) => "a parameter",
        }
    }
}

/// An error that only follows from one already reported.
pub(crate) fn already_reported(at: u32) -> Diagnostic {
    Diagnostic::new(at, "")
}

impl<'s> Checker<'s> {
    pub(crate) fn declare(&mut self, name: Name<'s>, symbol: Symbol) -> Checked<()> {
        let is_global = self.is_global();
        let taken = is_global && self.is_taken(name.text);
        if is_global {
            self.count_name(name.at)?;
        }
        if let Some(scope) = self.scopes.last_mut() {
            if scope.contains_key(name.text) || taken {
                return Err(Diagnostic::new(
                    name.at,
                    format!("{} is already declared", quoted(name.text)),
                ));
            }
            scope.insert(name.text, symbol);
        }
        Ok(())
    }

    /// Whether a gate or subroutine has that name.
    pub(crate) fn is_taken(&self, name: &str) -> bool {
        self.gates.contains_key(name)
            || self.subroutines.contains_key(name)
            || self.externals.contains_key(name)
    }

    pub(crate) fn lookup(&self, name: Name<'s>) -> Checked<Symbol> {
        let mut scopes = self.scopes.iter().enumerate().rev();
        let found =
            scopes.find_map(|(depth, scope)| scope.get(name.text).map(|symbol| (depth, symbol)));
        let hidden = |depth| depth == 0 && !self.calls.is_empty();
        match found.map(|(depth, symbol)| (hidden(depth), symbol)) {
            Some((_, Symbol::Broken)) => Err(already_reported(name.at)),
            Some((true, symbol))
                if !symbol.is_constant() && !self.inputs.open.contains(name.text) =>
            {
                Err(Diagnostic::new(
                    name.at,
                    format!(
                        "a subroutine sees only the constants of the program: {} is {}; pass it as an argument",
                        quoted(name.text),
                        symbol.kind()
                    ),
                ))
            }
            Some((_, symbol)) => Ok(symbol.clone()),
            None => Err(Diagnostic::new(
                name.at,
                format!(
                    "{} is not declared{}",
                    quoted(name.text),
                    self.like(name.text)
                ),
            )),
        }
    }

    /// Whether a name is an input without a known value: it is a constant of each run.
    pub(crate) fn is_open_input(&self, name: Name<'s>) -> bool {
        let mut inner = self.scopes.iter().skip(1);
        self.inputs.open.contains(name.text) && !inner.any(|scope| scope.contains_key(name.text))
    }

    /// A declared name similar to that one.
    fn like(&self, name: &'s str) -> String {
        let declared = self.scopes.iter().flat_map(|scope| scope.keys().copied());
        hint::for_name(name, declared)
    }

    /// Whether statements here run in the outermost scope.
    pub(crate) fn is_global(&self) -> bool {
        self.scopes.len() == 1
    }
}
