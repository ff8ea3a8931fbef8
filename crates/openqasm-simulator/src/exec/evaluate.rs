//! Evaluation of expressions at run time.

use crate::error::counted;
use crate::ir::arithmetic::{self};
use crate::ir::operator::BinaryOp;
use crate::ir::program::{Element, ElementIndex, Expr, Operand, Wide};
use crate::ir::value::{EvalError, Type, Value};
use crate::run_error::{RunError, Running};

/// Classical memory: variables and bits.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub variables: Vec<Value>,
    /// Bit `k` is bit `k % 64` of word `k / 64`.
    pub bits: Vec<u64>,
}

impl Memory {
    pub(crate) fn new(variables: usize, bits: u32) -> Self {
        Self {
            variables: vec![Value::Int(0); variables],
            bits: vec![0; (bits as usize).div_ceil(64)],
        }
    }

    pub(crate) fn bit(&self, index: u32) -> bool {
        let word = self.bits.get(index as usize / 64).copied().unwrap_or(0);
        word >> (index % 64) & 1 == 1
    }

    pub(crate) fn set_bit(&mut self, index: u32, value: bool) {
        set_bit(&mut self.bits, index, value);
    }

    pub(crate) fn set_variable(&mut self, slot: usize, value: Value) {
        if let Some(variable) = self.variables.get_mut(slot) {
            *variable = value;
        }
    }

    /// Copies consecutive variables to others, as if all were read before any is written.
    pub(crate) fn copy_variables(&mut self, from: usize, to: usize, count: usize) {
        let len = self.variables.len();
        if from.saturating_add(count) <= len && to.saturating_add(count) <= len {
            self.variables.copy_within(from..from + count, to);
        }
    }

    pub(crate) fn variable(&self, slot: usize) -> Value {
        self.variables.get(slot).copied().unwrap_or(Value::Int(0))
    }

    /// The value of an expression; `parameters` are those of the enclosing gate definition.
    pub(crate) fn evaluate(&self, expr: &Expr, parameters: &[f64]) -> Running<Value> {
        match expr {
            Expr::Constant(value) => Ok(*value),
            Expr::Variable(slot) => Ok(self.variable(*slot)),
            Expr::Parameter(index) => {
                Ok(Value::Float(parameters.get(*index).copied().unwrap_or(0.0)))
            }
            Expr::Bits(operand) => self.read(operand),
            Expr::Unary(op, operand, at) => located(
                arithmetic::unary(*op, self.evaluate(operand, parameters)?),
                *at,
            ),
            Expr::Binary(op, sides, at) => {
                let left = self.evaluate(&sides.0, parameters)?;
                // The right side is not evaluated if the left one decides, as in C.
                match (op, left.truth()) {
                    (BinaryOp::And, Ok(false)) => return Ok(Value::Bool(false)),
                    (BinaryOp::Or, Ok(true)) => return Ok(Value::Bool(true)),
                    _ => {}
                }
                located(
                    arithmetic::binary(*op, left, self.evaluate(&sides.1, parameters)?),
                    *at,
                )
            }
            Expr::Call(function, arguments, at) => {
                let values = arguments
                    .iter()
                    .map(|argument| self.evaluate(argument, parameters))
                    .collect::<Running<Vec<Value>>>()?;
                located(function.call(&values), *at)
            }
            Expr::Element(element) => Ok(self.variable(self.slot(element)?)),
            Expr::Select(value, positions, width) => {
                let value = self.evaluate(value, parameters)?;
                self.selected(value, positions, *width)
            }
            Expr::Insert(values, positions, ty, at) => {
                let base = self.evaluate(&values.0, parameters)?;
                let bits = self.evaluate(&values.1, parameters)?;
                let bits = located(bits.assign_to(Type::Bits(positions.len())), *at)?;
                self.inserted(base, bits, positions, *ty)
            }
            Expr::CompareBits(op, sides, at) => {
                let left = self.words(&sides.0)?;
                let right = match &sides.1 {
                    Wide::Bits(operand) => self.words(operand)?,
                    Wide::Value(value) => {
                        let value = self.evaluate(value, parameters)?;
                        number_words(value, left.len())
                            .map_err(|error| RunError::wrong(*at, error.message()))?
                    }
                };
                Ok(Value::Bool(op.holds(order(&left, &right))))
            }
            Expr::Cast(ty, operand, at) => {
                located(self.evaluate(operand, parameters)?.cast_to(*ty), *at)
            }
        }
    }

    /// A real number, such as an angle.
    pub(crate) fn real(&self, expr: &Expr, parameters: &[f64], at: u32) -> Running<f64> {
        match expr {
            Expr::Constant(Value::Float(value)) => Ok(*value),
            _ => self
                .evaluate(expr, parameters)?
                .as_real()
                .map_err(|error| RunError::wrong(at, error.message())),
        }
    }

