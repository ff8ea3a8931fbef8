//! Expressions, by precedence climbing.

use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::limits::{MAX_EXPRESSION_DEPTH, MAX_INDICES};
use crate::syntax::ast::{Expr, ExprKind, Further, Index, Name, RangeExpr};
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::{Token, TokenKind};

/// Binds tighter than every operator except the power.
const UNARY: u8 = 11;
const POWER: u8 = 12;
const COMPARISON: u8 = 7;

impl<'s> Parser<'s> {
    pub(crate) fn expression(&mut self) -> Parsed<Expr<'s>> {
        let first = self.operators(0)?;
        if self.version < 3 || self.text() != "++" {
            return Ok(first);
        }
        let (at, mut depth, mut parts) = (first.at, first.depth, vec![first]);
        while self.eat("++") {
            let part = self.operators(0)?;
            depth = depth.max(part.depth);
            parts.push(part);
        }
        Ok(Expr {
            kind: ExprKind::Concatenation(parts),
            at,
            depth: depth + 1,
        })
    }

    /// Whether the next token is an operator that continues an expression.
    pub(crate) fn at_operator(&self) -> bool {
        self.operator().is_some() || self.text() == "++"
    }

    fn operators(&mut self, minimum: u8) -> Parsed<Expr<'s>> {
        self.expression_depth += 1;
        if self.expression_depth > MAX_EXPRESSION_DEPTH {
            return Err(self.too_deep());
        }
        let mut left = self.prefix()?;
        loop {
            if minimum <= COMPARISON && self.at_membership() {
                left = self.membership(left)?;
                continue;
            }
            let Some((op, strength)) = self.operator().filter(|(_, own)| *own >= minimum) else {
                break;
            };
            self.position += 1;
            // The power associates to the right, everything else to the left.
            let right_minimum = if strength == POWER {
                UNARY
            } else {
                strength + 1
            };
            let right = self.operators(right_minimum)?;
            let depth = left.depth.max(right.depth) + 1;
            if depth > MAX_EXPRESSION_DEPTH {
                return Err(self.too_deep());
            }
            left = Expr {
                at: left.at,
                kind: ExprKind::Binary(op, Box::new((left, right))),
                depth,
            };
        }
        self.expression_depth -= 1;
        Ok(left)
    }

    fn at_membership(&self) -> bool {
        self.version >= 3 && self.text() == "in" && self.text_at(1) == "{"
    }

    /// `{0, 3}` after `in`.
    fn membership(&mut self, subject: Expr<'s>) -> Parsed<Expr<'s>> {
        self.position += 2;
        let items = self.list("}", Self::expression)?;
        let deepest = items.iter().map(|item| item.depth).max().unwrap_or(0);
        let depth = subject.depth.max(deepest) + 1;
        if depth > MAX_EXPRESSION_DEPTH {
            return Err(self.too_deep());
        }
        Ok(Expr {
            at: subject.at,
            depth,
            kind: ExprKind::Member(Box::new(subject), items),
        })
    }

    fn too_deep(&self) -> crate::syntax::parser::Diagnostic {
        crate::syntax::parser::Diagnostic::limit(
            self.peek().start,
            format!("this expression nests more than {MAX_EXPRESSION_DEPTH} deep"),
        )
    }

    fn operator(&self) -> Option<(BinaryOp, u8)> {
        binary_operator(self.text(), self.version)
    }

    fn prefix(&mut self) -> Parsed<Expr<'s>> {
        let token = self.peek();
        let op = match self.text() {
            "-" => Some(UnaryOp::Negate),
            "!" => Some(UnaryOp::Not),
            "~" => Some(UnaryOp::Invert),
            "+" => None,
            _ => {
                let primary = self.primary(token)?;
                return self.indexed(primary);
            }
        };
        self.position += 1;
        let operand = self.operators(UNARY)?;
        Ok(match op {
            None => operand,
            Some(op) => Expr {
                depth: operand.depth + 1,
                kind: ExprKind::Unary(op, Box::new(operand)),
                at: token.start,
            },
        })
    }

    /// Indices after a value that is not just a name; a name has parsed its own.
    fn indexed(&mut self, value: Expr<'s>) -> Parsed<Expr<'s>> {
        if self.version < 3 || self.text() != "[" || matches!(value.kind, ExprKind::Reference(_)) {
            return Ok(value);
        }
        let (at, mut depth, mut indices) = (value.at, value.depth, Vec::new());
        while self.text() == "[" {
            let mut others = Vec::new();
            let index = self.index(&mut others)?;
            if !others.is_empty() || indices.len() >= MAX_INDICES {
                return Err(self.expected("a single index"));
            }
            depth = depth.max(index.depth()).saturating_add(1);
            indices.push(index);
        }
        if depth > MAX_EXPRESSION_DEPTH {
            return Err(self.too_deep());
        }
        Ok(Expr {
            kind: ExprKind::Indexed(Box::new(value), indices),
            at,
            depth,
        })
    }

    /// Skips a block that does not run.
    fn skip_block(&mut self) -> Parsed<()> {
        self.expect("{")?;
        let mut open = 1_usize;
        while open > 0 {
            match self.text() {
                "{" => open += 1,
                "}" => open -= 1,
                _ if self.peek().kind == TokenKind::End => return Err(self.expected("`}`")),
                _ => {}
            }
            self.position += 1;
        }
        Ok(())
    }

    fn primary(&mut self, token: Token) -> Parsed<Expr<'s>> {
        let text = self.raw(token);
        let kind = match token.kind {
            TokenKind::Integer => ExprKind::Integer(
                integer(text)
                    .ok_or_else(|| self.here("this is not an integer that fits 127 bits"))?,
            ),
            TokenKind::Float => {
                ExprKind::Float(real(text).ok_or_else(|| self.here("this number is too large"))?)
            }
            TokenKind::Imaginary => ExprKind::Imaginary(
                real(text.trim_end_matches(['i', 'm', ' ', '\t']))
                    .ok_or_else(|| self.here("this number is too large"))?,
            ),
            TokenKind::Duration => ExprKind::Duration(
                duration(text).ok_or_else(|| self.here("this duration is too large"))?,
            ),
            TokenKind::Text => {
                let (words, width) = bit_string(text)
                    .ok_or_else(|| self.here("expected a text of bits such as \"0110\""))?;
                match *words {
                    [value] => ExprKind::Bits { value, width },
                    _ => ExprKind::LongBits(words, width),
                }
            }
            TokenKind::Sign if text == "(" => {
                self.position += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            TokenKind::Name | TokenKind::Physical => return self.named(token, text),
            _ => return Err(self.expected("a value")),
        };
        self.position += 1;
        Ok(leaf(kind, token))
    }

    fn named(&mut self, token: Token, text: &'s str) -> Parsed<Expr<'s>> {
        let name = Name {
            text,
            at: token.start,
        };
        let three = self.version >= 3;
        if three && text == "durationof" {
            self.position += 1;
            self.expect("(")?;
            self.skip_block()?;
            self.expect(")")?;
            // Gates have no duration here.
            return Ok(leaf(ExprKind::Duration(f64::NAN), token));
        }
        let constant = match text {
            "pi" | "π" => Some(ExprKind::Float(std::f64::consts::PI)),
            "tau" | "τ" if three => Some(ExprKind::Float(std::f64::consts::TAU)),
            "euler" | "ℇ" if three => Some(ExprKind::Float(std::f64::consts::E)),
            "true" if three => Some(ExprKind::Bool(true)),
            "false" if three => Some(ExprKind::Bool(false)),
            _ => None,
        };
        if let Some(kind) = constant {
            self.position += 1;
            return Ok(leaf(kind, token));
        }
        let is_type = matches!(
            text,
            "int" | "uint" | "float" | "bool" | "bit" | "angle" | "complex" | "duration"
        );
        if three && is_type {
            let ty = self.type_name()?;
            self.expect("(")?;
            let operand = self.expression()?;
            self.expect(")")?;
            let depth = operand.depth + 1;
            let kind = ExprKind::Cast(Box::new(ty), Box::new(operand));
            return Ok(Expr {
                kind,
                at: token.start,
                depth,
            });
        }
        if self.text_at(1) == "(" && token.kind == TokenKind::Name {
            self.position += 2;
            let arguments = self.list(")", Self::expression)?;
            let depth = 1 + arguments.iter().map(|a| a.depth).max().unwrap_or(0);
            return Ok(Expr {
                kind: ExprKind::Call(name, arguments),
                at: token.start,
                depth,
            });
        }
        let reference = self.reference("a value")?;
        // Indices of an indexed value nest in it.
        let chain = u16::try_from(reference.more.len()).unwrap_or(u16::MAX);
        let deepest = reference.indices().map(Index::depth).max().unwrap_or(0);
        let depth = deepest.saturating_add(chain).saturating_add(1);
        if chain > 0 && depth > MAX_EXPRESSION_DEPTH {
            return Err(self.too_deep());
        }
        Ok(Expr {
            depth,
            kind: ExprKind::Reference(Box::new(reference)),
            at: token.start,
        })
    }

    /// The contents of brackets after a name; the indices after a comma are appended to `more`.
    pub(crate) fn index(&mut self, more: &mut Vec<Further<'s>>) -> Parsed<Index<'s>> {
        self.expect("[")?;
        if self.eat("{") {
            let items = self.list("}", Self::expression)?;
            self.expect("]")?;
            return Ok(Index::Set(items));
        }
        let range = self.range_or_value()?;
        while self.eat(",") && self.text() != "]" {
            if more.len() >= MAX_INDICES {
                return Err(crate::syntax::parser::Diagnostic::limit(
                    self.peek().start,
                    format!("more than {MAX_INDICES} indices"),
                ));
            }
            let index = self.range_or_value()?;
            more.push(Further { index, comma: true });
        }
        self.expect("]")?;
        Ok(range)
    }

    fn range_or_value(&mut self) -> Parsed<Index<'s>> {
        let at = self.peek().start;
        let start = if self.text() == ":" {
            None
        } else {
            Some(self.expression()?)
        };
        match start {
            Some(value) if self.text() != ":" => Ok(Index::One(value)),
            start => Ok(Index::Range(Box::new(self.range_after(start, at)?))),
        }
    }

    /// `start:end` or `start:step:end`.
    pub(crate) fn range(&mut self) -> Parsed<RangeExpr<'s>> {
        let at = self.peek().start;
        let start = self.expression()?;
        self.range_after(Some(start), at)
    }

    fn range_after(&mut self, start: Option<Expr<'s>>, at: u32) -> Parsed<RangeExpr<'s>> {
        self.expect(":")?;
        let second = self.range_part()?;
        let (step, end) = if self.eat(":") {
            (second, self.range_part()?)
        } else {
            (None, second)
        };
        Ok(RangeExpr {
            start,
            step,
            end,
            at,
        })
    }

    fn range_part(&mut self) -> Parsed<Option<Expr<'s>>> {
        if matches!(self.text(), "]" | ":" | ",") {
            return Ok(None);
        }
        Ok(Some(self.expression()?))
    }
}

