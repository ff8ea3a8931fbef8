//! Classical declarations and types.

use super::super::ast::{Expr, Name, StatementKind, TypeName};
use super::{Parsed, Parser};

impl<'s> Parser<'s, '_> {
    /// `[n]`, if it is there.
    pub(super) fn designator(&mut self) -> Parsed<Option<Expr<'s>>> {
        if !self.eat("[") {
            return Ok(None);
        }
        let size = self.expression()?;
        self.expect("]")?;
        Ok(Some(size))
    }

    pub(super) fn type_name(&mut self) -> Parsed<TypeName<'s>> {
        let token = self.peek();
        let text = self.text();
        match text {
            "int" | "uint" | "float" | "bool" | "bit" | "duration" => self.position += 1,
            "angle" | "complex" | "array" | "stretch" => {
                return Err(self.here(format!("`{text}` is not supported by this simulator yet")));
            }
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
    pub(super) fn bit_declaration(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let size = self.designator()?;
        let name = self.name("a name for the bits")?;
        let init = if self.eat("=") {
            Some(self.source()?)
        } else {
            None
        };
        self.semicolon()?;
        Ok(StatementKind::Bits { name, size, init })
    }

    /// `int[32] i = 3;` and `const float t = pi / 4;`
    pub(super) fn variable(&mut self) -> Parsed<StatementKind<'s>> {
        let constant = self.eat("const");
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
}
