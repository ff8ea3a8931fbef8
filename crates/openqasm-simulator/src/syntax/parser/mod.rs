//! Tokens to a syntax tree, by recursive descent of limited depth.

mod array;
mod block;
mod classical;
mod control;
mod expectation;
mod expression;
mod keyword;
mod quantum;
mod statement;
mod subroutine;

use crate::error::{Diagnostic, quoted};
use crate::limits::{MAX_ERRORS, MAX_STATEMENT_TOKENS};
use crate::resources::stop::{Stop, Stopped};
use crate::syntax::ast::{Name, Statement, StatementKind};
use crate::syntax::token::{Token, TokenKind};
use crate::syntax::token_window::TokenWindow;
pub(crate) use expression::duration;

type Parsed<T> = Result<T, Diagnostic>;

/// Parses a source statement by statement, so that a long program is never in memory as a tree.
pub(crate) struct Parser<'s> {
    source: &'s str,
    tokens: TokenWindow<'s>,
    position: usize,
    /// The number of the first token of the statement.
    begun_at: usize,
    version: u8,
    expression_depth: u16,
    block_depth: u16,
    errors: Vec<Diagnostic>,
    stop: Stop,
    stopped: Option<Stopped>,
    /// The number of the token at which the stop flag is checked next.
    next_check: usize,
    /// Whether an unreadable statement ends beyond the maximum number of tokens.
    is_cut_short: bool,
    /// Whether parsing cannot continue.
    ended: bool,
}

/// Tokens between two checks of the stop flag.
const CHECK_INTERVAL: usize = 1 << 10;

const END: Token = Token {
    kind: TokenKind::End,
    start: u32::MAX,
    end: u32::MAX,
};

impl<'s> Parser<'s> {
    /// Parses the head of a program with valid tokens.
    pub(crate) fn new(source: &'s str, stop: &Stop) -> Self {
        let mut parser = Self {
            source,
            tokens: TokenWindow::new(source),
            position: 0,
            begun_at: 0,
            version: 3,
            expression_depth: 0,
            block_depth: 0,
            errors: Vec::new(),
            stop: stop.clone(),
            stopped: None,
            next_check: 0,
            is_cut_short: false,
            ended: false,
        };
        if let Err(error) = parser.head() {
            parser.errors.push(error);
            parser.ended = true;
        }
        parser
    }

    /// Of OpenQASM: 2 or 3.
    pub(crate) fn version(&self) -> u8 {
        self.version
    }

