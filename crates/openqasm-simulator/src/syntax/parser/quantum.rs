//! Qubits, gates and measurements.

use crate::error::{Diagnostic, quoted};
use crate::limits::MAX_INDICES;
use crate::syntax::ast::{
    Further, GateCall, GateDefinition, Modifier, Name, Reference, Source, StatementKind,
};
use crate::syntax::hint;
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::TokenKind;

impl<'s> Parser<'s> {
    /// `qreg q[2];` and `creg c[2];`, in both versions; the size may be left out.
    pub(crate) fn old_register(&mut self, quantum: bool) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let name = self.name("a name for the register")?;
        let size = self.designator()?;
        self.semicolon()?;
        Ok(if quantum {
            StatementKind::Qubits { name, size }
        } else {
            StatementKind::Bits {
                name,
                size,
                init: None,
            }
        })
    }

    pub(crate) fn qubit_declaration(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let size = self.designator()?;
        let name = self.name("a name for the qubits")?;
        self.no_size_behind(name, "qubit")?;
        self.semicolon()?;
        Ok(StatementKind::Qubits { name, size })
    }

    /// `let a = q[0:2] ++ r;`, and `let a = {q, r[1]};` as Qiskit writes it.
    pub(crate) fn alias(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let name = self.name("a name for the alias")?;
        self.expect("=")?;
        let part = |parser: &mut Self| parser.reference("a register");
        let mut parts = Vec::new();
        if self.eat("{") {
            parts = self.list("}", part)?;
            if parts.is_empty() {
                return Err(self.expected("registers between the braces"));
            }
        } else {
            parts.push(part(self)?);
            while self.eat("++") {
                parts.push(part(self)?);
            }
        }
        self.semicolon()?;
        Ok(StatementKind::Alias { name, parts })
    }

    pub(crate) fn gate_definition(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let name = self.name("a name for the gate")?;
        let (parameters, qubits) = self.signature("{")?;
        let body = self.block()?;
        Ok(StatementKind::Gate(GateDefinition {
            name,
            parameters,
            qubits,
            body,
        }))
    }

    pub(crate) fn opaque(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let name = self.name("a name for the gate")?;
        let (parameters, qubits) = self.signature(";")?;
        self.semicolon()?;
        Ok(StatementKind::Opaque {
            name,
            parameters: parameters.len(),
            qubits: qubits.len(),
        })
    }

    fn signature(&mut self, end: &str) -> Parsed<(Vec<Name<'s>>, Vec<Name<'s>>)> {
        let parameters = if self.eat("(") {
            self.list(")", |parser| parser.name("a parameter"))?
        } else {
            Vec::new()
        };
        let mut qubits = Vec::new();
        while self.text() != end {
            qubits.push(self.name("a qubit")?);
            if !self.eat(",") {
                if self.text() != end {
                    return Err(self.expected(&format!("`,` or `{end}`")));
                }
                break;
            }
        }
        Ok((parameters, qubits))
    }

    /// `ctrl(2) @ inv @ rx(0.5) q[0], q[1], q[2];`, `x[100ns] q;`
    pub(crate) fn gate_call(&mut self) -> Parsed<StatementKind<'s>> {
        let mut modifiers = Vec::new();
        if self.version >= 3 {
            while let Some(modifier) = self.modifier()? {
                modifiers.push(modifier);
            }
        }
        let name = if self.text() == "gphase" {
            let token = self.peek();
            self.position += 1;
            Name {
                text: "gphase",
                at: token.start,
            }
        } else {
            self.name("a gate")?
        };
        let parameters = if self.eat("(") {
            self.list(")", Self::expression)?
        } else {
            Vec::new()
        };
        if self.version >= 3 && self.text() == "@" {
            let message = format!(
                "there is no modifier {}{}",
                quoted(name.text),
                hint::for_modifier(name.text)
            );
            return Err(Diagnostic::new(name.at, message));
        }
        // How long the gate takes has no effect.
        self.designator()?;
        let operands = self.references()?;
        Ok(StatementKind::Call(GateCall {
            modifiers,
            name,
            parameters,
            operands,
        }))
    }

    fn modifier(&mut self) -> Parsed<Option<Modifier<'s>>> {
        let word = self.text();
        if !matches!(word, "inv" | "pow" | "ctrl" | "negctrl") {
            return Ok(None);
        }
        self.position += 1;
        let mut argument = None;
        if word != "inv" && self.eat("(") {
            argument = Some(self.expression()?);
            self.expect(")")?;
        }
        let modifier = match (word, argument) {
            ("inv", _) => Modifier::Inverse,
            ("pow", Some(exponent)) => Modifier::Power(exponent),
            ("pow", None) => return Err(self.expected("`(` and an exponent")),
            (_, count) => Modifier::Control {
                count,
                negated: word == "negctrl",
            },
        };
        self.expect("@")?;
        Ok(Some(modifier))
    }

    pub(crate) fn barrier(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        Ok(StatementKind::Barrier(self.references()?))
    }

    pub(crate) fn reset(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let target = self.reference("a qubit")?;
        self.semicolon()?;
        Ok(StatementKind::Reset(target))
    }

    /// `measure q -> c;` or `measure q;`
    pub(crate) fn measure(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let source = self.reference("a qubit")?;
        if !self.eat("->") {
            self.semicolon_or("`->` or ")?;
            return Ok(StatementKind::Measure(source));
        }
        let target = self.reference("a classical bit")?;
        self.semicolon()?;
        Ok(StatementKind::Assign {
            target,
            op: None,
            value: Source::Measure(source),
        })
    }

    /// `delay[100ns] q;`
    pub(crate) fn delay(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        self.expect("[")?;
        let duration = self.expression()?;
        self.expect("]")?;
        Ok(StatementKind::Delay(duration, self.references()?))
    }

    /// `box { ... }`, optionally with a duration.
    pub(crate) fn box_statement(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        if self.eat("[") {
            self.expression()?;
            self.expect("]")?;
        }
        Ok(StatementKind::Box(self.block()?))
    }

    pub(crate) fn reference(&mut self, what: &str) -> Parsed<Reference<'s>> {
        let token = self.peek();
        let name = if token.kind == TokenKind::Physical {
            self.position += 1;
            Name {
                text: self.raw(token),
                at: token.start,
            }
        } else {
            self.name(what)?
        };
        let (mut index, mut more) = (None, Vec::new());
        if self.text() == "[" {
            index = Some(self.index(&mut more)?);
        }
        while self.text() == "[" {
            if more.len() + 1 >= MAX_INDICES {
                return Err(Diagnostic::limit(
                    self.peek().start,
                    format!("{} has more than {MAX_INDICES} indices", quoted(name.text)),
                ));
            }
            let mut others = Vec::new();
            let index = self.index(&mut others)?;
            let comma = false;
            more.push(Further { index, comma });
            more.append(&mut others);
        }
        Ok(Reference { name, index, more })
    }
}
