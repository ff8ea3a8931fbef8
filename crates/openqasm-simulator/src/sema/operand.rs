//! Qubits and bits that a statement names, with or without indices.

use crate::error::{Diagnostic, counted, quoted};
use crate::ir::program::{Expr, Operand};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, Index, Name, RangeExpr, Reference};
use std::collections::HashSet;

/// Maximum elements of registers that indices and aliases may select, over the whole program.
const MAX_LISTED: usize = 4_000_000;

impl<'s> Checker<'s> {
    /// The qubits that a reference names.
    pub(crate) fn qubits(&mut self, reference: &Reference<'s>) -> Checked<Operand> {
        let name = reference.name;
        self.count_part(name.at)?;
        if name.text.starts_with('$') {
            let base = self.physical_qubit(name)?;
            return match &reference.index {
                None => Ok(base),
                Some(_) => Err(Diagnostic::new(name.at, "a physical qubit has no index")),
            };
        }
        match self.lookup(name)? {
            Symbol::Qubits(base) => self.select(base, reference),
            other => Err(Diagnostic::new(
                name.at,
                format!(
                    "expected a qubit, but {} is {}",
                    quoted(name.text),
                    other.kind()
                ),
            )),
        }
    }

    /// The classical bits that a reference names.
    pub(crate) fn bits(&mut self, reference: &Reference<'s>) -> Checked<Operand> {
        self.count_part(reference.name.at)?;
        match self.lookup(reference.name)? {
            Symbol::Bits(base) => self.select(base, reference),
            other => Err(Diagnostic::new(
                reference.name.at,
                format!(
                    "expected a classical bit, but {} is {}",
                    quoted(reference.name.text),
                    other.kind()
                ),
            )),
        }
    }

    fn physical_qubit(&mut self, name: Name<'s>) -> Checked<Operand> {
        if self.is_rehearsal() {
            return Ok(rehearsed(name));
        }
        if let Some(qubit) = self.physical.get(name.text) {
            return Ok(Operand::Range {
                first: *qubit,
                len: 1,
            });
        }
        let operand = self.new_qubits(1, name.at)?;
        if let Some(qubit) = operand.get(0) {
            self.physical.insert(name.text, qubit);
        }
        Ok(operand)
    }

    fn select(&mut self, base: Operand, reference: &Reference<'s>) -> Checked<Operand> {
        if reference.more.iter().any(|further| further.comma) {
            return Err(Diagnostic::new(
                reference.name.at,
                format!("{} has only one dimension", quoted(reference.name.text)),
            ));
        }
        self.select_all(base, reference.indices(), reference.name)
    }

