//! `input` declarations: constants whose values come with the task.

use crate::error::{Diagnostic, counted, quoted};
use crate::ir::complex::Complex;
use crate::ir::program::{Action, Expr, Input, Open, Program};
use crate::ir::value::{EvalError, Type, Value};
use crate::limits::MAX_ERRORS;
use crate::sema::array_layout::{Access, product, shape};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{ArrayType, Name, TypeName};
use crate::syntax::hint;
use crate::syntax::parser::duration;
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use std::fmt::Display;

/// The `input` declarations and the values for them.
#[derive(Default)]
pub(crate) struct Inputs<'s> {
    /// Values whose declaration has not been checked yet, if any were given at all.
    pub(crate) given: Option<Map<String, Json>>,
    /// The declarations.
    pub(crate) declared: Vec<Input>,
    /// Those whose values are not known.
    pub(crate) open: HashSet<&'s str>,
    /// The number of errors that report a missing value.
    pub(crate) without_value: usize,
    /// The inputs for which values were looked up, and the positions of their declarations.
    pub(crate) positions: Vec<(&'s str, u32)>,
}

impl<'s> Checker<'s> {
    pub(crate) fn declare_input(&mut self, ty: &TypeName<'s>, name: Name<'s>) -> Checked<()> {
        let ty = self.type_of(ty)?;
        let symbol = match self.given(name, &ty)? {
            None => self.any_input(ty, name)?,
            Some(given) => {
                let value =
                    from_json(&given, ty).map_err(|error| wrong_input(name, &ty, &error))?;
                Symbol::Constant(value, ty)
            }
        };
        let open = match &symbol {
            Symbol::Variable { slot: first, .. } => Some(Open::Variables {
                first: *first,
                count: 1,
            }),
            Symbol::Bits(bits) => Some(Open::Bits(bits.clone())),
            _ => None,
        };
        let is_open = open.is_some();
        self.inputs.declared.push(Input {
            name: name.text.to_owned(),
            ty: ty.to_string(),
            open,
            real: matches!(ty, Type::Float(_) | Type::Angle(_)).then_some(ty),
        });
        self.declare(name, symbol)?;
        if is_open {
            self.inputs.open.insert(name.text);
        }
        Ok(())
    }

    /// `input array[int[8], 2] a;`: its values are lists.
    pub(crate) fn declare_input_array(
        &mut self,
        ty: &ArrayType<'s>,
        name: Name<'s>,
        at: u32,
    ) -> Checked<()> {
        let array = self.new_array(ty, Access::Constant, name.at)?;
        let wanted = format!("array[{}] of {}", array.ty, shape(&array.sizes));
        let given = self.given(name, &wanted)?;
        let sizes: Vec<String> = array.sizes.iter().map(ToString::to_string).collect();
        self.inputs.declared.push(Input {
            name: name.text.to_owned(),
            ty: format!("array[{}, {}]", array.ty, sizes.join(", ")),
            open: given.is_none().then(|| Open::Variables {
                first: array.first,
                count: product(&array.sizes),
            }),
            real: None,
        });
        if let Some(given) = given {
            let mut values = Vec::with_capacity(product(&array.sizes));
            list_from_json(&given, &array.sizes, array.ty, &mut values)
                .map_err(|error| wrong_input(name, &wanted, &error))?;
            for (slot, value) in (array.first..).zip(values) {
                let (ty, value) = (array.ty, Expr::Constant(value));
                self.emit(Action::SetVariable { slot, ty, value }, at)?;
            }
        }
        self.declare(name, Symbol::Array(array))
    }

    /// The value given for an input; `None` if no values were given at all.
    fn given(&mut self, name: Name<'s>, ty: &dyn Display) -> Checked<Option<Json>> {
        let Some(inputs) = &mut self.inputs.given else {
            return Ok(None);
        };
        self.inputs.positions.push((name.text, name.at));
        if let Some(given) = inputs.remove(name.text) {
            return Ok(Some(given));
        }
        self.inputs.without_value += 1;
        Err(Diagnostic::new(
            name.at,
            format!(
                "there is no value for the input {}: expected one for `{ty}` in the parameters of the task",
                quoted(name.text)
            ),
        ))
    }

    /// The symbol of an input while its value is not known.
    fn any_input(&mut self, ty: Type, name: Name<'s>) -> Checked<Symbol> {
        Ok(match ty {
            Type::Bits(width) => Symbol::Bits(self.new_bits(width, name.at)?),
            _ => Symbol::Variable {
                slot: self.new_variable(),
                ty,
            },
        })
    }

