//! The tokens of the statement that is being parsed. Earlier tokens are dropped, later ones are not read yet.

use crate::error::Diagnostic;
use crate::limits::MAX_STATEMENT_TOKENS;
use crate::resources::stop::{Stop, Stopped};
use crate::syntax::lexer::Lexer;
use crate::syntax::token::{Token, TokenKind};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Tokens by their number from the start of the source, read on demand.
pub(crate) struct TokenWindow<'s> {
    lexer: RefCell<Lexer<'s>>,
    kept: RefCell<VecDeque<Token>>,
    /// Number of the first token that is kept.
    first: usize,
    /// Number of the first token of the statement.
    start: usize,
    /// Maximum tokens of the statement.
    limit: usize,
    overflowed: Cell<bool>,
}

impl<'s> TokenWindow<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        Self {
            lexer: RefCell::new(Lexer::new(source)),
            kept: RefCell::default(),
            first: 0,
            start: 0,
            limit: MAX_STATEMENT_TOKENS,
            overflowed: Cell::new(false),
        }
    }

    /// The token of that number. `None` before the last token of the previous statement, after the end of the source,
    /// and after the maximum number of tokens of a statement.
    pub(crate) fn get(&self, number: usize) -> Option<Token> {
        let place = number.checked_sub(self.first)?;
        if let Some(token) = self.kept.borrow().get(place) {
            return Some(*token);
        }
        let (mut kept, mut lexer) = (self.kept.borrow_mut(), self.lexer.borrow_mut());
        while kept.len() <= place {
            if self.overflowed.get() {
                return None;
            }
            let token = lexer.next()?;
            let of_statement = (self.first + kept.len()).saturating_sub(self.start);
            if of_statement >= self.limit && token.kind != TokenKind::End {
                self.overflowed.set(true);
                return None;
            }
            kept.push_back(token);
        }
        kept.get(place).copied()
    }

    /// The tokens from one number up to another, exclusive.
    pub(crate) fn range(&self, from: usize, to: usize) -> impl Iterator<Item = Token> {
        (from..to).map_while(|number| self.get(number))
    }

    /// Begins a statement with the token of that number, of at most `limit` tokens. Keeps the token before it, where mistakes
    /// may be located.
    pub(crate) fn begin_statement(&mut self, number: usize, limit: usize) {
        let passed = number.saturating_sub(1).saturating_sub(self.first);
        let mut kept = self.kept.borrow_mut();
        let passed = passed.min(kept.len());
        kept.drain(..passed);
        self.first += passed;
        self.start = number;
        self.limit = limit;
    }

    /// Reads on to the end of the source and returns its invalid tokens.
    pub(crate) fn mistakes(self, stop: &Stop) -> Result<Vec<Diagnostic>, Stopped> {
        self.lexer.into_inner().mistakes(stop)
    }

    /// Whether tokens were requested beyond the maximum of a statement.
    pub(crate) fn is_overflowed(&self) -> bool {
        self.overflowed.get()
    }
}