    /// The next statement outside of all blocks; `None` at the end, or if parsing cannot continue.
    pub(crate) fn next_statement(&mut self) -> Option<Statement<'s>> {
        self.next_within(MAX_STATEMENT_TOKENS)
    }

    /// The next statement outside of all blocks, of at most that many tokens.
    pub(crate) fn next_within(&mut self, max_tokens: usize) -> Option<Statement<'s>> {
        if self.ended {
            return None;
        }
        let max_tokens = max_tokens.min(MAX_STATEMENT_TOKENS);
        self.begun_at = self.position;
        self.tokens.begin_statement(self.position, max_tokens);
        let (at, before) = (self.peek().start, self.errors.len());
        let statement = self.next_in_block();
        if self.tokens.is_overflowed() {
            self.ended = true;
            if !self.is_cut_short {
                self.refuse_size(at, before, max_tokens);
            }
        }
        statement
    }

    /// The mistakes of the parsed statements, up to [`MAX_ERRORS`]. The inner error is the invalid tokens of the source, if there are
    /// any: statements without them look wrong.
    pub(crate) fn finish(mut self) -> Result<Result<Vec<Diagnostic>, Vec<Diagnostic>>, Stopped> {
        let invalid_tokens = self.tokens.mistakes(&self.stop)?;
        if !invalid_tokens.is_empty() {
            return Ok(Err(invalid_tokens));
        }
        if let Some(stopped) = self.stopped {
            return Err(stopped);
        }
        // After a block or an expression that was abandoned, valid text may look wrong.
        if let Some(limit) = self.errors.iter().position(|error| error.is_limit) {
            self.errors.truncate(limit + 1);
        }
        Ok(Ok(self.errors))
    }

    /// The number of tokens of the statement that was parsed last.
    pub(crate) fn statement_tokens(&self) -> usize {
        self.position - self.begun_at
    }

    /// Refuses a statement of too many tokens. Mistakes found in it are dropped: the cut may have caused them.
    fn refuse_size(&mut self, at: u32, errors_before: usize, max_tokens: usize) {
        self.errors.truncate(errors_before);
        self.errors.push(Diagnostic::limit(
            at,
            format!(
                "this statement has more than {max_tokens} tokens, those of its blocks included; divide it"
            ),
        ));
    }

    fn head(&mut self) -> Parsed<()> {
        let kind_of_second = self.tokens.get(1).map(|token| token.kind);
        let is_object = self.text() == "{"
            && (self.text_at(1) == "}" || kind_of_second == Some(TokenKind::Text));
        if is_object || self.text() == "[" {
            return Err(
                self.here("this looks like JSON; expected OpenQASM, such as `OPENQASM 3.0;`")
            );
        }
        let next_is_name = kind_of_second == Some(TokenKind::Name);
        if matches!(self.text(), "import" | "from") && next_is_name {
            return Err(
                self.here("this looks like Python; expected OpenQASM, such as `OPENQASM 3.0;`")
            );
        }
        self.header()
    }

    fn header(&mut self) -> Parsed<()> {
        if !self.eat("OPENQASM") {
            let other_capitals = self
                .text()
                .get(..8)
                .is_some_and(|word| word.eq_ignore_ascii_case("OPENQASM"));
            if other_capitals {
                return Err(self.expected("`OPENQASM 3.0;`"));
            }
            return Ok(());
        }
        let (text, token) = (self.text(), self.peek());
        let number = matches!(token.kind, TokenKind::Integer | TokenKind::Float);
        self.version = match text {
            "2" | "2.0" => 2,
            "3" | "3.0" | "3.1" => 3,
            _ if number => {
                return Err(self.here(format!(
                    "version {text} is not supported; expected 2.0, 3.0 or 3.1"
                )));
            }
            _ => return Err(self.expected("a version number such as 3.0")),
        };
        self.position += 1;
        self.semicolon()
    }

    /// Parses statements up to a closing brace or the end; after a mistake it continues with the next one.
    fn statements_until_close(&mut self, into: &mut Vec<Statement<'s>>) {
        while let Some(statement) = self.next_in_block() {
            if !matches!(statement.kind, StatementKind::Nothing) {
                into.push(statement);
            }
        }
    }

    /// The next statement of a block or of the program; an unreadable one is skipped as one statement.
    fn next_in_block(&mut self) -> Option<Statement<'s>> {
        if self.errors.len() >= MAX_ERRORS || self.stopped.is_some() {
            return None;
        }
        if self.position >= self.next_check {
            self.next_check = self.position + CHECK_INTERVAL;
            self.stopped = self.stop.check().err();
            if self.stopped.is_some() {
                return None;
            }
        }
        if self.peek().kind == TokenKind::End || (self.block_depth > 0 && self.text() == "}") {
            return None;
        }
        let before = self.position;
        match self.statement() {
            Ok(statement) => Some(statement),
            Err(error) => {
                self.errors.push(error);
                let had_overflowed = self.tokens.is_overflowed();
                self.recover(before);
                self.is_cut_short |= !had_overflowed && self.tokens.is_overflowed();
                Some(self.unreadable(before))
            }
        }
    }

    /// The placeholder for skipped text.
    fn unreadable(&self, from: usize) -> Statement<'s> {
        let skipped = self.tokens.range(from, self.position);
        let names = skipped.filter(|token| token.kind == TokenKind::Name);
        let names = names.map(|token| Name {
            text: self.raw(token),
            at: token.start,
        });
        Statement {
            kind: StatementKind::Unreadable(names.collect()),
            at: self.tokens.get(from).map_or(0, |token| token.start),
        }
    }

    /// Skips to the probable start of the next statement.
    fn recover(&mut self, before: usize) {
        if self.position == before {
            self.position += 1;
        }
        // The brace of a `switch` is open already.
        let mut begun = self.tokens.range(before, self.position);
        let is_switch = begun
            .next()
            .is_some_and(|token| self.raw(token) == "switch");
        let brace = |token: Token| self.raw(token) == "{";
        let mut open = usize::from(is_switch && begun.any(brace));
        while self.peek().kind != TokenKind::End {
            match self.text() {
                "{" => open += 1,
                "}" if open == 0 => {
                    if self.block_depth == 0 {
                        self.position += 1;
                    }
                    return;
                }
                "}" => {
                    open -= 1;
                    // A following `else` is part of the unreadable statement, as is the text after a list.
                    let ends = !matches!(self.text_at(1), "else" | ")" | "," | ";");
                    if open == 0 && ends {
                        self.position += 1;
                        return;
                    }
                }
                ";" if open == 0 => {
                    self.position += 1;
                    return;
                }
                _ => {}
            }
            self.position += 1;
        }
    }

    fn peek(&self) -> Token {
        self.tokens.get(self.position).unwrap_or(END)
    }

    fn text(&self) -> &'s str {
        self.text_at(0)
    }

    /// The text of the token at that offset ahead; empty for quoted texts and pragmas.
    fn text_at(&self, ahead: usize) -> &'s str {
        let token = self.tokens.get(self.position + ahead).unwrap_or(END);
        if matches!(token.kind, TokenKind::Text | TokenKind::Pragma) {
            return "";
        }
        self.raw(token)
    }

    fn raw(&self, token: Token) -> &'s str {
        self.source
            .get(token.start as usize..token.end as usize)
            .unwrap_or_default()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.text() == text;
        if found {
            self.position += 1;
        }
        found
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.eat(text) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{text}`")))
        }
    }

    /// A missing semicolon is reported at its position: right after the statement.
    fn semicolon(&mut self) -> Parsed<()> {
        self.semicolon_or("")
    }

    /// A semicolon where another token, such as `` `,` or ``, would also be valid.
    fn semicolon_or(&mut self, other: &str) -> Parsed<()> {
        if self.eat(";") {
            return Ok(());
        }
        let previous = self
            .tokens
            .get(self.position.wrapping_sub(1))
            .unwrap_or(END);
        let same_line = self
            .source
            .get(previous.end as usize..self.peek().start as usize)
            .is_some_and(|between| !between.contains('\n'));
        let other = if same_line { other } else { "" };
        let expected = self.expected(&format!("{other}`;`"));
        let error = Diagnostic::new(previous.end, expected.message);
        if same_line {
            return Err(error);
        }
        // The next line is probably another statement.
        self.errors.push(error);
        Ok(())
    }

    fn name(&mut self, what: &str) -> Parsed<Name<'s>> {
        let token = self.peek();
        if token.kind != TokenKind::Name || self.is_reserved(self.text()) {
            if self.is_reserved(self.text()) {
                let word = self.found();
                return Err(self.here(format!("expected {what}, found the keyword {word}")));
            }
            return Err(self.expected(what));
        }
        self.position += 1;
        Ok(Name {
            text: self.raw(token),
            at: token.start,
        })
    }

    fn found(&self) -> String {
        let token = self.peek();
        match token.kind {
            TokenKind::End => "the end of the circuit".to_owned(),
            TokenKind::Pragma => "a pragma".to_owned(),
            TokenKind::Text => "a quoted text".to_owned(),
            _ => quoted(self.raw(token)),
        }
    }

    fn list<T>(
        &mut self,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        while self.text() != close {
            items.push(item(self)?);
            if !self.eat(",") {
                if self.text() != close {
                    return Err(self.expected(&format!("`,` or `{close}`")));
                }
                break;
            }
        }
        self.expect(close)?;
        items.shrink_to_fit();
        Ok(items)
    }

    fn is_reserved(&self, word: &str) -> bool {
        keyword::is_reserved(word, self.version)
    }
}
