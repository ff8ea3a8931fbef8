//! Tokens to a syntax tree, by recursive descent of limited depth.

mod array;
mod classical;
mod control;
mod expression;
mod quantum;
mod statement;
mod subroutine;

use super::super::error::{Diagnostic, quoted};
use super::super::limits::{MAX_BLOCK_DEPTH, MAX_ERRORS};
use super::super::stop::{Stop, Stopped};
use super::ast::{Name, Statement, Tree};
use super::token::{Token, TokenKind};
pub(super) use expression::duration;

type Parsed<T> = Result<T, Diagnostic>;

/// How parsing ended early.
pub(crate) enum ParseFailure {
    Wrong(Vec<Diagnostic>),
    Stopped(Stopped),
}

struct Parser<'s, 't> {
    source: &'s str,
    tokens: &'t [Token],
    position: usize,
    version: u8,
    expression_depth: u16,
    block_depth: u16,
    errors: Vec<Diagnostic>,
    stop: &'t Stop,
    stopped: Option<Stopped>,
}

const END: Token = Token {
    kind: TokenKind::End,
    start: u32::MAX,
    end: u32::MAX,
};

/// Parses a program; reports up to [`MAX_ERRORS`] mistakes together.
pub(crate) fn parse<'s>(
    source: &'s str,
    tokens: &[Token],
    stop: &Stop,
) -> Result<Tree<'s>, ParseFailure> {
    let mut parser = Parser {
        source,
        tokens,
        position: 0,
        version: 3,
        expression_depth: 0,
        block_depth: 0,
        errors: Vec::new(),
        stop,
        stopped: None,
    };
    let statements = parser.program();
    if let Some(stopped) = parser.stopped {
        return Err(ParseFailure::Stopped(stopped));
    }
    if !parser.errors.is_empty() {
        return Err(ParseFailure::Wrong(parser.errors));
    }
    Ok(Tree {
        version: parser.version,
        statements,
    })
}

impl<'s> Parser<'s, '_> {
    fn program(&mut self) -> Vec<Statement<'s>> {
        let is_object = self.text() == "{"
            && (self.text_at(1) == "}"
                || self
                    .tokens
                    .get(1)
                    .is_some_and(|token| token.kind == TokenKind::Text));
        if is_object || self.text() == "[" {
            self.errors.push(
                self.here("this looks like JSON; expected OpenQASM, such as `OPENQASM 3.0;`"),
            );
            return Vec::new();
        }
        if let Err(error) = self.header() {
            self.errors.push(error);
            return Vec::new();
        }
        let mut statements = Vec::new();
        self.statements_until_close(&mut statements);
        statements
    }

    fn header(&mut self) -> Parsed<()> {
        if !self.eat("OPENQASM") {
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

    /// Parses statements up to a closing brace or the end, going on after mistakes.
    fn statements_until_close(&mut self, into: &mut Vec<Statement<'s>>) {
        while self.errors.len() < MAX_ERRORS && self.stopped.is_none() {
            if self.position.is_multiple_of(512)
                && let Err(stopped) = self.stop.check()
            {
                self.stopped = Some(stopped);
            }
            if self.peek().kind == TokenKind::End || (self.block_depth > 0 && self.text() == "}") {
                return;
            }
            let before = self.position;
            match self.statement() {
                Ok(statement) => into.push(statement),
                Err(error) => {
                    self.errors.push(error);
                    self.recover(before);
                }
            }
        }
    }

    /// Skips to where the next statement probably begins.
    fn recover(&mut self, before: usize) {
        if self.position == before {
            self.position += 1;
        }
        let mut open = 0_usize;
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
                    let ends = !matches!(self.text_at(1), ")" | "," | ";");
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

    /// `{ ... }`
    fn block(&mut self) -> Parsed<Vec<Statement<'s>>> {
        self.expect("{")?;
        self.enter_block()?;
        let mut statements = Vec::new();
        self.statements_until_close(&mut statements);
        self.block_depth -= 1;
        if self.errors.len() < MAX_ERRORS && self.stopped.is_none() {
            self.expect("}")?;
        }
        Ok(statements)
    }

    /// A block, or the single statement that version 2 and short forms allow.
    fn body(&mut self) -> Parsed<Vec<Statement<'s>>> {
        if self.text() == "{" {
            return self.block();
        }
        self.enter_block()?;
        let statement = self.statement();
        self.block_depth -= 1;
        Ok(vec![statement?])
    }

    fn enter_block(&mut self) -> Parsed<()> {
        if self.block_depth >= MAX_BLOCK_DEPTH {
            return Err(Diagnostic::limit(
                self.peek().start,
                format!("blocks nest more than {MAX_BLOCK_DEPTH} deep"),
            ));
        }
        self.block_depth += 1;
        Ok(())
    }

    fn peek(&self) -> Token {
        self.tokens.get(self.position).copied().unwrap_or(END)
    }

    fn text(&self) -> &'s str {
        self.text_at(0)
    }

    /// The text of the token that many places ahead; nothing for quoted texts and pragmas.
    fn text_at(&self, ahead: usize) -> &'s str {
        let token = self
            .tokens
            .get(self.position + ahead)
            .copied()
            .unwrap_or(END);
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

    /// A missing semicolon is reported where it belongs: right after the statement.
    fn semicolon(&mut self) -> Parsed<()> {
        if self.eat(";") {
            return Ok(());
        }
        let previous = self
            .tokens
            .get(self.position.wrapping_sub(1))
            .copied()
            .unwrap_or(END);
        let error = Diagnostic::new(
            previous.end,
            format!("expected `;`, found {}", self.found()),
        );
        let same_line = self
            .source
            .get(previous.end as usize..self.peek().start as usize)
            .is_some_and(|between| !between.contains('\n'));
        if same_line {
            return Err(error);
        }
        // The next line is most likely a statement of its own.
        self.errors.push(error);
        Ok(())
    }

    fn name(&mut self, what: &str) -> Parsed<Name<'s>> {
        let token = self.peek();
        if token.kind != TokenKind::Name || self.is_reserved(self.text()) {
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

    fn expected(&self, what: &str) -> Diagnostic {
        self.here(format!("expected {what}, found {}", self.found()))
    }

    fn here(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.peek().start, message)
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
                break;
            }
        }
        self.expect(close)?;
        Ok(items)
    }

    fn is_reserved(&self, word: &str) -> bool {
        const BOTH: [&str; 11] = [
            "OPENQASM", "barrier", "creg", "gate", "if", "include", "measure", "opaque", "pi",
            "qreg", "reset",
        ];
        const THREE: [&str; 44] = [
            "angle",
            "array",
            "bit",
            "bool",
            "box",
            "break",
            "cal",
            "case",
            "complex",
            "const",
            "continue",
            "ctrl",
            "def",
            "default",
            "defcal",
            "defcalgrammar",
            "delay",
            "duration",
            "durationof",
            "else",
            "end",
            "euler",
            "extern",
            "false",
            "float",
            "for",
            "gphase",
            "im",
            "in",
            "input",
            "int",
            "inv",
            "let",
            "negctrl",
            "output",
            "pow",
            "qubit",
            "return",
            "stretch",
            "switch",
            "tau",
            "true",
            "uint",
            "while",
        ];
        BOTH.contains(&word) || (self.version >= 3 && THREE.contains(&word))
    }
}
