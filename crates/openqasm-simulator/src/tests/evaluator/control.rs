//! Random loops, branches and subroutines.

use crate::tests::evaluator::expressions::Writer;
use crate::tests::evaluator::leaves::whole_number;
use crate::tests::evaluator::machine::{Location, Machine, View};
use crate::tests::evaluator::syntax::{
    ArrayParameter, Domain, Expr, Parameter, Statement, Subroutine, Target,
};
use crate::tests::evaluator::value::{Failure, Kind, Result, Value};
use std::rc::Rc;

impl Writer {
    /// Some statements, after each of which the program still runs. `deep` ones hold others.
    pub fn body(&mut self, deep: usize) -> Vec<Statement> {
        let mut statements = Vec::new();
        for _ in 0..=self.random.below(3) {
            let Ok(more) = self.statement(deep) else {
                continue;
            };
            let mut machine = self.machine.clone();
            if machine.run(&more).is_ok() {
                self.machine = machine;
                statements.extend(more);
            }
        }
        statements
    }

    pub fn statement(&mut self, deep: usize) -> Result<Vec<Statement>> {
        let one = |statement: Result<Statement>| statement.map(|it| vec![it]);
        if deep > 0 && self.random.one_in(2) {
            return match self.random.below(7) {
                0..=2 => one(self.each(deep - 1)),
                3 => self.repeated(deep - 1),
                4 => one(self.switch(deep - 1)),
                _ => one(self.branch(deep - 1)),
            };
        }
        match self.random.below(8) {
            0 => one(self.declaration()),
            1 => one(self.part_assignment()),
            2 => {
                let (name, arguments) = self.invocation(false)?;
                one(Ok(Statement::Call(name, arguments)))
            }
            3 if self.loops > 0 => {
                let leave = if self.random.one_in(2) {
                    Statement::Break
                } else {
                    Statement::Continue
                };
                let condition = self.condition()?;
                one(Ok(Statement::If {
                    condition,
                    then: vec![leave],
                    otherwise: vec![],
                }))
            }
            _ => one(self.update()),
        }
    }

