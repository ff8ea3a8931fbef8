//! How programs are written.

use crate::tests::evaluator::syntax::{
    Argument, Domain, Expr, Index, Parameter, Part, Source, Statement,
};
use crate::tests::evaluator::syntax::{Subroutine, Target};
use crate::tests::evaluator::value::Kind;

pub const UNARY: u8 = 11;
const POWER: u8 = 12;
const ATOM: u8 = 13;
/// From the table of the specification; a higher number binds more strongly.
pub const OPERATORS: [(&str, u8); 19] = [
    ("||", 1),
    ("&&", 2),
    ("|", 3),
    ("^", 4),
    ("&", 5),
    ("==", 6),
    ("!=", 6),
    ("<", 7),
    ("<=", 7),
    (">", 7),
    (">=", 7),
    ("<<", 8),
    (">>", 8),
    ("+", 9),
    ("-", 9),
    ("*", 10),
    ("/", 10),
    ("%", 10),
    ("**", POWER),
];

fn strength(expr: &Expr) -> u8 {
    match expr {
        Expr::Unary(..) => UNARY,
        Expr::Binary(op, _) => OPERATORS.iter().find(|it| it.0 == *op).unwrap().1,
        // The table does not have it.
        Expr::In(..) => 0,
        _ => ATOM,
    }
}

pub fn wrapped(expr: &Expr, least: u8) -> String {
    if strength(expr) < least {
        format!("({})", text(expr))
    } else {
        text(expr)
    }
}

fn list(items: &[Expr]) -> String {
    let texts: Vec<String> = items.iter().map(text).collect();
    texts.join(", ")
}

pub fn text(expr: &Expr) -> String {
    match expr {
        Expr::Literal(text, _) | Expr::Variable(text) => text.clone(),
        Expr::Unary(op, operand) => format!("{op}{}", wrapped(operand, UNARY)),
        Expr::Binary(op, sides) => {
            let own = strength(expr);
            // The power associates to the right, the others to the left.
            let (a, b) = if *op == "**" {
                (own + 1, own)
            } else {
                (own, own + 1)
            };
            format!("{} {op} {}", wrapped(&sides.0, a), wrapped(&sides.1, b))
        }
        Expr::Cast(kind, operand) => format!("{}({})", kind.text(), text(operand)),
        Expr::Select(operand, index) => format!("{}[{}]", wrapped(operand, ATOM), places(index)),
        Expr::Call(name, arguments) => format!("{name}({})", list(arguments)),
        Expr::Element {
            array,
            indices,
            split,
        } => element(array, indices, *split),
        Expr::SizeOf(array, None) => format!("sizeof({array})"),
        Expr::SizeOf(array, Some(dimension)) => format!("sizeof({array}, {dimension})"),
        Expr::In(value, set) => format!("{} in {{{}}}", wrapped(value, ATOM), list(set)),
        Expr::Invoke(name, arguments) => call(name, arguments),
    }
}

fn places(index: &Index) -> String {
    match index {
        Index::One(place) => text(place),
        Index::Range { first, step, last } => match step {
            Some(step) => format!("{first}:{step}:{last}"),
            None => format!("{first}:{last}"),
        },
        Index::Set(places) => {
            let texts: Vec<String> = places.iter().map(ToString::to_string).collect();
            format!("{{{}}}", texts.join(", "))
        }
    }
}

fn element(array: &str, indices: &[Expr], split: bool) -> String {
    let texts: Vec<String> = indices.iter().map(text).collect();
    format!("{array}[{}]", texts.join(if split { "][" } else { ", " }))
}

fn call(name: &str, arguments: &[Argument]) -> String {
    let texts: Vec<String> = arguments
        .iter()
        .map(|argument| match argument {
            Argument::Value(value) => text(value),
            Argument::Array(array) => part(array),
        })
        .collect();
    format!("{name}({})", texts.join(", "))
}

fn part(part: &Part) -> String {
    let mut indices: Vec<String> = part.indices.iter().map(ToString::to_string).collect();
    indices.extend(part.range.map(|(first, last)| format!("{first}:{last}")));
    if indices.is_empty() {
        part.array.clone()
    } else {
        format!("{}[{}]", part.array, indices.join(", "))
    }
}

/// A list in braces for each dimension, or arrays one after the other.
fn source(source: &Source, sizes: &[usize]) -> String {
    match source {
        Source::Parts(parts) => {
            let texts: Vec<String> = parts.iter().map(part).collect();
            texts.join(" ++ ")
        }
        Source::List(values) => match sizes {
            [] | [_] => format!("{{{}}}", list(values)),
            [_, inner @ ..] => {
                let rows = values.chunks(inner.iter().product());
                let rows: Vec<String> = rows
                    .map(|row| self::source(&Source::List(row.to_vec()), inner))
                    .collect();
                format!("{{{}}}", rows.join(", "))
            }
        },
    }
}

