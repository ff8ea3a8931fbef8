//! Runs the trees of programs.

use crate::tests::evaluator::cast::{assign, cast};
use crate::tests::evaluator::functions::{self, wrapped};
use crate::tests::evaluator::operators::{binary, unary};
use crate::tests::evaluator::syntax::{
    Argument, Domain, Expr, Index, Part, Source, Statement, Subroutine,
};
use crate::tests::evaluator::value::{Failure, Kind, Result, Value, integer, truth, whole};
use std::rc::Rc;

/// Statements that a program may run.
const MOST_STEPS: u32 = 600;

/// Elements of an array, in row-major order.
#[derive(Debug, Clone)]
pub struct View {
    pub cells: Vec<usize>,
    pub sizes: Vec<usize>,
    pub mutable: bool,
}

#[derive(Debug, Clone)]
pub enum Location {
    Cell(usize),
    Array(View),
    /// Bits of cells.
    Alias(Vec<(usize, i128)>),
}

#[derive(Debug, Clone)]
pub struct Binding {
    pub name: String,
    pub kind: Kind,
    pub constant: bool,
    pub place: Location,
}

pub enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
}

#[derive(Clone, Default)]
pub struct Machine {
    pub bindings: Vec<Binding>,
    pub cells: Vec<Value>,
    pub subroutines: Rc<Vec<Subroutine>>,
    pub steps: u32,
}

impl Machine {
    pub fn bind(&mut self, name: &str, kind: Kind, constant: bool, value: Value) {
        let place = Location::Cell(self.cells.len());
        self.cells.push(value);
        self.bindings.push(Binding {
            name: name.to_owned(),
            kind,
            constant,
            place,
        });
    }

    pub fn bind_array(&mut self, name: &str, kind: Kind, view: View) {
        self.bindings.push(Binding {
            name: name.to_owned(),
            kind,
            constant: false,
            place: Location::Array(view),
        });
    }

    pub fn binding(&self, name: &str) -> Result<&Binding> {
        let mut found = self.bindings.iter().rev();
        found.find(|it| it.name == name).ok_or(Failure::Kind)
    }

    pub fn cell(&self, name: &str) -> Result<(usize, Kind)> {
        match self.binding(name)? {
            Binding {
                place: Location::Cell(cell),
                kind,
                ..
            } => Ok((*cell, *kind)),
            _ => Err(Failure::Kind),
        }
    }

    pub fn view(&self, name: &str) -> Result<(&View, Kind)> {
        match self.binding(name)? {
            Binding {
                place: Location::Array(view),
                kind,
                ..
            } => Ok((view, *kind)),
            _ => Err(Failure::Kind),
        }
    }

    pub fn value(&mut self, expr: &Expr) -> Result<Value> {
        let value = self.any_value(expr)?;
        match value {
            // Numbers without a type all fit an `int`.
            Value::Exact(value) if value.abs() >= 1 << 62 => Err(Failure::Value),
            _ => Ok(value),
        }
    }