    /// Elements of elements, one index after another.
    pub(crate) fn select_all<'a>(
        &mut self,
        base: Operand,
        indices: impl Iterator<Item = &'a Index<'s>>,
        name: Name<'s>,
    ) -> Checked<Operand>
    where
        's: 'a,
    {
        let mut operand = base;
        for index in indices {
            operand = match index {
                Index::One(index) => self.select_one(operand, index, name)?,
                several => self.select_several(operand, several, name)?,
            };
        }
        Ok(operand)
    }

    fn select_one(
        &mut self,
        base: Operand,
        index: &ast::Expr<'s>,
        name: Name<'s>,
    ) -> Checked<Operand> {
        let typed = self.expression(index)?;
        let number = typed
            .sample
            .as_int()
            .map_err(|error| Diagnostic::new(index.at, error.message()))?;
        if let Expr::Constant(_) = typed.expr {
            if matches!(base, Operand::At { .. }) && matches!(number, 0 | -1) {
                return Ok(base);
            }
            return Ok(Operand::Range {
                first: element(&base, number, name, index.at)?,
                len: 1,
            });
        }
        Ok(Operand::At {
            of: Box::new(base),
            index: Box::new(typed.expr),
            at: index.at,
        })
    }

    /// A range or a set of a register. An element known only at run time is a register of one.
    fn select_several(
        &mut self,
        base: Operand,
        index: &Index<'s>,
        name: Name<'s>,
    ) -> Checked<Operand> {
        let is_computed = matches!(base, Operand::At { .. });
        let numbered = if is_computed {
            Operand::Range { first: 0, len: 1 }
        } else {
            base.clone()
        };
        let part = match index {
            Index::One(_) => numbered,
            Index::Range(range) => self.select_range(&numbered, range, name)?,
            Index::Set(items) => self.select_set(&numbered, items, name)?,
        };
        let is_all = is_computed && part.len() == 1;
        Ok(if is_all { base } else { part })
    }

    fn select_set(
        &mut self,
        base: &Operand,
        items: &[ast::Expr<'s>],
        name: Name<'s>,
    ) -> Checked<Operand> {
        let mut numbers = Vec::with_capacity(items.len());
        let mut seen = HashSet::with_capacity(items.len());
        for item in items {
            let index = self.constant_int(item, "an index in a set")?;
            let number = element(base, index, name, item.at)?;
            if !seen.insert(number) {
                let message = format!("a set must not hold the index {index} twice");
                return Err(Diagnostic::new(item.at, message));
            }
            numbers.push(number);
        }
        self.list(numbers, name.at)
    }

    fn select_range(
        &mut self,
        base: &Operand,
        range: &RangeExpr<'s>,
        name: Name<'s>,
    ) -> Checked<Operand> {
        let mut part = |part: &Option<ast::Expr<'s>>| match part {
            Some(value) => self.constant_int(value, "a range of an index").map(Some),
            None => Ok(None),
        };
        let (start, step, end) = (part(&range.start)?, part(&range.step)?, part(&range.end)?);
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err(Diagnostic::new(
                range.at,
                "the step of a range must not be 0",
            ));
        }
        let last = i128::from(base.len()) - 1;
        let (low, high) = if step > 0 { (0, last) } else { (last, 0) };
        let wrap = |value: i128| if value < 0 { value + last + 1 } else { value };
        let mut index = start.map_or(low, wrap);
        let end = end.map_or(high, wrap);
        if let (Operand::Range { first, .. }, 1, 0..) = (base, step, index)
            && index <= end
            && end <= last
            && let (Ok(skipped), Ok(len)) = (u32::try_from(index), u32::try_from(end - index + 1))
        {
            let first = first + skipped;
            return Ok(Operand::Range { first, len });
        }
        let mut numbers = Vec::new();
        while (step > 0 && index <= end) || (step < 0 && index >= end) {
            // Both ends count from the start: an index that is negative now is out of range.
            let counted = if index < 0 { index - last - 1 } else { index };
            numbers.push(element(base, counted, name, range.at)?);
            index = index.saturating_add(step);
        }
        if numbers.is_empty() {
            return Err(Diagnostic::new(range.at, "this range is empty"));
        }
        match (numbers.first(), base, step) {
            (Some(first), Operand::Range { .. }, 1) => Ok(Operand::Range {
                first: *first,
                len: u32::try_from(numbers.len()).unwrap_or(u32::MAX),
            }),
            _ => self.list(numbers, name.at),
        }
    }

    /// A list of numbers.
    fn list(&mut self, numbers: Vec<u32>, at: u32) -> Checked<Operand> {
        self.count_listed(numbers.len(), at)?;
        Ok(Operand::List(numbers.into()))
    }

    /// The total length of all lists is limited, because they are longer than their text.
    pub(crate) fn count_listed(&mut self, count: usize, at: u32) -> Checked<()> {
        self.usage.listed = self.usage.listed.saturating_add(count);
        if self.usage.listed > MAX_LISTED {
            return Err(Diagnostic::limit(
                at,
                "the circuit selects too many elements of registers",
            ));
        }
        Ok(())
    }

    /// Several registers, concatenated.
    pub(crate) fn concatenate(&mut self, parts: &[Operand], at: u32) -> Checked<Operand> {
        if let [only] = parts {
            return Ok(only.clone());
        }
        let numbers: Vec<u32> = parts.iter().flat_map(Operand::known).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Diagnostic::new(
                at,
                "an alias must not hold the same element twice",
            ));
        }
        self.list(numbers, at)
    }
}

/// A placeholder for a physical qubit in code that will not run.
fn rehearsed(name: Name<'_>) -> Operand {
    let number: u32 = name.text.trim_start_matches('$').parse().unwrap_or(0);
    Operand::Range {
        first: number | 1 << 31,
        len: 1,
    }
}

/// The element at an index; negative indices count from the end.
fn element(base: &Operand, index: i128, name: Name<'_>, at: u32) -> Checked<u32> {
    let len = base.len();
    let wrapped = if index < 0 {
        index.saturating_add(i128::from(len))
    } else {
        index
    };
    u32::try_from(wrapped)
        .ok()
        .and_then(|index| base.get(index))
        .ok_or_else(|| {
            Diagnostic::new(
                at,
                format!(
                    "index {index} is out of range: {} has {}, counted from 0",
                    quoted(name.text),
                    counted(len, "element")
                ),
            )
        })
}
