//! `input` declarations: constants whose values come with the task.

use super::super::super::error::{Diagnostic, quoted};
use super::super::super::limits::MAX_ERRORS;
use super::super::super::program::{Input, Open};
use super::super::super::value::{EvalError, Type, Value};
use super::super::ast::{Name, TypeName};
use super::scope::Symbol;
use super::{Checked, Checker};
use serde_json::Value as Json;

impl<'s> Checker<'s> {
    pub(super) fn declare_input(&mut self, ty: &TypeName<'s>, name: Name<'s>) -> Checked<()> {
        let ty = self.type_of(ty)?;
        let symbol = match &mut self.inputs {
            None => self.any_input(ty, name)?,
            Some(inputs) => match inputs.remove(name.text) {
                Some(given) => Symbol::Constant(
                    from_json(&given, ty).map_err(|error| wrong_input(name, ty, &error))?,
                    ty,
                ),
                None => {
                    return Err(Diagnostic::new(
                        name.at,
                        format!(
                            "there is no value for the input {}: expected one for `{ty}` in the parameters of the task",
                            quoted(name.text)
                        ),
                    ));
                }
            },
        };
        let open = match &symbol {
            Symbol::Variable { slot, .. } => Some(Open::Variable(*slot)),
            Symbol::Bits(bits) => Some(Open::Bits(bits.clone())),
            _ => None,
        };
        self.declared_inputs.push(Input {
            name: name.text.to_owned(),
            ty,
            open,
        });
        self.declare(name, symbol)
    }

    /// What stands for an input while its value is not known.
    fn any_input(&mut self, ty: Type, name: Name<'s>) -> Checked<Symbol> {
        Ok(match ty {
            Type::Bits(width) => Symbol::Bits(self.new_bits(width, name.at)?),
            _ => Symbol::Variable {
                slot: self.new_variable(),
                ty,
            },
        })
    }

    /// Values for which the circuit has no declaration are most likely misspelt.
    pub(super) fn refuse_unknown_inputs(&mut self) {
        let unknown = self.inputs.take().unwrap_or_default();
        // A declaration that could not be read may have been theirs.
        if !self.errors.is_empty() {
            return;
        }
        for name in unknown.keys().take(MAX_ERRORS) {
            self.errors.push(Diagnostic::new(
                0,
                format!(
                    "the task has a parameter {}, but the circuit declares no such `input`",
                    quoted(name)
                ),
            ));
        }
    }
}

fn wrong_input(name: Name<'_>, ty: Type, error: &str) -> Diagnostic {
    Diagnostic::new(
        name.at,
        format!(
            "the parameter {} does not fit `{ty}`: {error}",
            quoted(name.text)
        ),
    )
}

/// A number, `true` or `false`, or a text of bits, as a value of that type.
fn from_json(given: &Json, ty: Type) -> Result<Value, String> {
    let value = match (ty, given) {
        (Type::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Type::Bits(1), Json::Bool(value)) => Value::Bits {
            value: u128::from(*value),
            width: 1,
        },
        (Type::Bits(width), Json::String(text)) => bits(text, width)?,
        (Type::Int(_) | Type::Uint(_) | Type::Bits(1), Json::Number(_)) => {
            Value::Int(integer(given).ok_or("expected a whole number")?)
        }
        (Type::Float(_) | Type::Angle(_), Json::Number(number)) => {
            let number = number.as_f64().filter(|number| number.is_finite());
            Value::Float(number.ok_or("the number is too large")?)
        }
        _ => return Err(format!("expected {}", expected(ty))),
    };
    value.assign_to(ty).map_err(EvalError::message)
}

fn integer(given: &Json) -> Option<i128> {
    let signed = given.as_i64().map(i128::from);
    signed.or_else(|| given.as_u64().map(i128::from))
}

fn bits(text: &str, width: u32) -> Result<Value, String> {
    let wrong = || format!("expected a text of {width} digits 0 or 1");
    let digits = text.bytes().all(|digit| matches!(digit, b'0' | b'1'));
    if !digits || text.len() != width as usize {
        return Err(wrong());
    }
    let value = u128::from_str_radix(text, 2).map_err(|_| wrong())?;
    Ok(Value::Bits { value, width })
}

fn expected(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "true or false",
        Type::Int(_) | Type::Uint(_) => "a whole number",
        Type::Float(_) | Type::Angle(_) => "a number",
        Type::Bits(_) => "a text of bits such as \"0110\"",
        Type::Duration => "no duration: it cannot be given as a parameter",
    }
}
