//! Random programs, with the only outcome that they must have.

use crate::tests::evaluator::expressions::Writer;
use crate::tests::evaluator::machine::{Location, Machine};
use crate::tests::evaluator::random::Random;
use crate::tests::evaluator::syntax::{Expr, Statement};
use crate::tests::evaluator::text::{self, text, wrapped};
use crate::tests::evaluator::value::{Kind, Value, bits};
use std::fmt::Write;
use std::rc::Rc;

/// Most that rounding may change a part of a complex number.
const TOLERANCE: &str = "1e-9";

pub struct Program {
    pub source: String,
    /// The only outcome.
    pub outcome: String,
}

/// What a register is set to that shows a value.
fn shown(expr: &Expr, value: Value) -> String {
    match value {
        Value::Bool(_) | Value::Bits { .. } => text(expr),
        Value::Exact(_) => format!("bit[64](int[64]({}))", text(expr)),
        Value::Integer { width, .. } | Value::Angle { width, .. } => {
            format!("bit[{width}]({})", text(expr))
        }
        Value::Float(value) => format!("{} == {value:?}", wrapped(expr, 8)),
        Value::Duration(length) => format!("{} == {length:?}ns", wrapped(expr, 8)),
        Value::Complex(z) if z.rough => {
            let near = |function: &str, value: f64| {
                format!("abs({function}({}) - {value:?}) < {TOLERANCE}", text(expr))
            };
            format!("{} && {}", near("real", z.re), near("imag", z.im))
        }
        Value::Complex(z) => {
            let (re, im) = (z.re, z.im);
            format!("real({0}) == {re:?} && imag({0}) == {im:?}", text(expr))
        }
    }
}

impl Writer {
    /// A register that holds what an expression gives; its bits, the lowest first.
    fn show(&mut self, number: usize, source: &mut String) -> Option<Vec<bool>> {
        let (expr, value) = if self.random.one_in(12) {
            self.guarded()
        } else {
            self.some(|term| Ok(term.value))
        }
        .ok()?;
        let bits = bits(value);
        writeln!(
            source,
            "bit[{}] o{number} = {};",
            bits.len(),
            shown(&expr, value)
        )
        .unwrap();
        Some(bits)
    }

    /// Statements of the program itself.
    fn global(&mut self, number: usize) -> Option<Vec<Statement>> {
        let one = |statement: crate::tests::evaluator::value::Result<Statement>| {
            statement.map(|it| vec![it])
        };
        let made = match self.random.below(12) {
            // Without variables there is nothing to do.
            _ if number < 2 => one(self.declaration()),
            0 | 1 => one(self.declaration()),
            2 => one(self.array_declaration()),
            3 => one(self.copied_array()),
            4 => one(self.alias()),
            5 | 6 => one(self.update()),
            _ => self.statement(2),
        };
        made.ok()
    }
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut writer = Writer {
        random: Random(seed),
        machine: Machine::default(),
        names: 0,
        wanted: None,
        loops: 0,
    };
    let mut source = "OPENQASM 3.0;\n".to_owned();
    for number in 0..3 + writer.random.below(6) {
        if number > 0 && writer.random.one_in(6) {
            if let Ok(subroutine) = writer.subroutine() {
                writeln!(source, "{}", text::subroutine(&subroutine)).unwrap();
                Rc::make_mut(&mut writer.machine.subroutines).push(subroutine);
            }
            continue;
        }
        let Some(statements) = writer.global(number) else {
            continue;
        };
        let mut machine = writer.machine.clone();
        if machine.run(&statements).is_err() {
            continue;
        }
        writer.machine = machine;
        for statement in &statements {
            writeln!(source, "{}", text::statement(statement)).unwrap();
        }
    }
    let shown: Vec<Vec<bool>> = (0..3)
        .filter_map(|number| writer.show(number, &mut source))
        .collect();
    Program {
        source,
        outcome: outcome(&writer.machine, shown),
    }
}

/// Registers of variables are part of the outcome, before those that show values.
fn outcome(machine: &Machine, shown: Vec<Vec<bool>>) -> String {
    let declared = machine.bindings.iter().filter_map(|it| match it.place {
        Location::Cell(cell) if matches!(it.kind, Kind::Bits(_)) && !it.constant => {
            Some(bits(machine.cells[cell]))
        }
        _ => None,
    });
    let text = |bits: Vec<bool>| {
        let digits = bits.iter().rev().map(|bit| if *bit { '1' } else { '0' });
        digits.collect::<String>()
    };
    let mut texts: Vec<String> = declared.chain(shown).map(text).collect();
    texts.reverse();
    texts.join(" ")
}
