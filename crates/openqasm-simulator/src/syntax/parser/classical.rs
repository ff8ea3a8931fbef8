//! Classical declarations and types.

use crate::error::quoted;
use crate::syntax::ast::{Expr, Name, StatementKind, TypeName};
use crate::syntax::parser::{Parsed, Parser};

impl<'s> Parser<'s> {
    /// `[n]`, if present.
    pub(crate) fn designator(&mut self) -> Parsed<Option<Expr<'s>>> {
        if !self.eat("[") {
            return Ok(None);
        }
        let size = self.expression()?;
        self.expect("]")?;
        Ok(Some(size))
    }

    pub(crate) fn type_name(&mut self) -> Parsed<TypeName<'s>> {
        let token = self.peek();
        let text = self.text();
        match text {
            "int" | "uint" | "float" | "bool" | "bit" | "angle" | "duration" | "stretch" => {
                self.position += 1;
            }
            "complex" => return self.complex(),
            _ => return Err(self.expected("a type such as `int`")),
        }
        Ok(TypeName {
            name: Name {
                text,
                at: token.start,
            },
            width: self.designator()?,
        })
    }

    /// `bit[2] c;`, `bit[2] c = "01";`, `bit[2] c = measure q;`
    pub(crate) fn bit_declaration(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let size = self.designator()?;
        let name = self.name("a name for the bits")?;
        self.no_size_behind(name, "bit")?;
        let init = if self.eat("=") {
            Some(self.source()?)
        } else {
            None
        };
        self.semicolon()?;
        Ok(StatementKind::Bits { name, size, init })
    }

    /// Version 2 has the size after the name, and many programs of version 3 still do.
    pub(crate) fn no_size_behind(&self, name: Name<'s>, ty: &str) -> Parsed<()> {
        if self.text() != "[" {
            return Ok(());
        }
        let name = quoted(name.text);
        Err(self.here(format!(
            "the size of {name} stands behind its type: expected `{ty}[...]` before it"
        )))
    }

    /// `int[32] i = 3;` and `const float t = pi / 4;`
    pub(crate) fn variable(&mut self) -> Parsed<StatementKind<'s>> {
        let constant = self.eat("const");
        if self.text() == "array" {
            return self.array_declaration(constant);
        }
        let ty = self.type_name()?;
        let name = self.name("a name for the variable")?;
        if constant && self.text() != "=" {
            return Err(self.expected("`=` and a value"));
        }
        let init = if self.eat("=") {
            Some(self.source()?)
        } else {
            None
        };
        self.semicolon()?;
        Ok(StatementKind::Variable {
            ty,
            name,
            init,
            constant,
        })
    }

    /// `complex`, `complex[float]`, `complex[float[32]]`
    fn complex(&mut self) -> Parsed<TypeName<'s>> {
        let (text, at) = (self.text(), self.peek().start);
        self.position += 1;
        let mut width = None;
        if self.eat("[") {
            self.expect("float")?;
            width = self.designator()?;
            self.expect("]")?;
        }
        let name = Name { text, at };
        Ok(TypeName { name, width })
    }

    /// `input float[64] theta;`
    pub(crate) fn input(&mut self) -> Parsed<StatementKind<'s>> {
        self.outermost()?;
        self.position += 1;
        let array = match self.text() {
            "array" => Some(self.array_type()?),
            _ => None,
        };
        let ty = match array {
            None => Some(self.type_name()?),
            Some(_) => None,
        };
        let name = self.name("a name for the input")?;
        self.semicolon()?;
        Ok(match (ty, array) {
            (Some(ty), _) => StatementKind::Input { ty, name },
            (None, Some(ty)) => {
                let ty = Box::new(ty);
                StatementKind::InputArray { ty, name }
            }
            (None, None) => StatementKind::Nothing,
        })
    }

    /// `output bit[2] c;` declares the register after it; the result consists of all classical registers.
    pub(crate) fn output(&mut self) -> Parsed<StatementKind<'s>> {
        self.outermost()?;
        self.position += 1;
        match self.text() {
            "bit" => self.bit_declaration(),
            "const" => Err(self.expected("a type such as `int`")),
            _ => self.variable(),
        }
    }

    pub(crate) fn outermost(&self) -> Parsed<()> {
        if self.block_depth == 0 {
            return Ok(());
        }
        Err(self.here(format!(
            "{} must be declared outside of blocks",
            quoted(self.text())
        )))
    }
}
