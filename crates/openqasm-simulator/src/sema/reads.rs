//! The classical bits that a step reads: their measurements must be decided before it runs.

use crate::ir::program::{Action, Domain, Element, Expr, Operand, Wide};

/// The ranges `(first, length)` of bits whose values a step uses.
pub(crate) fn of(action: &Action) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    match action {
        Action::Gate(call) => {
            call.operands
                .iter()
                .for_each(|operand| index(operand, &mut found));
            call.powers
                .iter()
                .chain(&call.parameters)
                .for_each(|value| expression(value, &mut found));
        }
        Action::Measure { source, target } | Action::CopyBits { source, target } => {
            index(source, &mut found);
            index(target, &mut found);
        }
        Action::Reset(operand) => index(operand, &mut found),
        Action::SetVariable { value, .. } => expression(value, &mut found),
        Action::SetElement { element, value, .. } => {
            element_indices(element, &mut found);
            expression(value, &mut found);
        }
        Action::SetBits { target, value } => {
            index(target, &mut found);
            expression(value, &mut found);
        }
        Action::Unless { condition, .. } => expression(condition, &mut found),
        Action::LoopStart(start) => domain(&start.domain, &mut found),
        Action::LoopNext(next) => {
            // A range is computed once, at the start of its loop.
            if let Domain::Values(_) = next.domain {
                domain(&next.domain, &mut found);
            }
        }
        Action::Jump(_)
        | Action::Fill { .. }
        | Action::CopyVariables { .. }
        | Action::Barrier(_) => {}
    }
    found
}

fn domain(domain: &Domain, found: &mut Vec<(u32, u32)>) {
    match domain {
        Domain::Range(parts) => parts.iter().for_each(|part| expression(part, found)),
        Domain::Values(values) => values.iter().for_each(|value| expression(value, found)),
    }
}

/// The bits that determine which element an operand is.
fn index(operand: &Operand, found: &mut Vec<(u32, u32)>) {
    if let Operand::At {
        of, index: which, ..
    } = operand
    {
        index(of, found);
        expression(which, found);
    }
}

fn expression(value: &Expr, found: &mut Vec<(u32, u32)>) {
    match value {
        Expr::Constant(_) | Expr::Variable(_) | Expr::Parameter(_) => {}
        Expr::Bits(operand) => bits(operand, found),
        Expr::Unary(_, operand, _) | Expr::Cast(_, operand, _) => expression(operand, found),
        Expr::Element(element) => element_indices(element, found),
        Expr::Select(value, positions, _) => {
            expression(value, found);
            index(positions, found);
        }
        Expr::Insert(values, positions, ..) => {
            expression(&values.0, found);
            expression(&values.1, found);
            index(positions, found);
        }
        Expr::CompareBits(_, sides, _) => {
            bits(&sides.0, found);
            match &sides.1 {
                Wide::Bits(operand) => bits(operand, found),
                Wide::Value(value) => expression(value, found),
            }
        }
        Expr::Binary(_, sides, _) => {
            expression(&sides.0, found);
            expression(&sides.1, found);
        }
        Expr::Call(_, arguments, _) => arguments
            .iter()
            .for_each(|argument| expression(argument, found)),
    }
}

fn element_indices(element: &Element, found: &mut Vec<(u32, u32)>) {
    element
        .indices
        .iter()
        .for_each(|index| expression(&index.value, found));
}

fn bits(operand: &Operand, found: &mut Vec<(u32, u32)>) {
    match operand {
        Operand::Range { first, len } => found.push((*first, *len)),
        Operand::List(list) => found.extend(list.iter().map(|bit| (*bit, 1))),
        Operand::At { of, index, .. } => {
            bits(of, found);
            expression(index, found);
        }
    }
}
