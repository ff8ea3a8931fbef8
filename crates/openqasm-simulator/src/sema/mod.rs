//! From the syntax tree to a checked program: names resolved, sizes and types checked, constants computed, control
//! flow flattened.

mod argument;
mod array;
mod array_copy;
mod array_layout;
mod array_part;
mod array_whole;
mod assignment;
mod budget;
mod call;
mod control;
mod declaration;
mod element;
mod expression;
mod gate;
mod gate_definition;
mod inline;
pub(crate) mod input;
pub(crate) mod library;
mod operand;
mod reads;
mod scope;
mod storage;
mod subroutine;
mod types;
mod unit_register;
mod unrolled;
mod usage;
mod wide;

use crate::error::Diagnostic;
use crate::ir::program::{Action, GateDefinition, Operand, Program, RegisterSlot, Step};
use crate::limits::MAX_PROGRAM_STEPS;
use crate::resources::stop::{Stop, Stopped};
use crate::syntax::ast::{Name, Statement, StatementKind};
use budget::{CheckingWork, Unrolling};
use input::Inputs;
use scope::{GateSymbol, Symbol};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use usage::Usage;

type Checked<T> = Result<T, Diagnostic>;

/// The arithmetic of whole numbers in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Whole,
    /// In exponents of `pow`: division is real.
    Divided,
    /// In version 2: all numbers in parameters of gates are real.
    Real,
}

/// The memory of the program that is built.
struct ProgramMemory {
    /// Maximum of the program and of the tree of a statement, in bytes.
    limit: u64,
    /// That of the tree of the current statement, in bytes.
    tree_bytes: u64,
    /// Whether the limit is exceeded.
    is_exceeded: bool,
}

/// Checks statements in source order and builds the program.
pub(crate) struct Checker<'s> {
    version: u8,
    /// Whether the body of a gate is being checked.
    in_gate: bool,
    /// Whether the statements being checked may be unreachable.
    unreached: bool,
    /// Whether this is the built-in library, whose gates refer to each other.
    in_library: bool,
    errors: Vec<Diagnostic>,
    scopes: Vec<HashMap<&'s str, Symbol>>,
    gates: HashMap<&'s str, GateSymbol>,
    definitions: Vec<GateDefinition>,
    /// `None` for a subroutine whose definition was wrong.
    subroutines: HashMap<&'s str, Option<Rc<subroutine::Subroutine<'s>>>>,
    /// Functions declared with `extern`, and where.
    externals: HashMap<&'s str, u32>,
    /// The active subroutine calls, innermost last.
    calls: Vec<subroutine::Frame<'s>>,
    /// Names declared outside of all blocks.
    names: usize,
    /// Statements, operands and values checked so far.
    parts: u64,
    nesting: u32,
    /// Free bits of finished calls, by the number of consecutive bits.
    spare_bits: HashMap<u32, Vec<u32>>,
    /// Bits declared `bit[1]`.
    unit_registers: HashSet<u32>,
    /// Bits, first and number, that hold results until the end of a statement.
    temporary_bits: Vec<(u32, u32)>,
    physical: HashMap<&'s str, u32>,
    /// Quantum registers measured without a target, and the result register of each.
    implicit: HashMap<&'s str, usize>,
    inputs: Inputs<'s>,
    unrolling: Unrolling,
    work: CheckingWork,
    /// What the statements checked so far take.
    usage: Usage,
    steps: Vec<Step>,
    memory: ProgramMemory,
    registers: Vec<RegisterSlot>,
    qubits: u32,
    loops: Vec<control::LoopFrame>,
    ends: Vec<usize>,
    /// The arithmetic of whole numbers in the current context.
    numbers: Numbers,
}

/// Checks the built-in library and returns its definitions by name.
pub(crate) fn library_definitions<'s>(
    statements: impl Iterator<Item = Statement<'s>>,
    version: u8,
) -> (Vec<GateDefinition>, HashMap<&'s str, usize>) {
    let mut checker = Checker::new(version, true);
    for statement in statements {
        checker.statement(&statement);
    }
    let names = checker
        .gates
        .iter()
        .filter_map(|(name, symbol)| match symbol {
            GateSymbol::Defined(index) => Some((*name, *index)),
            GateSymbol::Broken => None,
        })
        .collect();
    (checker.definitions, names)
}

