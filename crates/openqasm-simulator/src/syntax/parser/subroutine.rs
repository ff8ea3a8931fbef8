//! `def` and `return`.

use crate::syntax::ast::{Expr, Formal, FormalKind, Name, StatementKind, Subroutine, TypeName};
use crate::syntax::parser::{Parsed, Parser};
use std::rc::Rc;

impl<'s> Parser<'s> {
    /// `def name(qubit[2] q, int n) -> bit { ... }`
    pub(crate) fn subroutine(&mut self) -> Parsed<StatementKind<'s>> {
        self.outermost()?;
        self.position += 1;
        let name = self.name("a name for the subroutine")?;
        self.expect("(")?;
        let parameters = self.list(")", Self::formal)?;
        let result = if self.eat("->") {
            Some(self.type_name()?)
        } else if self.text() == "{" {
            None
        } else {
            return Err(self.expected("`->` and a type, or `{`"));
        };
        let body = self.block()?;
        Ok(StatementKind::Subroutine(Rc::new(Subroutine {
            name,
            parameters,
            result,
            body,
        })))
    }

    /// `extern name(int[32], bit) -> bit;`
    pub(crate) fn external(&mut self) -> Parsed<StatementKind<'s>> {
        self.outermost()?;
        self.position += 1;
        let name = self.name("a name for the function")?;
        if self.eat("(") {
            self.list(")", Self::external_parameter)?;
        }
        if self.eat("->") {
            self.type_name()?;
        }
        self.semicolon()?;
        Ok(StatementKind::External { name })
    }

    fn external_parameter(&mut self) -> Parsed<()> {
        match self.text() {
            "readonly" | "mutable" => {
                self.position += 1;
                self.array_type().map(drop)
            }
            "creg" => {
                self.position += 1;
                self.designator().map(drop)
            }
            _ => self.type_name().map(drop),
        }
    }

    fn formal(&mut self) -> Parsed<Formal<'s>> {
        match self.text() {
            "qubit" => {
                self.position += 1;
                let size = self.designator()?;
                let name = self.parameter_name()?;
                let kind = FormalKind::Qubits(size);
                Ok(Formal { name, kind })
            }
            "qreg" => {
                self.position += 1;
                let (name, size) = self.old_formal()?;
                let kind = FormalKind::Qubits(size);
                Ok(Formal { name, kind })
            }
            "creg" => {
                let at = self.peek().start;
                self.position += 1;
                let (name, width) = self.old_formal()?;
                let kind = FormalKind::Value(TypeName {
                    name: Name { text: "bit", at },
                    width,
                });
                Ok(Formal { name, kind })
            }
            "readonly" | "mutable" => {
                let mutable = self.text() == "mutable";
                self.position += 1;
                let ty = self.array_type()?;
                let name = self.parameter_name()?;
                let kind = FormalKind::Array { ty, mutable };
                Ok(Formal { name, kind })
            }
            "array" => Err(self.expected("`readonly` or `mutable` before `array`")),
            _ => {
                let ty = self.type_name()?;
                let name = self.parameter_name()?;
                let kind = FormalKind::Value(ty);
                Ok(Formal { name, kind })
            }
        }
    }

    /// A register as version 2 writes it: name before size.
    fn old_formal(&mut self) -> Parsed<(Name<'s>, Option<Expr<'s>>)> {
        Ok((self.parameter_name()?, self.designator()?))
    }

    fn parameter_name(&mut self) -> Parsed<Name<'s>> {
        self.name("a name for the parameter")
    }

    /// `return;`, `return x + 1;`, `return measure q;`
    pub(crate) fn return_statement(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let value = if self.text() == ";" {
            None
        } else {
            Some(self.source()?)
        };
        self.semicolon()?;
        Ok(StatementKind::Return(value))
    }
}
