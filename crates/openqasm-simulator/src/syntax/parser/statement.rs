//! Statements: the choice of the rule, and statements without quantum effect.

use crate::error::quoted;
use crate::syntax::ast::{Reference, Source, Statement, StatementKind};
use crate::syntax::hint;
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::TokenKind;

impl<'s> Parser<'s> {
    pub(crate) fn statement(&mut self) -> Parsed<Statement<'s>> {
        self.expression_depth = 0;
        let token = self.peek();
        let kind = match token.kind {
            TokenKind::Pragma => self.pragma(),
            TokenKind::Name => self.named_statement(),
            TokenKind::Physical => Err(self.expected("a statement")),
            _ if self.eat(";") => Ok(StatementKind::Nothing),
            _ if self.version >= 3 && self.begins_value() => self.expression_statement(),
            // A block is a scope, as a box is.
            _ if self.version >= 3 && self.text() == "{" => self.block().map(StatementKind::Box),
            _ => Err(self.expected("a statement")),
        }?;
        Ok(Statement {
            kind,
            at: token.start,
        })
    }

    fn named_statement(&mut self) -> Parsed<StatementKind<'s>> {
        let word = self.text();
        match word {
            "include" => self.include(),
            "OPENQASM" => Err(self.here("`OPENQASM` must be the first statement")),
            "qreg" => self.old_register(true),
            "creg" => self.old_register(false),
            "gate" => self.gate_definition(),
            "opaque" => self.opaque(),
            "barrier" => self.barrier(),
            "reset" => self.reset(),
            "measure" => self.measure(),
            "if" => self.if_statement(),
            _ if self.version == 2 => self.version_two_statement(word),
            "qubit" => self.qubit_declaration(),
            "int" | "uint" | "float" | "complex" | "bool" | "angle" | "duration" | "bit"
                if self.at_cast() =>
            {
                self.expression_statement()
            }
            "bit" => self.bit_declaration(),
            "const" | "int" | "uint" | "float" | "complex" | "bool" | "angle" | "duration" => {
                self.variable()
            }
            "array" => self.array_declaration(false),
            "stretch" => self.variable(),
            "true" | "false" | "pi" | "π" | "tau" | "τ" | "euler" | "ℇ" | "durationof" => {
                self.expression_statement()
            }
            "def" => self.subroutine(),
            "return" => self.return_statement(),
            "input" => self.input(),
            "output" => self.output(),
            "let" => self.alias(),
            "for" => self.for_loop(),
            "while" => self.while_loop(),
            "switch" => self.switch(),
            "break" => self.word(StatementKind::Break),
            "continue" => self.word(StatementKind::Continue),
            "end" => self.word(StatementKind::End),
            "delay" => self.delay(),
            "box" => self.box_statement(),
            "extern" => self.external(),
            "cal" | "defcal" | "defcalgrammar" => {
                Err(self.here(format!("`{word}` is not supported by this simulator yet")))
            }
            "elif" if self.text_at(1) == "(" => Err(self.expected("`else if`")),
            "case" | "default" | "else" => {
                Err(self.here(format!("`{word}` without its beginning")))
            }
            "ctrl" | "negctrl" | "inv" | "pow" | "gphase" => self.gate_call(),
            _ if self.is_reserved(word) => Err(self.expected("a statement")),
            _ => self.assignment_or_call(),
        }
    }

    fn version_two_statement(&mut self, word: &str) -> Parsed<StatementKind<'s>> {
        let newer = matches!(
            word,
            "qubit"
                | "bit"
                | "const"
                | "int"
                | "uint"
                | "float"
                | "bool"
                | "let"
                | "for"
                | "while"
                | "switch"
                | "def"
                | "box"
        );
        let called = self.text_at(1);
        if (newer && matches!(called, "[" | "(" | "{" | "int" | "uint")) || called == "=" {
            let advice = if called == "=" && self.text_at(2) == "measure" {
                "; expected `measure q -> c;`"
            } else {
                ""
            };
            return Err(self.here(format!(
                "{} belongs to OpenQASM 3, but the header says version 2{advice}",
                if called == "=" {
                    "`=`".to_owned()
                } else {
                    quoted(word)
                }
            )));
        }
        self.gate_call()
    }

    /// Whether the next token is a number, a text, or another token that begins only values.
    fn begins_value(&self) -> bool {
        let kind = self.peek().kind;
        matches!(
            kind,
            TokenKind::Integer
                | TokenKind::Float
                | TokenKind::Imaginary
                | TokenKind::Duration
                | TokenKind::Text
        ) || matches!(self.text(), "(" | "-" | "!" | "~")
    }

    /// Whether the type at this position casts the expression in parentheses after it.
    fn at_cast(&self) -> bool {
        let (mut ahead, mut open) = (1, 0_usize);
        while self.tokens.get(self.position + ahead).is_some() {
            match self.text_at(ahead) {
                "[" => open += 1,
                "]" => open = open.saturating_sub(1),
                text if open == 0 => return text == "(",
                ";" | "{" | "}" => return false,
                _ => {}
            }
            ahead += 1;
        }
        false
    }

    /// `a << 1;`: an expression whose value is not used.
    fn expression_statement(&mut self) -> Parsed<StatementKind<'s>> {
        let mark = self.position;
        let value = self.expression();
        if value.is_err() || self.text() != ";" {
            self.expression_depth = 0;
            if value.as_ref().is_err_and(|error| error.is_limit) || self.position > mark + 1 {
                value?;
                return Err(self.expected("an operator or `;`"));
            }
            self.position = mark;
            return Err(self.expected("a statement"));
        }
        self.semicolon()?;
        Ok(StatementKind::Expression(value?))
    }

    /// Whether the parentheses after a name are closed before an operator: then it is no gate.
    fn is_called_in_expression(&self) -> bool {
        let (mut ahead, mut open) = (1, 0_usize);
        loop {
            match self.text_at(ahead) {
                "(" => open += 1,
                ")" => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                ";" | "{" | "}" => return false,
                _ if self.tokens.get(self.position + ahead).is_none() => return false,
                _ => {}
            }
            ahead += 1;
        }
        let behind = self.text_at(ahead + 1);
        behind == "[" && self.is_indexed_value(ahead + 1)
            || crate::syntax::parser::expression::is_operator(behind)
    }

    /// Whether the brackets at this position hold an index: then no qubit follows them.
    fn is_indexed_value(&self, mut ahead: usize) -> bool {
        while !matches!(self.text_at(ahead), "]" | ";" | "{" | "}") {
            if self.tokens.get(self.position + ahead).is_none() {
                return false;
            }
            ahead += 1;
        }
        let behind = self.text_at(ahead + 1);
        behind == ";" || crate::syntax::parser::expression::is_operator(behind)
    }

    fn word(&mut self, kind: StatementKind<'s>) -> Parsed<StatementKind<'s>> {
        self.position += 1;
        self.semicolon()?;
        Ok(kind)
    }

    fn include(&mut self) -> Parsed<StatementKind<'s>> {
        if self.block_depth > 0 {
            return Err(self.here("`include` must stand outside of blocks"));
        }
        self.position += 1;
        let token = self.peek();
        if token.kind != TokenKind::Text {
            return Err(self.expected("a quoted file name"));
        }
        let file = self.raw(token).trim_matches(['"', '\'']);
        if !matches!(file, "stdgates.inc" | "qelib1.inc" | "hqslib1.inc") {
            return Err(self.here(format!(
                "cannot include {}: only `stdgates.inc`, `qelib1.inc` and `hqslib1.inc` exist, and they are built in",
                quoted(file)
            )));
        }
        self.position += 1;
        self.semicolon()?;
        Ok(StatementKind::Nothing)
    }

    /// Braket's pragmas change the result of a circuit, except `verbatim`; other pragmas are hints for other tools.
    fn pragma(&mut self) -> Parsed<StatementKind<'s>> {
        let line = self.raw(self.peek());
        let mut words = line.trim_start_matches('#').split_whitespace().skip(1);
        if let (Some("braket"), Some(what)) = (words.next(), words.next())
            && what != "verbatim"
        {
            let what = what.split('(').next().unwrap_or(what);
            return Err(self.here(format!(
                "the Braket pragma {} is not supported by this simulator; remove it and measure instead",
                quoted(what)
            )));
        }
        self.position += 1;
        Ok(StatementKind::Nothing)
    }

    fn assignment_or_call(&mut self) -> Parsed<StatementKind<'s>> {
        let mark = self.position;
        let after = self.tokens.get(mark + 2);
        let lasts = after.is_some_and(|token| token.kind == TokenKind::Duration);
        if self.text_at(1) == "[" && lasts {
            return self.gate_call();
        }
        if matches!(self.text_at(1), "[") || assignment_operator(self.text_at(1)).is_some() {
            let target = self.reference("a variable")?;
            if let Some(op) = assignment_operator(self.text()) {
                self.position += 1;
                if op.is_none() && self.text() == "{" {
                    let list = self.literal(0)?;
                    self.semicolon()?;
                    return Ok(StatementKind::AssignList { target, list });
                }
                let value = self.source()?;
                self.semicolon()?;
                return Ok(StatementKind::Assign { target, op, value });
            }
            if self.version >= 3 && (self.text() == ";" || self.at_operator()) {
                self.position = mark;
                return self.expression_statement();
            }
            let word = target.name.text;
            let wrong_type = self.peek().kind == TokenKind::Name && !self.is_reserved(self.text());
            if self.version >= 3 && wrong_type {
                self.position = mark;
                return Err(self.here(format!(
                    "{} is not a type or a gate{}",
                    quoted(word),
                    hint::for_type(word)
                )));
            }
            return Err(self.expected("`=`"));
        }
        let continues = crate::syntax::parser::expression::is_operator(self.text_at(1));
        if self.version >= 3
            && (continues || (self.text_at(1) == "(" && self.is_called_in_expression()))
        {
            return self.expression_statement();
        }
        let next = self.tokens.get(self.position + 1);
        let next_is_name = next.is_some_and(|token| token.kind == TokenKind::Name);
        if self.version >= 3 && next_is_name && self.text_at(2) == "=" {
            let word = self.text();
            let suggestion = hint::for_type(word);
            return Err(self.here(format!("{} is not a type{suggestion}", quoted(word))));
        }
        self.gate_call()
    }

    /// The right-hand side of `=`.
    pub(crate) fn source(&mut self) -> Parsed<Source<'s>> {
        if self.eat("measure") {
            return Ok(Source::Measure(self.reference("a qubit")?));
        }
        Ok(Source::Value(self.expression()?))
    }

    /// Operands up to the end of the statement.
    pub(crate) fn references(&mut self) -> Parsed<Vec<Reference<'s>>> {
        let mut items = Vec::new();
        if self.text() != ";" {
            items.push(self.reference("a qubit")?);
            while self.eat(",") && self.text() != ";" {
                items.push(self.reference("a qubit")?);
            }
        }
        // Most statements have one or two operands, fewer than the default capacity of a vector.
        items.shrink_to_fit();
        let operand = matches!(self.peek().kind, TokenKind::Name | TokenKind::Physical);
        self.semicolon_or(if operand { "`,` or " } else { "" })?;
        Ok(items)
    }
}

type Operator = Option<crate::ir::operator::BinaryOp>;

/// The operator of a compound assignment: `=` has none.
fn assignment_operator(text: &str) -> Option<Operator> {
    use crate::ir::operator::BinaryOp as Op;
    Some(match text {
        "=" => None,
        "+=" => Some(Op::Add),
        "-=" => Some(Op::Subtract),
        "*=" => Some(Op::Multiply),
        "/=" => Some(Op::Divide),
        "%=" => Some(Op::Remainder),
        "**=" => Some(Op::Power),
        "&=" => Some(Op::BitAnd),
        "|=" => Some(Op::BitOr),
        "^=" => Some(Op::BitXor),
        "<<=" => Some(Op::ShiftLeft),
        ">>=" => Some(Op::ShiftRight),
        _ => return None,
    })
}