/// An operator between two values, and its precedence.
fn binary_operator(text: &str, version: u8) -> Option<(BinaryOp, u8)> {
    use BinaryOp as Op;
    let two = version == 2;
    Some(match text {
        "||" => (Op::Or, 1),
        "&&" => (Op::And, 2),
        "|" => (Op::BitOr, 3),
        "^" if !two => (Op::BitXor, 4),
        "&" => (Op::BitAnd, 5),
        "==" => (Op::Equal, 6),
        "!=" => (Op::NotEqual, 6),
        "<" => (Op::Less, 7),
        "<=" => (Op::LessEqual, 7),
        ">" => (Op::Greater, 7),
        ">=" => (Op::GreaterEqual, 7),
        "<<" => (Op::ShiftLeft, 8),
        ">>" => (Op::ShiftRight, 8),
        "+" => (Op::Add, 9),
        "-" => (Op::Subtract, 9),
        "*" => (Op::Multiply, 10),
        "/" if two => (Op::DivideReal, 10),
        "/" => (Op::Divide, 10),
        "%" => (Op::Remainder, 10),
        "**" | "^" => (Op::Power, POWER),
        _ => return None,
    })
}

/// Whether a text is an operator of version 3 between two values.
pub(crate) fn is_operator(text: &str) -> bool {
    text == "++" || binary_operator(text, 3).is_some()
}

