//! The memory of a program's steps: what a run counts beside the states.

use crate::ir::program::{Action, Domain, Element, Expr, GateCall, Operand, Step, Wide};
use std::sync::Arc;

/// The smallest block of the allocator, and the distance between its small blocks.
const BLOCK: usize = 16;

/// Bytes of a step with all that it owns.
pub(crate) fn of_step(step: &Step) -> u64 {
    let owned = of_action(&step.action) + block::<(u32, u32)>(step.reads.len());
    (size_of::<Step>() + owned) as u64
}

/// A block of that many values.
fn block<T>(number: usize) -> usize {
    size_of::<T>()
        .saturating_mul(number)
        .next_multiple_of(BLOCK)
}

fn of_action(action: &Action) -> usize {
    match action {
        Action::Gate(call) => block::<GateCall>(1) + of_call(call),
        Action::Measure { source, target } | Action::CopyBits { source, target } => {
            of_operand(source) + of_operand(target)
        }
        Action::Reset(operand) => of_operand(operand),
        Action::Barrier(operands) => of_operands(operands),
        Action::SetVariable { value, .. } => of_expression(value),
        Action::SetElement { element, value, .. } => of_element(element) + of_expression(value),
        Action::SetBits { target, value } => of_operand(target) + of_expression(value),
        Action::Unless { condition, .. } => of_expression(condition),
        // The steps of a loop share its values: they count at its start.
        Action::LoopStart(start) => of_domain(&start.domain) + 4 * BLOCK,
        Action::LoopNext(_) => 6 * BLOCK,
        Action::Fill { .. } | Action::CopyVariables { .. } | Action::Jump(_) => 0,
    }
}

fn of_call(call: &GateCall) -> usize {
    let parameters = of_expressions(&call.powers) + of_expressions(&call.parameters);
    parameters + block::<bool>(call.controls.len()) + of_operands(&call.operands)
}

fn of_operands(operands: &[Operand]) -> usize {
    block::<Operand>(operands.len()) + operands.iter().map(of_operand).sum::<usize>()
}

fn of_operand(operand: &Operand) -> usize {
    match operand {
        Operand::Range { .. } => 0,
        // The elements of an alias are shared, and limited by themselves.
        Operand::List(list) if Arc::strong_count(list) > 1 => 0,
        Operand::List(list) => block::<u32>(list.len()) + BLOCK,
        Operand::At { of, index, .. } => {
            block::<Operand>(1) + of_operand(of) + block::<Expr>(1) + of_expression(index)
        }
    }
}

fn of_domain(domain: &Domain) -> usize {
    let values = match domain {
        Domain::Range(parts) => &parts[..],
        Domain::Values(values) => values,
    };
    of_expressions(values) + BLOCK
}

fn of_element(element: &Element) -> usize {
    let indices = element.indices.iter();
    let values = indices.map(|index| of_expression(&index.value));
    block::<Element>(1) + block::<[Expr; 2]>(element.indices.len()) + values.sum::<usize>()
}

fn of_expressions(expressions: &[Expr]) -> usize {
    block::<Expr>(expressions.len()) + expressions.iter().map(of_expression).sum::<usize>()
}

/// What an expression owns, without itself.
fn of_expression(expression: &Expr) -> usize {
    match expression {
        Expr::Constant(_) | Expr::Variable(_) | Expr::Parameter(_) => 0,
        Expr::Bits(operand) => of_operand(operand),
        Expr::Unary(_, inner, _) | Expr::Cast(_, inner, _) => {
            block::<Expr>(1) + of_expression(inner)
        }
        Expr::Binary(_, both, _) => {
            block::<Expr>(2) + of_expression(&both.0) + of_expression(&both.1)
        }
        Expr::Call(_, arguments, _) => of_expressions(arguments),
        Expr::Element(element) => of_element(element),
        Expr::Select(inner, operand, _) => {
            block::<Expr>(1) + of_expression(inner) + of_operand(operand)
        }
        Expr::Insert(both, operand, ..) => {
            block::<Expr>(2) + of_expression(&both.0) + of_expression(&both.1) + of_operand(operand)
        }
        Expr::CompareBits(_, sides, _) => {
            let (operand, wide) = &**sides;
            let other = match wide {
                Wide::Bits(other) => of_operand(other),
                Wide::Value(value) => of_expression(value),
            };
            block::<(Operand, Wide)>(1) + of_operand(operand) + other
        }
    }
}