    /// The bits of a value that is stored in that many.
    fn selected(&self, value: Value, positions: &Operand, width: u32) -> Running<Value> {
        let word = word(value, width)?;
        let count = positions.len();
        let mut bits = 0;
        for place in 0..count.min(128) {
            let position = self.element(positions, place)?;
            bits |= (word.checked_shr(position).unwrap_or(0) & 1) << place;
        }
        Ok(Value::Bits {
            value: bits,
            width: count,
        })
    }

    fn inserted(&self, base: Value, bits: Value, positions: &Operand, ty: Type) -> Running<Value> {
        let (mut whole, part) = (word(base, 128)?, word(bits, 128)?);
        for place in 0..positions.len().min(128) {
            let position = self.element(positions, place)?;
            let mask = 1_u128.checked_shl(position).unwrap_or(0);
            let set = part >> place & 1 == 1;
            whole = if set { whole | mask } else { whole & !mask };
        }
        Ok(Value::from_word(whole, ty))
    }

    /// The variable that is an element of an array.
    pub(crate) fn slot(&self, element: &Element) -> Running<usize> {
        let mut slot = element.first;
        for ElementIndex {
            value,
            size,
            stride,
            at,
        } in &element.indices
        {
            let wanted = self
                .evaluate(value, &[])?
                .as_int()
                .map_err(|error| RunError::wrong(*at, error.message()))?;
            let wrapped = if wanted < 0 {
                wanted.saturating_add(i128::from(*size))
            } else {
                wanted
            };
            let place = u32::try_from(wrapped).ok().filter(|place| place < size);
            let place = place.ok_or_else(|| {
                let message = format!(
                    "index {wanted} is out of range: the array has {} there",
                    counted(size, "element")
                );
                RunError::wrong(*at, message)
            })?;
            let steps = isize::try_from(place).unwrap_or(isize::MAX);
            slot = slot.saturating_add_signed(stride.saturating_mul(steps));
        }
        Ok(slot)
    }

    /// The bits of an operand, 128 in a word, the lowest first.
    fn words(&self, operand: &Operand) -> Running<Vec<u128>> {
        let mut words = vec![0_u128; operand.len().div_ceil(128) as usize];
        for index in 0..operand.len() {
            let bit = self.element(operand, index)?;
            if let Some(word) = words.get_mut(index as usize / 128) {
                *word |= u128::from(self.bit(bit)) << (index % 128);
            }
        }
        Ok(words)
    }

    fn read(&self, operand: &Operand) -> Running<Value> {
        let width = operand.len();
        let mut value = 0_u128;
        for index in 0..width.min(128) {
            let bit = self.element(operand, index)?;
            value |= u128::from(self.bit(bit)) << index;
        }
        Ok(Value::Bits { value, width })
    }

    /// The number of one element of an operand.
    pub(crate) fn element(&self, operand: &Operand, place: u32) -> Running<u32> {
        match operand {
            Operand::At { of, index, at } => {
                let wanted = self
                    .evaluate(index, &[])?
                    .as_int()
                    .map_err(|error| RunError::wrong(*at, error.message()))?;
                let len = i128::from(of.len());
                let wrapped = if wanted < 0 {
                    wanted.saturating_add(len)
                } else {
                    wanted
                };
                match u32::try_from(wrapped)
                    .ok()
                    .filter(|place| *place < of.len())
                {
                    Some(place) => self.element(of, place),
                    None => Err(RunError::wrong(
                        *at,
                        format!(
                            "index {wanted} is out of range: the register has {}",
                            counted(len, "element")
                        ),
                    )),
                }
            }
            known => known
                .get(place)
                .ok_or_else(|| RunError::wrong(0, "an operand is shorter than expected")),
        }
    }
}

/// A number as that many words. The sign of a negative one fills them, as in a conversion to unsigned.
fn number_words(value: Value, words: usize) -> Result<Vec<u128>, EvalError> {
    let (low, fill) = match value.numeric() {
        Value::Integer(integer) if !integer.is_signed() => (integer.word(), 0),
        other => {
            let number = other.as_int()?;
            (number.cast_unsigned(), (number >> 127).cast_unsigned())
        }
    };
    let mut found = vec![fill; words.max(1)];
    if let Some(first) = found.first_mut() {
        *first = low;
    }
    Ok(found)
}

/// The order of two numbers, their lowest words first.
fn order(left: &[u128], right: &[u128]) -> std::cmp::Ordering {
    let word = |words: &[u128], place: usize| words.get(place).copied().unwrap_or(0);
    let places = (0..left.len().max(right.len())).rev();
    let mut orders = places.map(|place| word(left, place).cmp(&word(right, place)));
    orders
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

fn word(value: Value, width: u32) -> Running<u128> {
    value
        .word(width)
        .map_err(|error| RunError::wrong(0, error.message()))
}

pub(crate) fn set_bit(words: &mut [u64], index: u32, value: bool) {
    if let Some(word) = words.get_mut(index as usize / 64) {
        let mask = 1 << (index % 64);
        *word = if value { *word | mask } else { *word & !mask };
    }
}

pub(crate) fn located(result: Result<Value, EvalError>, at: u32) -> Running<Value> {
    result.map_err(|error| RunError::wrong(at, error.message()))
}
