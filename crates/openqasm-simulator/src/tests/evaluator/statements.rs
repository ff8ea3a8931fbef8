//! Random statements that run to their end.

use crate::tests::evaluator::cast::assign;
use crate::tests::evaluator::expressions::Writer;
use crate::tests::evaluator::machine::{Binding, Location};
use crate::tests::evaluator::operators::binary;
use crate::tests::evaluator::syntax::{Part, Source, Statement, Target};
use crate::tests::evaluator::value::{Failure, Kind, Result, Value, whole};

const COMPOUND: [&str; 16] = [
    "", "", "", "", "+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>", "+",
];

impl Writer {
    /// A type as the program writes it, its width perhaps by a constant.
    fn type_text(&mut self, kind: Kind) -> String {
        let (Kind::Integer { width, .. } | Kind::Bits(width) | Kind::Angle(width)) = kind else {
            return kind.text();
        };
        if self.random.below(3) > 0 {
            return kind.text();
        }
        let mut known = Vec::new();
        for binding in self.machine.bindings.iter().filter(|it| it.constant) {
            if let Location::Cell(cell) = binding.place
                && let value @ Value::Integer { .. } = self.machine.cells[cell]
                && let Ok(value) = whole(value)
                && value.abs() < 1000
            {
                known.push((binding.name.clone(), value));
            }
        }
        if known.is_empty() {
            return kind.text();
        }
        let (name, value) = known[self.random.below(known.len())].clone();
        let word = match kind {
            Kind::Integer { signed: true, .. } => "int",
            Kind::Integer { .. } => "uint",
            Kind::Bits(_) => "bit",
            _ => "angle",
        };
        match i128::from(width) - value {
            0 => format!("{word}[{name}]"),
            // An unsigned constant of few bits would wrap.
            more => format!("{word}[int({name}) + ({more})]"),
        }
    }

    pub fn declaration(&mut self) -> Result<Statement> {
        let kind = self.kind();
        let (value, _) = self.some_of(kind)?;
        let constant = self.is_constant(&value) && self.random.one_in(3);
        Ok(Statement::Declare {
            constant,
            kind,
            ty: self.type_text(kind),
            name: self.name('v'),
            value,
        })
    }

    pub fn array_declaration(&mut self) -> Result<Statement> {
        let kind = loop {
            match self.kind() {
                Kind::Bits(_) => {}
                kind => break kind,
            }
        };
        let sizes: Vec<usize> = (0..=self.random.below(3))
            .map(|_| 1 + self.random.below(3))
            .collect();
        let source = self.list(kind, sizes.iter().product())?;
        Ok(Statement::DeclareArray {
            kind,
            sizes,
            name: self.name('a'),
            source,
        })
    }

    fn list(&mut self, kind: Kind, count: usize) -> Result<Source> {
        let values: Result<_> = (0..count)
            .map(|_| self.some_of(kind).map(|(expr, _)| expr))
            .collect();
        values.map(Source::List)
    }

    /// An array made of parts of others.
    pub fn copied_array(&mut self) -> Result<Statement> {
        let first = self.part()?;
        let (view, kind) = self.machine.part(&first)?;
        let (mut sizes, mut parts) = (view.sizes, vec![first]);
        if self.random.one_in(2) {
            let more = self.part()?;
            let (view, own) = self.machine.part(&more)?;
            if own == kind && view.sizes[1..] == sizes[1..] {
                sizes[0] += view.sizes[0];
                parts.push(more);
            }
        }
        Ok(Statement::DeclareArray {
            kind,
            sizes,
            name: self.name('a'),
            source: Source::Parts(parts),
        })
    }

    pub fn part_assignment(&mut self) -> Result<Statement> {
        let part = self.part()?;
        let (view, kind) = self.machine.part(&part)?;
        let source = if self.random.one_in(2) && view.sizes.len() == 1 {
            self.list(kind, view.cells.len())?
        } else {
            Source::Parts(vec![self.other_part(&part, kind, &view.sizes)?])
        };
        Ok(Statement::AssignPart(part, source))
    }

