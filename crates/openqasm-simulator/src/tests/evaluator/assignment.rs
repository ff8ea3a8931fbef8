//! What assignments change.

use crate::tests::evaluator::cast::assign;
use crate::tests::evaluator::functions;
use crate::tests::evaluator::machine::{Location, Machine};
use crate::tests::evaluator::operators::binary;
use crate::tests::evaluator::syntax::{Expr, Target};
use crate::tests::evaluator::value::{Failure, Kind, Result, Value};

impl Machine {
    /// Where a target is: its cell, its type, and which of its bits are meant.
    pub fn target(&mut self, target: &Target) -> Result<(usize, Kind, Option<Vec<i128>>)> {
        match target {
            Target::Variable(name) => {
                let (cell, kind) = self.cell(name)?;
                Ok((cell, kind, None))
            }
            Target::Bits(name, index) => {
                let (cell, kind) = self.cell(name)?;
                Ok((cell, kind, Some(self.places(index)?)))
            }
            Target::Element(array, indices) => {
                let cell = self.element(array, indices)?;
                Ok((cell, self.view(array)?.1, None))
            }
            Target::ElementBits(array, indices, index) => {
                let cell = self.element(array, indices)?;
                let kind = self.view(array)?.1;
                Ok((cell, kind, Some(self.places(index)?)))
            }
        }
    }

    pub fn assign(&mut self, target: &Target, op: &'static str, value: &Expr) -> Result<()> {
        if let Target::Variable(name) = target
            && let Location::Alias(bits) = self.binding(name)?.place.clone()
        {
            return self.assign_alias(name, &bits, op, value);
        }
        let (cell, kind, places) = self.target(target)?;
        let old = self.cells[cell];
        let old_part = match &places {
            Some(places) => functions::select(old, places)?,
            None => old,
        };
        let given = self.value(value)?;
        let value = if op.is_empty() {
            given
        } else {
            let old = match target {
                Target::Variable(name) => self.operand(op, &Expr::Variable(name.clone()), old_part),
                _ => old_part,
            };
            binary(op, old, self.operand(op, value, given))?
        };
        self.cells[cell] = match places {
            None => assign(kind, value)?,
            Some(places) => {
                let width = u32::try_from(places.len()).unwrap();
                let bits = assign(Kind::Bits(width), value)?;
                functions::insert(old, &places, pattern(bits)?)?
            }
        };
        Ok(())
    }

    fn assign_alias(
        &mut self,
        name: &str,
        bits: &[(usize, i128)],
        op: &'static str,
        value: &Expr,
    ) -> Result<()> {
        let old = self.variable(name)?;
        let given = self.value(value)?;
        let value = if op.is_empty() {
            given
        } else {
            binary(op, old, self.operand(op, value, given))?
        };
        let width = u32::try_from(bits.len()).unwrap();
        let value = pattern(assign(Kind::Bits(width), value)?)?;
        for (number, (cell, place)) in bits.iter().enumerate() {
            let bit = value >> number & 1;
            self.cells[*cell] = functions::insert(self.cells[*cell], &[*place], bit)?;
        }
        Ok(())
    }
}

fn pattern(bits: Value) -> Result<i128> {
    match bits {
        Value::Bits { value, .. } => Ok(value),
        _ => Err(Failure::Kind),
    }
}