    /// Reports values for inputs that the circuit does not declare: most are misspelt.
    pub(crate) fn refuse_unknown_inputs(&mut self) {
        let unknown = self.inputs.given.take().unwrap_or_default();
        // A declaration that could not be read may have declared them.
        if self.errors.len() > self.inputs.without_value {
            return;
        }
        for name in unknown.keys().take(MAX_ERRORS) {
            let inputs = self.inputs.positions.iter().map(|(input, _)| *input);
            let (hint, meant) = hint::for_input(name, inputs);
            let mut places = self.inputs.positions.iter();
            let place = places.find(|(input, _)| Some(*input) == meant);
            self.errors.push(Diagnostic::new(
                place.map_or(0, |(_, at)| *at),
                format!(
                    "the task has a parameter {}, but the circuit declares no such `input`{hint}",
                    quoted(name)
                ),
            ));
        }
    }
}

/// The values of a program's inputs that are not known, by variable. `None` if one is missing, is not of a `float` or an
/// `angle`, or does not fit: a compilation with the values reports it.
pub(crate) fn bind_inputs(
    program: &Program,
    values: &Map<String, Json>,
) -> Option<Vec<(usize, Value)>> {
    let bind = |input: &Input| match &input.open {
        Some(Open::Variables { first, count: 1 }) => {
            let value = from_json(values.get(&input.name)?, input.real?).ok()?;
            Some((*first, value))
        }
        _ => None,
    };
    let bound: Vec<(usize, Value)> = program.inputs.iter().map(bind).collect::<Option<_>>()?;
    (bound.len() == values.len()).then_some(bound)
}

fn wrong_input(name: Name<'_>, ty: &dyn Display, error: &str) -> Diagnostic {
    Diagnostic::new(
        name.at,
        format!(
            "the parameter {} does not fit `{ty}`: {error}",
            quoted(name.text)
        ),
    )
}

/// Lists of values, the first index outermost.
fn list_from_json(
    given: &Json,
    sizes: &[u32],
    ty: Type,
    values: &mut Vec<Value>,
) -> Result<(), String> {
    let Some((size, inner)) = sizes.split_first() else {
        values.push(from_json(given, ty)?);
        return Ok(());
    };
    match given {
        Json::Array(items) if items.len() == *size as usize => items
            .iter()
            .try_for_each(|item| list_from_json(item, inner, ty, values)),
        Json::Array(items) => Err(format!(
            "expected a list of {}, found {}",
            counted(size, "element"),
            items.len()
        )),
        _ => Err(format!("expected a list of {}", counted(size, "element"))),
    }
}

/// Converts a number, `true` or `false`, or a text of bits or of a duration to a value of that type.
fn from_json(given: &Json, ty: Type) -> Result<Value, String> {
    let value = match (ty, given) {
        (Type::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Type::Bits(1), Json::Bool(value)) => Value::Bits {
            value: u128::from(*value),
            width: 1,
        },
        (Type::Bits(width), Json::String(text)) => bits(text, width)?,
        (Type::Duration, Json::String(text)) => Value::Duration(
            duration(text.trim()).ok_or_else(|| format!("expected {}", expected(ty)))?,
        ),
        (Type::Int(_) | Type::Uint(_) | Type::Bits(1), Json::Number(_)) => {
            Value::Int(integer(given).ok_or("expected a whole number")?)
        }
        (Type::Float(_) | Type::Angle(_), Json::Number(number)) => {
            let number = number.as_f64().filter(|number| number.is_finite());
            Value::Float(number.ok_or("the number is too large")?)
        }
        (Type::Complex(_), Json::Number(_)) => from_json(given, Type::Float(64))?,
        (Type::Complex(_), Json::Array(parts)) => {
            let [re, im] = parts.as_slice() else {
                return Err(format!("expected {}", expected(ty)));
            };
            let part = |json| match from_json(json, Type::Float(64))? {
                Value::Float(part) => Ok::<f64, String>(part),
                _ => Err(format!("expected {}", expected(ty))),
            };
            Value::Complex(Complex::new(part(re)?, part(im)?))
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
        Type::Complex(_) => "a number, or a list of its real and its imaginary part",
        Type::Bits(_) => "a text of bits such as \"0110\"",
        Type::Duration => "a text such as \"100ns\"",
    }
}