    /// What is written where other bindings hold; they end with it.
    fn inside<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.machine.clone();
        let written = write(self);
        self.machine = outer;
        written
    }

    fn branch(&mut self, deep: usize) -> Result<Statement> {
        let condition = self.condition()?;
        let then = self.inside(|it| it.body(deep));
        let otherwise = if self.random.one_in(2) {
            self.inside(|it| it.body(deep))
        } else {
            Vec::new()
        };
        Ok(Statement::If {
            condition,
            then,
            otherwise,
        })
    }

    fn each(&mut self, deep: usize) -> Result<Statement> {
        let (kind, domain) = self.domain()?;
        let values = self.machine.domain(&domain)?;
        if values.len() > 12 {
            return Err(Failure::Value);
        }
        let name = self.name('i');
        let first = match values.first() {
            Some(value) => *value,
            None => Value::Exact(1),
        };
        let first = crate::tests::evaluator::cast::assign(kind, first)?;
        let body = self.inside(|it| {
            it.machine.bind(&name, kind, false, first);
            it.looped(deep)
        });
        Ok(Statement::For {
            kind,
            name,
            domain,
            body,
        })
    }

    fn looped(&mut self, deep: usize) -> Vec<Statement> {
        self.loops += 1;
        let body = self.body(deep);
        self.loops -= 1;
        body
    }

    fn domain(&mut self) -> Result<(Kind, Domain)> {
        match self.random.below(7) {
            0..=2 => {
                let width = self.random.of(&[4, 8, 32, 64]);
                let signed = self.random.below(3) > 0;
                let step =
                    self.random
                        .of(&[None, None, None, Some(2), Some(3), Some(-1), Some(-2)]);
                let ends = Box::new([self.end()?, self.end()?]);
                Ok((Kind::Integer { signed, width }, Domain::Range(ends, step)))
            }
            3 | 4 => {
                let kind = self.kind();
                if matches!(kind, Kind::Bits(_)) {
                    return Err(Failure::Kind);
                }
                let values: Result<Vec<Expr>> = (0..=self.random.below(3))
                    .map(|_| self.some_of(kind).map(|(expr, _)| expr))
                    .collect();
                Ok((kind, Domain::Set(values?)))
            }
            5 => {
                let bindings = self.machine.bindings.iter();
                let registers = bindings.filter(|it| {
                    matches!(it.kind, Kind::Bits(_)) && !matches!(it.place, Location::Array(_))
                });
                // The variable of a loop over bits is no register.
                let registers = registers.filter(|it| !it.name.starts_with('i'));
                let names: Vec<String> = registers.map(|it| it.name.clone()).collect();
                if names.is_empty() {
                    return Err(Failure::Kind);
                }
                let name = names[self.random.below(names.len())].clone();
                Ok((Kind::Bits(1), Domain::Bits(name)))
            }
            _ => {
                let part = self.part()?;
                let (_, kind) = self.machine.part(&part)?;
                Ok((kind, Domain::Array(part)))
            }
        }
    }

    /// An end of a range: a literal, or a small value.
    fn end(&mut self) -> Result<Expr> {
        if self.random.one_in(2) {
            return Ok(whole_number(self.random.between(-3, 6)));
        }
        let outer = self.wanted.replace(Kind::INT);
        let found = self.some(|term| match term.value {
            Value::Integer { value, .. } if value.abs() < 9 => Ok(()),
            _ => Err(Failure::Kind),
        });
        self.wanted = outer;
        found.map(|(expr, ())| expr)
    }

    /// A `while` loop that counts its turns.
    fn repeated(&mut self, deep: usize) -> Result<Vec<Statement>> {
        let counter = self.name('n');
        let variable = Expr::Variable(counter.clone());
        let limit = whole_number(self.random.between(0, 5));
        let mut condition = Expr::Binary("<", Box::new((variable, limit)));
        if self.random.one_in(2) {
            let more = self.condition()?;
            condition = Expr::Binary("&&", Box::new((condition, more)));
        }
        let start = Statement::Declare {
            constant: false,
            kind: Kind::INT,
            ty: "int".into(),
            name: counter.clone(),
            value: whole_number(0),
        };
        let count = Statement::Assign {
            target: Target::Variable(counter.clone()),
            op: "+",
            value: whole_number(1),
        };
        let body = self.inside(|it| {
            let first = Value::Integer {
                signed: true,
                width: 64,
                value: 1,
            };
            it.machine.bind(&counter, Kind::INT, false, first);
            it.looped(deep)
        });
        let body = std::iter::once(count).chain(body).collect();
        Ok(vec![start, Statement::While { condition, body }])
    }

    fn switch(&mut self, deep: usize) -> Result<Statement> {
        let (value, (signed, width, current)) = self.some(|term| match term.value {
            Value::Integer {
                signed,
                width,
                value,
            } => Ok((signed, width, value)),
            _ => Err(Failure::Kind),
        })?;
        let mut used: Vec<i128> = Vec::new();
        let mut cases = Vec::new();
        for number in 0..=self.random.below(3) {
            let mut labels = Vec::new();
            for _ in 0..=self.random.below(2) {
                let label = if number == 0 && self.random.one_in(2) && current.abs() < 1 << 40 {
                    current
                } else {
                    self.random.between(if signed { -3 } else { 0 }, 6)
                };
                let fits = crate::tests::evaluator::value::reduce(label, signed, width) == label;
                if fits && !used.contains(&label) {
                    used.push(label);
                    labels.push(whole_number(label));
                }
            }
            if !labels.is_empty() {
                cases.push((labels, self.inside(|it| it.body(deep))));
            }
        }
        if cases.is_empty() {
            return Err(Failure::Kind);
        }
        let default = self.random.one_in(2);
        let default = default.then(|| self.inside(|it| it.body(deep)));
        Ok(Statement::Switch {
            value,
            cases,
            default,
        })
    }

    /// A subroutine, tried with values of its parameters' types.
    pub fn subroutine(&mut self) -> Result<Subroutine> {
        let count = self.random.below(4);
        let parameters: Vec<Parameter> = (0..count).map(|_| self.parameter()).collect();
        let mut machine = Machine {
            subroutines: Rc::clone(&self.machine.subroutines),
            cells: self.machine.cells.clone(),
            ..Machine::default()
        };
        let seen = self.machine.bindings.iter().filter(|it| it.constant);
        machine.bindings.extend(seen.cloned());
        for Parameter { name, kind, array } in &parameters {
            let Some(array) = array else {
                let (_, value) = self.some_of(*kind)?;
                machine.bind(name, *kind, false, value);
                continue;
            };
            let first = machine.cells.len();
            for _ in 0..array.sizes.iter().product() {
                let (_, value) = self.some_of(*kind)?;
                machine.cells.push(value);
            }
            let view = View {
                cells: (first..machine.cells.len()).collect(),
                sizes: array.sizes.clone(),
                mutable: array.mutable,
            };
            machine.bind_array(name, *kind, view);
        }
        let outer = std::mem::replace(&mut self.machine, machine);
        let finished = self.subroutine_body();
        self.machine = outer;
        let (body, result) = finished?;
        Ok(Subroutine {
            name: self.name('f'),
            parameters,
            result,
            body,
        })
    }

    fn subroutine_body(&mut self) -> Result<(Vec<Statement>, Option<Kind>)> {
        let mut body = self.body(2);
        if self.random.one_in(4) {
            return Ok((body, None));
        }
        let kind = self.kind();
        if self.random.one_in(3) {
            let (condition, early) = (self.condition()?, self.some_of(kind)?.0);
            body.push(Statement::If {
                condition,
                then: vec![Statement::Return(early)],
                otherwise: vec![],
            });
        }
        body.push(Statement::Return(self.some_of(kind)?.0));
        Ok((body, Some(kind)))
    }

    fn parameter(&mut self) -> Parameter {
        let (kind, name) = (self.kind(), self.name('p'));
        // One bit may be a register or a single one.
        let kind = if kind == Kind::Bits(1) {
            Kind::Bits(2)
        } else {
            kind
        };
        if matches!(kind, Kind::Bits(_)) || self.random.one_in(2) {
            let array = None;
            return Parameter { name, kind, array };
        }
        // Where there are arrays, one that fits one of them.
        let found = self.part().and_then(|part| self.machine.part(&part));
        let (sizes, kind) = match found {
            Ok((view, kind)) => (view.sizes, kind),
            Err(_) => (vec![1 + self.random.below(3)], kind),
        };
        let array = Some(ArrayParameter {
            sizes,
            open: self.random.one_in(2),
            mutable: self.random.one_in(2),
        });
        Parameter { name, kind, array }
    }
}
