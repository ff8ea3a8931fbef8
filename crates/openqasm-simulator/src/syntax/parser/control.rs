//! `if`, `for`, `while`, `switch`.

use crate::syntax::ast::{Case, Domain, Expr, ForLoop, Statement, StatementKind};
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::TokenKind;

impl<'s> Parser<'s> {
    pub(crate) fn if_statement(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let condition = self.condition()?;
        let then = self.body()?;
        let otherwise = if self.version >= 3 && self.eat("else") {
            self.body()?
        } else {
            Vec::new()
        };
        Ok(StatementKind::If {
            condition,
            then,
            otherwise,
        })
    }

    fn condition(&mut self) -> Parsed<Expr<'s>> {
        if !self.eat("(") {
            return Err(self.expected("parentheses around the condition"));
        }
        let condition = self.expression()?;
        self.expect(")")?;
        Ok(condition)
    }

    pub(crate) fn while_loop(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let condition = self.condition()?;
        let body = self.body()?;
        Ok(StatementKind::While { condition, body })
    }

    /// `for int i in [0:2:8] { ... }`, `for int i in {1, 2, 5} { ... }`
    pub(crate) fn for_loop(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        if self.text() == "(" {
            let error = self.expected("a loop such as `for int i in [0:3]`");
            self.skip_parentheses();
            return Err(error);
        }
        if self.peek().kind == TokenKind::Name && self.text_at(1) == "in" {
            return Err(self.expected("a type before the name, such as `for int i in [0:3]`"));
        }
        let ty = self.type_name()?;
        let variable = self.name("a name for the loop variable")?;
        self.expect("in")?;
        let domain = if self.eat("{") {
            Domain::Set(self.list("}", Self::expression)?)
        } else if self.eat("[") {
            let range = self.range()?;
            self.expect("]")?;
            Domain::Range(range)
        } else if self.peek().kind == TokenKind::Name {
            Domain::Each(self.reference("a register, an array, or a range such as `[0:3]`")?)
        } else {
            return Err(self.expected("a range such as `[0:3]` or a set such as `{1, 2}`"));
        };
        let body = self.body()?;
        Ok(StatementKind::For(Box::new(ForLoop {
            ty,
            variable,
            domain,
            body,
        })))
    }

    /// Skips parentheses, if they are closed, so that their contents are not parsed as statements.
    fn skip_parentheses(&mut self) {
        let (mut ahead, mut open) = (0, 0_usize);
        while self.tokens.get(self.position + ahead).is_some() {
            match self.text_at(ahead) {
                "(" => open += 1,
                ")" => open -= 1,
                "{" | "}" => return,
                _ => {}
            }
            ahead += 1;
            if open == 0 {
                self.position += ahead;
                return;
            }
        }
    }

    pub(crate) fn switch(&mut self) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        let subject = self.condition()?;
        self.expect("{")?;
        let (mut cases, mut default) = (Vec::new(), None);
        while self.text() != "}" {
            if default.is_some() {
                return Err(self.expected("`}` after `default`"));
            }
            if self.eat("default") {
                default = Some(self.case_body()?);
                continue;
            }
            self.expect("case")?;
            let mut values = self.case_values()?;
            while self.text() == ":" && self.text_at(1) == "case" {
                self.position += 2;
                values.append(&mut self.case_values()?);
            }
            let body = self.case_body()?;
            cases.push(Case { values, body });
        }
        if cases.is_empty() {
            return Err(self.expected("`case`"));
        }
        self.expect("}")?;
        Ok(StatementKind::Switch {
            subject,
            cases,
            default: default.unwrap_or_default(),
        })
    }

    /// The block of a case. Before the statement was part of the language, Qiskit wrote `case 1: { ... } break;`.
    fn case_body(&mut self) -> Parsed<Vec<Statement<'s>>> {
        let old = self.eat(":");
        let body = self.block()?;
        if old {
            self.expect("break")?;
            self.semicolon()?;
        }
        Ok(body)
    }

    fn case_values(&mut self) -> Parsed<Vec<Expr<'s>>> {
        let mut values = vec![self.expression()?];
        while self.eat(",") && !matches!(self.text(), "{" | ":") {
            values.push(self.expression()?);
        }
        Ok(values)
    }
}