fn leaf(kind: ExprKind<'_>, token: Token) -> Expr<'_> {
    Expr {
        kind,
        at: token.start,
        depth: 1,
    }
}

fn integer(text: &str) -> Option<i128> {
    let clean = text.replace('_', "").to_lowercase();
    let (digits, radix) = match clean.get(..2) {
        Some("0x") => (clean.get(2..)?, 16),
        Some("0b") => (clean.get(2..)?, 2),
        Some("0o") => (clean.get(2..)?, 8),
        _ => (clean.as_str(), 10),
    };
    i128::from_str_radix(digits, radix).ok()
}

fn real(text: &str) -> Option<f64> {
    let value: f64 = text.replace('_', "").parse().ok()?;
    value.is_finite().then_some(value)
}

/// Nanoseconds of a duration such as `100ns`.
pub(crate) fn duration(text: &str) -> Option<f64> {
    let units = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("dt", 1.0),
        ("s", 1e9),
    ];
    let (number, scale) = units
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))?;
    Some(real(number.trim_end())? * scale)
}

/// The bits of a text, 128 in a word, the lowest first; and their number.
fn bit_string(text: &str) -> Option<(Box<[u128]>, u32)> {
    let digits = text.get(1..text.len().checked_sub(1)?)?;
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let digits = digits.replace('_', "");
    let width = u32::try_from(digits.len()).ok()?;
    if width == 0 || !digits.bytes().all(|b| matches!(b, b'0' | b'1')) {
        return None;
    }
    let words = digits.as_bytes().rchunks(128);
    let word = |bits: &[u8]| {
        let bit = |word: u128, bit: &u8| word << 1 | u128::from(*bit == b'1');
        bits.iter().fold(0, bit)
    };
    Some((words.map(word).collect(), width))
}
