//! What single statements do.

use crate::tests::evaluator::cast::assign;
use crate::tests::evaluator::machine::{Binding, Flow, Location, Machine, View};
use crate::tests::evaluator::syntax::{Domain, Index, Statement};
use crate::tests::evaluator::value::{Failure, Kind, Result, truth, whole};

impl Machine {
    pub fn step(&mut self, statement: &Statement) -> Result<Flow> {
        match statement {
            Statement::Declare {
                constant,
                kind,
                name,
                value,
                ..
            } => {
                let value = assign(*kind, self.value(value)?)?;
                self.bind(name, *kind, *constant, value);
            }
            Statement::DeclareArray {
                kind,
                sizes,
                name,
                source,
            } => {
                let values = self.source(source, *kind, sizes)?;
                let first = self.cells.len();
                self.cells.extend(values);
                let view = View {
                    cells: (first..self.cells.len()).collect(),
                    sizes: sizes.clone(),
                    mutable: true,
                };
                self.bind_array(name, *kind, view);
            }
            Statement::Alias { name, parts } => self.alias(name, parts)?,
            Statement::Assign { target, op, value } => self.assign(target, op, value)?,
            Statement::AssignPart(part, source) => {
                let (view, kind) = self.part(part)?;
                if !view.mutable {
                    return Err(Failure::Kind);
                }
                let values = self.source(source, kind, &view.sizes)?;
                for (cell, value) in view.cells.into_iter().zip(values) {
                    self.cells[cell] = value;
                }
            }
            Statement::If {
                condition,
                then,
                otherwise,
            } => {
                let holds = truth(self.value(condition)?)?;
                return self.block(if holds { then } else { otherwise });
            }
            Statement::For {
                kind,
                name,
                domain,
                body,
            } => return self.each(*kind, name, domain, body),
            Statement::While { condition, body } => {
                while truth(self.value(condition)?)? {
                    match self.block(body)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        flow @ Flow::Return(_) => return Ok(flow),
                    }
                }
            }
            Statement::Switch {
                value,
                cases,
                default,
            } => {
                let value = whole(self.value(value)?)?;
                for (labels, body) in cases {
                    for label in labels {
                        if whole(self.value(label)?)? == value {
                            return self.block(body);
                        }
                    }
                }
                if let Some(body) = default {
                    return self.block(body);
                }
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Return(value) => return Ok(Flow::Return(self.value(value)?)),
            Statement::Call(name, arguments) => drop(self.invoke(name, arguments)?),
        }
        Ok(Flow::Next)
    }

    fn alias(&mut self, name: &str, parts: &[(String, Option<Index>)]) -> Result<()> {
        let mut bits = Vec::new();
        for (register, index) in parts {
            let Binding { place, kind, .. } = self.binding(register)?.clone();
            let all: Vec<(usize, i128)> = match (place, kind) {
                (Location::Cell(cell), Kind::Bits(width)) => {
                    (0..i128::from(width)).map(|bit| (cell, bit)).collect()
                }
                (Location::Alias(bits), _) => bits,
                _ => return Err(Failure::Kind),
            };
            let Some(index) = index else {
                bits.extend(all);
                continue;
            };
            for place in self.places(index)? {
                let place = crate::tests::evaluator::functions::wrapped(place, all.len() as i128)?;
                bits.push(all[usize::try_from(place).unwrap()]);
            }
        }
        let mut sorted = bits.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != bits.len() || bits.len() > 64 || bits.len() < 2 {
            return Err(Failure::Kind);
        }
        self.bindings.push(Binding {
            name: name.to_owned(),
            kind: Kind::Bits(u32::try_from(bits.len()).unwrap()),
            constant: false,
            place: Location::Alias(bits),
        });
        Ok(())
    }

    fn each(
        &mut self,
        kind: Kind,
        name: &str,
        domain: &Domain,
        body: &[Statement],
    ) -> Result<Flow> {
        let values = self.domain(domain)?;
        // The text does not say when elements are read that a turn changes.
        let may_change = matches!(domain, Domain::Bits(_) | Domain::Array(_));
        for value in &values {
            if may_change && self.domain(domain)? != values {
                return Err(Failure::Value);
            }
            let value = assign(kind, *value)?;
            let outer = self.bindings.len();
            self.bind(name, kind, false, value);
            let flow = self.block(body);
            self.bindings.truncate(outer);
            match flow? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                flow @ Flow::Return(_) => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }
}
