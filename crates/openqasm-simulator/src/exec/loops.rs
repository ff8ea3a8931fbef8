//! `for` loops at run time.

use crate::exec::evaluate::located;
use crate::exec::machine::Machine;
use crate::ir::program::{Domain, LoopNext, LoopStart};
use crate::ir::value::Value;
use crate::run_error::{RunError, Running};

/// The number of values of a range: start, step, end (included).
pub(crate) fn turns([first, step, end]: [i128; 3], at: u32) -> Running<u64> {
    if step == 0 {
        return Err(RunError::wrong(at, "the step of a range must not be 0"));
    }
    let beyond = if step > 0 { end < first } else { end > first };
    let count = if beyond {
        0
    } else {
        (end.saturating_sub(first) / step).saturating_add(1)
    };
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

impl Machine {
    pub(crate) fn loop_start(&mut self, start: &LoopStart, at: u32) -> Running<()> {
        let (first, left, step) = match &start.domain {
            Domain::Values(values) => (0, values.len() as u64, 1),
            Domain::Range(parts) => {
                let mut numbers = [0_i128; 3];
                for (number, part) in numbers.iter_mut().zip(parts.iter()) {
                    let value = self.memory.evaluate(part, &[])?;
                    *number = value
                        .as_int()
                        .map_err(|error| RunError::wrong(at, error.message()))?;
                }
                let [first, step, _] = numbers;
                (first, turns(numbers, at)?, step)
            }
        };
        let values = [first, i128::from(left), step];
        for (offset, value) in values.into_iter().enumerate() {
            self.memory
                .set_variable(start.state + offset, Value::Int(value));
        }
        Ok(())
    }

    /// Whether the loop has another value.
    pub(crate) fn loop_next(&mut self, next: &LoopNext, at: u32) -> Running<bool> {
        let hidden = |offset| match self.memory.variable(next.state + offset) {
            Value::Int(value) => value,
            _ => 0,
        };
        let (current, left, step) = (hidden(0), hidden(1), hidden(2));
        if left <= 0 {
            return Ok(false);
        }
        let value = match &next.domain {
            Domain::Range(_) => Value::Int(current),
            Domain::Values(values) => {
                let expr = usize::try_from(current)
                    .ok()
                    .and_then(|index| values.get(index));
                let expr = expr.ok_or_else(|| RunError::wrong(at, "the loop has no such value"))?;
                self.memory.evaluate(expr, &[])?
            }
        };
        let value = located(value.assign_to(next.ty), at)?;
        self.memory.set_variable(next.variable, value);
        self.memory
            .set_variable(next.state, Value::Int(current.saturating_add(step)));
        self.memory
            .set_variable(next.state + 1, Value::Int(left - 1));
        Ok(true)
    }
}