    /// Another array's part of that shape.
    fn other_part(&mut self, part: &Part, kind: Kind, sizes: &[usize]) -> Result<Part> {
        for _ in 0..20 {
            let other = self.part()?;
            let (view, own) = self.machine.part(&other)?;
            if own == kind && view.sizes == sizes && other.array != part.array {
                return Ok(other);
            }
        }
        Err(Failure::Kind)
    }

    pub fn alias(&mut self) -> Result<Statement> {
        let bindings = self.machine.bindings.iter();
        let registers = bindings.filter(|it| matches!(it.kind, Kind::Bits(_)) && !it.constant);
        let registers = registers.filter(|it| !matches!(it.place, Location::Array(_)));
        let registers: Vec<(String, Kind)> =
            registers.map(|it| (it.name.clone(), it.kind)).collect();
        if registers.is_empty() {
            return Err(Failure::Kind);
        }
        let parts: Result<_> = (0..=self.random.below(2))
            .map(|_| {
                let (name, kind) = registers[self.random.below(registers.len())].clone();
                let Kind::Bits(width) = kind else {
                    return Err(Failure::Kind);
                };
                let index = if self.random.one_in(3) {
                    None
                } else {
                    Some(self.bits_of(width)?)
                };
                // What an alias stands for is known before the program runs.
                match &index {
                    Some(crate::tests::evaluator::syntax::Index::One(place))
                        if !self.is_constant(place) =>
                    {
                        Err(Failure::Kind)
                    }
                    _ => Ok((name, index)),
                }
            })
            .collect();
        Ok(Statement::Alias {
            name: self.name('l'),
            parts: parts?,
        })
    }

    /// An assignment to a variable, an element of an array, or bits of one of them.
    pub fn update(&mut self) -> Result<Statement> {
        let target = self.target()?;
        let op = self.random.of(&COMPOUND);
        // Not all operators have a meaning for all types.
        for _ in 0..20 {
            let depth = self.random.below(3);
            let Ok(term) = self.term(depth) else { continue };
            let statement = Statement::Assign {
                target: target.clone(),
                op,
                value: term.expr,
            };
            let mut machine = self.machine.clone();
            if machine.step(&statement).is_ok() {
                return Ok(statement);
            }
        }
        Err(Failure::Kind)
    }

    fn target(&mut self) -> Result<Target> {
        let bindings = self.machine.bindings.iter();
        let open: Vec<Binding> = bindings.filter(|it| !it.constant).cloned().collect();
        if open.is_empty() {
            return Err(Failure::Kind);
        }
        let Binding {
            name, kind, place, ..
        } = open[self.random.below(open.len())].clone();
        let width = match kind {
            Kind::Integer { width, .. } | Kind::Bits(width) | Kind::Angle(width) => Some(width),
            _ => None,
        };
        let width = width.filter(|_| self.random.one_in(3));
        match (place, width) {
            (Location::Array(view), _) if !view.mutable => Err(Failure::Kind),
            (Location::Array(view), None) => Ok(Target::Element(name, self.indices(&view.sizes))),
            (Location::Array(view), Some(width)) => {
                let indices = self.indices(&view.sizes);
                Ok(Target::ElementBits(name, indices, self.bits_of(width)?))
            }
            (Location::Cell(_), Some(width)) => Ok(Target::Bits(name, self.bits_of(width)?)),
            _ => Ok(Target::Variable(name)),
        }
    }

    /// `a && b` where `b` has no value: it is not reached.
    pub fn guarded(&mut self) -> Result<(crate::tests::evaluator::syntax::Expr, Value)> {
        use crate::tests::evaluator::syntax::Expr;
        let (op, decides) = self.random.of(&[("&&", false), ("||", true)]);
        let (left, ()) = self.some(|term| {
            let fits = crate::tests::evaluator::value::truth(term.value)? == decides;
            fits.then_some(()).ok_or(Failure::Value)
        })?;
        let number = |value: i128| Expr::Literal(value.to_string(), Value::Exact(value));
        let (divided, ()) = self.some(|term| {
            assign(Kind::Float(64), term.value)?;
            binary("/", term.value, Value::Exact(1)).map(drop)
        })?;
        let quotient = Expr::Binary("/", Box::new((divided, number(0))));
        let right = Expr::Binary("==", Box::new((quotient, number(1))));
        let expr = Expr::Binary(op, Box::new((left, right)));
        Ok((expr, Value::Bool(decides)))
    }
}
