//! Arrays: types, declarations, literals.

use crate::limits::MAX_DIMENSIONS;
use crate::syntax::ast::{ArrayDeclaration, ArrayType, Literal, StatementKind};
use crate::syntax::parser::{Parsed, Parser};

impl<'s> Parser<'s> {
    /// `array[int[8], 2] a;`, `array[int[8], 2] a = {1, 2};`
    pub(crate) fn array_declaration(&mut self, constant: bool) -> Parsed<StatementKind<'s>> {
        let ty = self.array_type()?;
        let name = self.name("a name for the array")?;
        if constant && self.text() != "=" {
            return Err(self.expected("`=` and values"));
        }
        let init = if self.eat("=") {
            Some(self.literal(0)?)
        } else {
            None
        };
        self.semicolon()?;
        Ok(StatementKind::Array(Box::new(ArrayDeclaration {
            ty,
            name,
            init,
            constant,
        })))
    }

    /// `array[int[8], 2, 3]`, or `array[int[8], #dim = 2]` for a parameter.
    pub(crate) fn array_type(&mut self) -> Parsed<ArrayType<'s>> {
        self.expect("array")?;
        self.expect("[")?;
        let element = self.type_name()?;
        let (mut sizes, mut dimensions) = (Vec::new(), None);
        self.expect(",")?;
        if self.eat("#") {
            self.expect("dim")?;
            self.expect("=")?;
            dimensions = Some(self.expression()?);
        } else {
            sizes.push(self.expression()?);
            while self.eat(",") && self.text() != "]" {
                sizes.push(self.expression()?);
            }
        }
        self.expect("]")?;
        Ok(ArrayType {
            element,
            sizes,
            dimensions,
        })
    }

    pub(crate) fn literal(&mut self, depth: usize) -> Parsed<Literal<'s>> {
        let at = self.peek().start;
        if !self.eat("{") {
            return Ok(Literal::Value(self.expression()?));
        }
        if depth >= MAX_DIMENSIONS {
            return Err(self.here(format!("an array has at most {MAX_DIMENSIONS} dimensions")));
        }
        let items = self.list("}", |parser| parser.literal(depth + 1))?;
        Ok(Literal::List(items, at))
    }
}