fn target(target: &Target) -> String {
    match target {
        Target::Variable(name) => name.clone(),
        Target::Bits(name, index) => format!("{name}[{}]", places(index)),
        Target::Element(array, indices) => element(array, indices, false),
        Target::ElementBits(array, indices, index) => {
            format!("{}[{}]", element(array, indices, false), places(index))
        }
    }
}

fn domain(domain: &Domain) -> String {
    match domain {
        Domain::Range(ends, step) => {
            let (first, last) = (text(&ends[0]), text(&ends[1]));
            match step {
                Some(step) => format!("[{first}:{step}:{last}]"),
                None => format!("[{first}:{last}]"),
            }
        }
        Domain::Set(values) => format!("{{{}}}", list(values)),
        Domain::Bits(name) => name.clone(),
        Domain::Array(array) => part(array),
    }
}

pub fn block(statements: &[Statement]) -> String {
    let texts: Vec<String> = statements.iter().map(statement).collect();
    format!("{{ {} }}", texts.join(" "))
}

pub fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Declare {
            constant,
            ty,
            name,
            value,
            ..
        } => {
            let word = if *constant { "const " } else { "" };
            format!("{word}{ty} {name} = {};", text(value))
        }
        Statement::DeclareArray {
            kind,
            sizes,
            name,
            source: value,
        } => {
            let lengths: Vec<String> = sizes.iter().map(ToString::to_string).collect();
            let (kind, lengths) = (kind.text(), lengths.join(", "));
            format!(
                "array[{kind}, {lengths}] {name} = {};",
                source(value, sizes)
            )
        }
        Statement::Alias { name, parts } => {
            let texts: Vec<String> = parts
                .iter()
                .map(|(register, index)| match index {
                    Some(index) => format!("{register}[{}]", places(index)),
                    None => register.clone(),
                })
                .collect();
            format!("let {name} = {};", texts.join(" ++ "))
        }
        Statement::Assign {
            target: to,
            op,
            value,
        } => format!("{} {op}= {};", target(to), text(value)),
        Statement::AssignPart(to, value) => format!("{} = {};", part(to), source(value, &[])),
        Statement::Break => "break;".into(),
        Statement::Continue => "continue;".into(),
        Statement::Return(value) => format!("return {};", text(value)),
        Statement::Call(name, arguments) => format!("{};", call(name, arguments)),
        _ => control(statement),
    }
}

fn control(statement: &Statement) -> String {
    match statement {
        Statement::If {
            condition,
            then,
            otherwise,
        } => {
            let other = if otherwise.is_empty() {
                String::new()
            } else {
                format!(" else {}", block(otherwise))
            };
            format!("if ({}) {}{other}", text(condition), block(then))
        }
        Statement::For {
            kind,
            name,
            domain: values,
            body,
        } => {
            let kind = match kind {
                Kind::Bits(1) => "bit".into(),
                kind => kind.text(),
            };
            format!("for {kind} {name} in {} {}", domain(values), block(body))
        }
        Statement::While { condition, body } => {
            format!("while ({}) {}", text(condition), block(body))
        }
        Statement::Switch {
            value,
            cases,
            default,
        } => {
            let mut texts: Vec<String> = cases
                .iter()
                .map(|(labels, body)| format!("case {} {}", list(labels), block(body)))
                .collect();
            texts.extend(
                default
                    .iter()
                    .map(|body| format!("default {}", block(body))),
            );
            format!("switch ({}) {{ {} }}", text(value), texts.join(" "))
        }
        _ => String::new(),
    }
}

pub fn subroutine(subroutine: &Subroutine) -> String {
    let parameters: Vec<String> = subroutine.parameters.iter().map(parameter).collect();
    let result = subroutine.result.map(|kind| format!(" -> {}", kind.text()));
    format!(
        "def {}({}){} {}",
        subroutine.name,
        parameters.join(", "),
        result.unwrap_or_default(),
        block(&subroutine.body)
    )
}

fn parameter(parameter: &Parameter) -> String {
    let (kind, name) = (parameter.kind.text(), &parameter.name);
    let Some(array) = &parameter.array else {
        return format!("{kind} {name}");
    };
    let access = if array.mutable { "mutable" } else { "readonly" };
    let sizes: Vec<String> = array.sizes.iter().map(ToString::to_string).collect();
    let sizes = if array.open {
        format!("#dim = {}", sizes.len())
    } else {
        sizes.join(", ")
    };
    format!("{access} array[{kind}, {sizes}] {name}")
}
