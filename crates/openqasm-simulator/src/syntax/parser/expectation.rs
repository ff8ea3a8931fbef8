//! Mistakes at the current token.

use crate::error::Diagnostic;
use crate::syntax::hint;
use crate::syntax::parser::Parser;
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    /// A mistake at the current token: something else was expected.
    pub(crate) fn expected(&self, what: &str) -> Diagnostic {
        let number = matches!(self.peek().kind, TokenKind::Integer | TokenKind::Float);
        let found = if number { "0" } else { self.text() };
        let advice = hint::for_found(found, what).map(|advice| format!("; {advice}"));
        let advice = advice.unwrap_or_default();
        self.here(format!("expected {what}, found {}{advice}", self.found()))
    }

    /// A token missing at the end of the circuit is reported after its last line.
    pub(crate) fn here(&self, message: impl Into<String>) -> Diagnostic {
        let token = self.peek();
        let at = match self
            .position
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
        {
            Some(last) if token.kind == TokenKind::End => last.end,
            _ => token.start,
        };
        Diagnostic::new(at, message)
    }
}
