//! Blocks, and the single statements that may stand in their place.

use crate::error::Diagnostic;
use crate::limits::{MAX_BLOCK_DEPTH, MAX_ERRORS};
use crate::syntax::ast::Statement;
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::Token;

impl<'s> Parser<'s> {
    /// `{ ... }`
    pub(super) fn block(&mut self) -> Parsed<Vec<Statement<'s>>> {
        let opened = self.peek();
        self.expect("{")?;
        self.enter_block()?;
        let mut statements = Vec::new();
        self.statements_until_close(&mut statements);
        statements.shrink_to_fit();
        self.block_depth -= 1;
        self.close_block(opened)?;
        Ok(statements)
    }

    /// The end of a block. If it is missing, the message names the beginning of the block.
    fn close_block(&mut self, opened: Token) -> Parsed<()> {
        if self.errors.len() >= MAX_ERRORS || self.stopped.is_some() || self.eat("}") {
            return Ok(());
        }
        let begun = Diagnostic::new(opened.start, "").locate(self.source);
        let (line, column) = (begun.line, begun.column);
        Err(Diagnostic::new(
            self.peek().start,
            format!(
                "expected `}}` for the `{{` of line {line}, column {column}, found {}",
                self.found()
            ),
        ))
    }

    /// A block, or the single statement that version 2 and short forms allow.
    pub(super) fn body(&mut self) -> Parsed<Vec<Statement<'s>>> {
        if self.text() == "{" {
            return self.block();
        }
        if matches!(self.text(), "then" | ";") {
            return Err(self.expected("`{` or a statement"));
        }
        self.enter_block()?;
        let statement = self.statement();
        self.block_depth -= 1;
        Ok(vec![statement?])
    }

    pub(super) fn enter_block(&mut self) -> Parsed<()> {
        if self.block_depth >= MAX_BLOCK_DEPTH {
            return Err(Diagnostic::limit(
                self.peek().start,
                format!("blocks nest more than {MAX_BLOCK_DEPTH} deep"),
            ));
        }
        self.block_depth += 1;
        Ok(())
    }
}