    fn any_value(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Literal(_, value) => Ok(*value),
            Expr::Variable(name) => self.variable(name),
            Expr::Unary(op, operand) => {
                let value = self.value(operand)?;
                unary(op, self.operand(op, operand, value))
            }
            Expr::Binary(op, sides) => {
                let left = self.value(&sides.0)?;
                match *op {
                    "&&" if !truth(left)? => Ok(Value::Bool(false)),
                    "||" if truth(left)? => Ok(Value::Bool(true)),
                    op => {
                        let right = self.value(&sides.1)?;
                        let left = self.operand(op, &sides.0, left);
                        binary(op, left, self.operand(op, &sides.1, right))
                    }
                }
            }
            Expr::Cast(kind, operand) => cast(*kind, self.value(operand)?),
            Expr::Select(operand, index) => {
                let value = self.value(operand)?;
                functions::select(value, &self.places(index)?)
            }
            Expr::Call(name, arguments) => {
                let values: Result<Vec<Value>> = arguments
                    .iter()
                    .map(|argument| self.value(argument))
                    .collect();
                functions::call(name, &values?)
            }
            Expr::Element { array, indices, .. } => {
                let cell = self.element(array, indices)?;
                Ok(self.cells[cell])
            }
            Expr::SizeOf(array, dimension) => {
                let sizes = &self.view(array)?.0.sizes;
                let size = sizes.get(dimension.unwrap_or(0)).ok_or(Failure::Kind)?;
                Ok(integer(*size as i128, false, 64))
            }
            Expr::In(value, set) => {
                let value = self.value(value)?;
                let mut found = false;
                for other in set {
                    let other = self.value(other)?;
                    found |= binary("==", value, other)? == Value::Bool(true);
                }
                Ok(Value::Bool(found))
            }
            Expr::Invoke(name, arguments) => self.invoke(name, arguments)?.ok_or(Failure::Kind),
        }
    }

    pub fn variable(&self, name: &str) -> Result<Value> {
        match &self.binding(name)?.place {
            Location::Cell(cell) => Ok(self.cells[*cell]),
            Location::Array(_) => Err(Failure::Kind),
            Location::Alias(bits) => {
                let mut value = 0;
                for (number, (cell, place)) in bits.iter().enumerate() {
                    let bit = functions::select(self.cells[*cell], &[*place])?;
                    value |= whole(bit)? << number;
                }
                let width = u32::try_from(bits.len()).unwrap();
                Ok(Value::Bits { width, value })
            }
        }
    }

    /// What an operator takes of a value: a register of one bit that it computes with is a `uint[1]`.
    pub fn operand(&self, op: &str, expr: &Expr, value: Value) -> Value {
        let decides = ["!", "&&", "||", "==", "!=", "<", "<=", ">", ">="];
        let is_register = |name: &str| {
            // The variable of a loop over bits is a single bit.
            let binding = self.binding(name);
            binding.is_ok_and(|it| it.kind == Kind::Bits(1) && !it.constant)
                && !name.starts_with('i')
        };
        match (expr, value) {
            (Expr::Variable(name), Value::Bits { width: 1, value })
                if is_register(name) && !decides.contains(&op) =>
            {
                integer(value, false, 1)
            }
            _ => value,
        }
    }

    fn index(&mut self, expr: &Expr) -> Result<i128> {
        match self.value(expr)? {
            Value::Bool(_) => Err(Failure::Kind),
            value => whole(value),
        }
    }

    pub fn places(&mut self, index: &Index) -> Result<Vec<i128>> {
        match index {
            Index::One(place) => Ok(vec![self.index(place)?]),
            Index::Set(places) => Ok(places.clone()),
            Index::Range { first, step, last } => Ok(range(*first, step.unwrap_or(1), *last)),
        }
    }

    pub fn element(&mut self, array: &str, indices: &[Expr]) -> Result<usize> {
        let places: Result<Vec<i128>> = indices.iter().map(|index| self.index(index)).collect();
        let view = self.view(array)?.0;
        if indices.len() != view.sizes.len() {
            return Err(Failure::Kind);
        }
        let mut number = 0;
        for (place, size) in places?.iter().zip(&view.sizes) {
            let place = wrapped(*place, *size as i128)?;
            number = number * size + usize::try_from(place).unwrap();
        }
        Ok(view.cells[number])
    }

    pub fn part(&self, part: &Part) -> Result<(View, Kind)> {
        let (view, kind) = self.view(&part.array)?;
        let mut found = view.clone();
        for index in &part.indices {
            let place = wrapped(*index, found.sizes[0] as i128)?;
            found.sizes.remove(0);
            let count: usize = found.sizes.iter().product();
            let first = usize::try_from(place).unwrap() * count;
            found.cells = found.cells[first..first + count].to_vec();
        }
        if let Some((first, last)) = part.range {
            let size = *found.sizes.first().ok_or(Failure::Kind)?;
            let first = usize::try_from(wrapped(first, size as i128)?).unwrap();
            let last = usize::try_from(wrapped(last, size as i128)?).unwrap();
            if last < first {
                return Err(Failure::Value);
            }
            let count: usize = found.sizes[1..].iter().product();
            found.cells = found.cells[first * count..(last + 1) * count].to_vec();
            found.sizes[0] = last - first + 1;
        }
        if found.sizes.is_empty() {
            return Err(Failure::Kind);
        }
        Ok((found, kind))
    }

    /// The values of an array of that shape.
    pub fn source(&mut self, source: &Source, kind: Kind, sizes: &[usize]) -> Result<Vec<Value>> {
        match source {
            Source::List(values) => {
                let values = values.iter().map(|it| assign(kind, self.value(it)?));
                values.collect()
            }
            Source::Parts(parts) => {
                let (mut values, mut length) = (Vec::new(), 0);
                for part in parts {
                    let (view, own) = self.part(part)?;
                    if own != kind || view.sizes[1..] != sizes[1..] {
                        return Err(Failure::Kind);
                    }
                    length += view.sizes[0];
                    values.extend(view.cells.iter().map(|cell| self.cells[*cell]));
                }
                if length == sizes[0] {
                    Ok(values)
                } else {
                    Err(Failure::Kind)
                }
            }
        }
    }

    /// Runs a subroutine: values are copied, arrays are the caller's own.
    pub fn invoke(&mut self, name: &str, arguments: &[Argument]) -> Result<Option<Value>> {
        let subroutines = Rc::clone(&self.subroutines);
        let subroutine = subroutines.iter().find(|it| it.name == name);
        let subroutine = subroutine.ok_or(Failure::Kind)?;
        let mut frame: Vec<Binding> = Vec::new();
        for (argument, parameter) in arguments.iter().zip(&subroutine.parameters) {
            let place = match argument {
                Argument::Value(value) => {
                    let value = assign(parameter.kind, self.value(value)?)?;
                    self.cells.push(value);
                    Location::Cell(self.cells.len() - 1)
                }
                Argument::Array(part) => {
                    let wanted = parameter.array.as_ref().ok_or(Failure::Kind)?;
                    let (mut view, kind) = self.part(part)?;
                    // What is not reached is refused too where the sizes make it wrong, so that all calls
                    // pass those with which the body was made.
                    let fits = view.sizes == wanted.sizes;
                    if kind != parameter.kind || !fits || wanted.mutable && !view.mutable {
                        return Err(Failure::Kind);
                    }
                    view.mutable = wanted.mutable;
                    Location::Array(view)
                }
            };
            frame.push(Binding {
                name: parameter.name.clone(),
                kind: parameter.kind,
                constant: false,
                place,
            });
        }
        // Of the program only constants can be seen.
        let seen = self.bindings.iter().filter(|it| it.constant);
        let seen: Vec<Binding> = seen.cloned().chain(frame).collect();
        let caller = std::mem::replace(&mut self.bindings, seen);
        let flow = self.block(&subroutine.body);
        self.bindings = caller;
        match (flow?, subroutine.result) {
            (Flow::Return(value), Some(kind)) => Ok(Some(assign(kind, value)?)),
            (Flow::Next, None) => Ok(None),
            _ => Err(Failure::Kind),
        }
    }

    /// Runs statements whose declarations end with them.
    pub fn block(&mut self, statements: &[Statement]) -> Result<Flow> {
        let outer = self.bindings.len();
        let flow = self.run(statements);
        self.bindings.truncate(outer);
        flow
    }

    pub fn run(&mut self, statements: &[Statement]) -> Result<Flow> {
        for statement in statements {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err(Failure::Value);
            }
            match self.step(statement)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    /// The values that a loop runs over.
    pub fn domain(&mut self, domain: &Domain) -> Result<Vec<Value>> {
        match domain {
            Domain::Range(ends, step) => {
                let (first, last) = (self.index(&ends[0])?, self.index(&ends[1])?);
                if (last - first).abs() > 1000 {
                    return Err(Failure::Value);
                }
                let values = range(first, step.unwrap_or(1), last);
                Ok(values.into_iter().map(Value::Exact).collect())
            }
            Domain::Set(values) => values.iter().map(|value| self.value(value)).collect(),
            Domain::Bits(name) => match self.variable(name)? {
                Value::Bits { width, value } => {
                    let bit = |place| Value::Bits {
                        width: 1,
                        value: value >> place & 1,
                    };
                    Ok((0..width).map(bit).collect())
                }
                _ => Err(Failure::Kind),
            },
            Domain::Array(part) => {
                let (view, _) = self.part(part)?;
                if view.sizes.len() > 1 {
                    return Err(Failure::Kind);
                }
                Ok(view.cells.iter().map(|cell| self.cells[*cell]).collect())
            }
        }
    }
}

/// The numbers from the first to the last one that the steps come to.
pub fn range(first: i128, step: i128, last: i128) -> Vec<i128> {
    let holds = |value: &i128| {
        if step > 0 {
            *value <= last
        } else {
            *value >= last
        }
    };
    std::iter::successors(Some(first), |value| Some(value + step))
        .take_while(holds)
        .collect()
}