impl<'s> Checker<'s> {
    /// Begins to check a program of about that many steps, whose statements follow one by one.
    pub(crate) fn begin(
        version: u8,
        inputs: Option<&Map<String, Value>>,
        steps: usize,
        memory_limit: u64,
        stop: &Stop,
    ) -> Self {
        let mut checker = Self::new(version, false);
        // The unused part of a large block takes no memory, but a list that grows is in memory twice while it is copied.
        checker
            .steps
            .reserve_exact(steps.min(MAX_PROGRAM_STEPS + 1));
        checker.memory.limit = memory_limit;
        checker.inputs.given = inputs.cloned();
        checker.work.stop = stop.clone();
        checker
    }

    /// The checked program. The outer error is the stop, the inner ones are the author's mistakes.
    pub(crate) fn end_program(self) -> Result<Result<Program, Vec<Diagnostic>>, Stopped> {
        match self.work.stopped {
            Some(stopped) => Err(stopped),
            None => Ok(self.finish()),
        }
    }

    fn new(version: u8, in_library: bool) -> Self {
        Self {
            version,
            in_gate: false,
            unreached: false,
            in_library,
            errors: Vec::new(),
            scopes: vec![HashMap::new()],
            gates: HashMap::new(),
            definitions: Vec::new(),
            subroutines: HashMap::new(),
            externals: HashMap::new(),
            calls: Vec::new(),
            names: 0,
            parts: 0,
            nesting: 0,
            spare_bits: HashMap::new(),
            unit_registers: HashSet::new(),
            temporary_bits: Vec::new(),
            physical: HashMap::new(),
            implicit: HashMap::new(),
            inputs: Inputs::default(),
            unrolling: Unrolling::default(),
            work: CheckingWork::default(),
            usage: Usage::default(),
            steps: Vec::new(),
            memory: ProgramMemory {
                limit: u64::MAX,
                tree_bytes: 0,
                is_exceeded: false,
            },
            registers: Vec::new(),
            qubits: 0,
            loops: Vec::new(),
            ends: Vec::new(),
            numbers: Numbers::Whole,
        }
    }

    /// Checks a statement outside of all blocks, whose tree takes that much memory.
    pub(crate) fn statement_of(&mut self, statement: &Statement<'s>, tree_bytes: u64) {
        self.memory.tree_bytes = tree_bytes;
        self.statement(statement);
    }

    /// Checks one statement; after a mistake, checking continues with the next one.
    pub(crate) fn statement(&mut self, statement: &Statement<'s>) {
        self.charge(1 << 8);
        if self.is_over() {
            return;
        }
        self.numbers = Numbers::Whole;
        let temporary = self.temporary_bits.len();
        let result = self.nested(statement.at, |checker| checker.try_statement(statement));
        self.release_temporary_bits(temporary);
        if let Err(error) = result {
            // An empty message follows from a mistake that is already reported.
            if !error.message.is_empty() {
                self.errors.push(error);
            }
            self.mark_broken(statement);
        }
    }

    fn try_statement(&mut self, statement: &Statement<'s>) -> Checked<()> {
        let at = statement.at;
        match &statement.kind {
            StatementKind::Nothing => Ok(()),
            StatementKind::Qubits { name, size } => self.declare_qubits(*name, size.as_ref()),
            StatementKind::Bits { name, size, init } => {
                self.declare_bits(*name, size.as_ref(), init.as_ref(), at)
            }
            StatementKind::Variable {
                ty,
                name,
                init,
                constant,
            } => self.declare_variable(ty, *name, init.as_ref(), *constant, at),
            StatementKind::Array(declaration) => self.declare_array(declaration, at),
            StatementKind::Input { ty, name } => self.declare_input(ty, *name),
            StatementKind::InputArray { ty, name } => self.declare_input_array(ty, *name, at),
            StatementKind::AssignList { target, list } => self.assign_list(target, list, at),
            StatementKind::Alias { name, parts } => self.declare_alias(*name, parts),
            StatementKind::Gate(definition) => self.define_gate(definition),
            StatementKind::Subroutine(definition) => self.define_subroutine(definition),
            StatementKind::Return(value) => self.return_from(value.as_ref(), at),
            StatementKind::Opaque {
                name,
                parameters,
                qubits,
            } => self.define_opaque(*name, *parameters, *qubits),
            StatementKind::Expression(value) => match self.wide_bits(value)? {
                Some(_) => Ok(()),
                None => self.expression(value).map(drop),
            },
            StatementKind::Unreadable(names) => {
                self.mark_unreadable(names);
                Ok(())
            }
            StatementKind::External { name } => self.declare_external(*name, at),
            StatementKind::Call(call) => self.gate_call(call, at),
            StatementKind::Barrier(operands) => {
                let operands: Checked<Vec<Operand>> = operands
                    .iter()
                    .map(|operand| self.qubits(operand))
                    .collect();
                self.emit(Action::Barrier(operands?.into()), at)
            }
            StatementKind::Delay(duration, operands) => {
                self.expression(duration)?;
                operands
                    .iter()
                    .try_for_each(|operand| self.qubits(operand).map(drop))
            }
            StatementKind::Reset(target) => {
                let target = self.qubits(target)?;
                self.emit(Action::Reset(target), at)
            }
            StatementKind::Measure(source) => self.measure_implicitly(source, at),
            StatementKind::Assign { target, op, value } => self.assign(target, *op, value, at),
            StatementKind::If {
                condition,
                then,
                otherwise,
            } => self.if_statement(condition, then, otherwise, at),
            StatementKind::For(ast) => self.for_loop(ast, at),
            StatementKind::While { condition, body } => self.while_loop(condition, body, at),
            StatementKind::Switch {
                subject,
                cases,
                default,
            } => self.switch(subject, cases, default, at),
            StatementKind::Break => self.leave_loop(at, true),
            StatementKind::Continue => self.leave_loop(at, false),
            StatementKind::End => self.end(at),
            StatementKind::Box(body) => {
                self.scoped(body);
                Ok(())
            }
        }
    }

    /// Suppresses reports of a name whose declaration was wrong.
    fn mark_broken(&mut self, statement: &Statement<'s>) {
        let name = match &statement.kind {
            StatementKind::Qubits { name, .. }
            | StatementKind::Bits { name, .. }
            | StatementKind::Variable { name, .. }
            | StatementKind::Input { name, .. }
            | StatementKind::InputArray { name, .. }
            | StatementKind::Alias { name, .. } => name,
            StatementKind::Array(declaration) => &declaration.name,
            StatementKind::Subroutine(definition) => {
                self.subroutines.entry(definition.name.text).or_insert(None);
                return;
            }
            StatementKind::Gate(definition) => {
                self.gates
                    .entry(definition.name.text)
                    .or_insert(GateSymbol::Broken);
                return;
            }
            _ => return,
        };
        if let Some(scope) = self.scopes.last_mut() {
            scope.entry(name.text).or_insert(Symbol::Broken);
        }
    }

    /// An unreadable statement may have declared any of these names.
    fn mark_unreadable(&mut self, names: &[Name<'s>]) {
        for name in names {
            let known = self
                .scopes
                .iter()
                .any(|scope| scope.contains_key(name.text));
            if known || self.is_taken(name.text) {
                continue;
            }
            if let Some(scope) = self.scopes.last_mut() {
                scope.insert(name.text, Symbol::Broken);
            }
            self.gates.insert(name.text, GateSymbol::Broken);
            self.subroutines.insert(name.text, None);
        }
    }

    fn finish(mut self) -> Result<Program, Vec<Diagnostic>> {
        let end = self.steps.len();
        for at in std::mem::take(&mut self.ends) {
            self.patch(at, end);
        }
        self.refuse_unknown_inputs();
        let written = self.steps.len();
        let measures = |step: &Step| matches!(step.action, Action::Measure { .. });
        if !self.steps.iter().any(measures)
            && self.errors.is_empty()
            && let Err(error) = self.measure_everything()
        {
            self.errors.push(error);
        }
        // An attempt that was dropped may have reported it.
        if self.memory.is_exceeded && self.errors.is_empty() {
            let at = self.steps.last().map_or(0, |step| step.at);
            self.errors.push(self.over_memory(at));
        }
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        self.name_implicit();
        let order = self.order();
        let bytes = self.program_bytes();
        Ok(Program {
            order,
            steps: self.steps,
            gates: Arc::new(self.definitions),
            registers: self.registers,
            bits: self.usage.bits,
            variables: self.usage.variables,
            qubits: self.qubits,
            version: self.version,
            inputs: self.inputs.declared,
            written,
            bytes,
        })
    }
}
