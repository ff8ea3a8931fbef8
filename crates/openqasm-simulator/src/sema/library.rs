//! The library of gates that are defined in OpenQASM itself, read once for each process.

use crate::ir::program::GateDefinition;
use crate::resources::stop::Stop;
use crate::syntax::parser::Parser;
use std::collections::HashMap;
use std::sync::LazyLock;

const SOURCE: &str = include_str!("library.inc");

/// Definitions, and where each name is.
#[derive(Debug, Default)]
pub(crate) struct Library {
    pub gates: Vec<GateDefinition>,
    names: HashMap<&'static str, usize>,
}

impl Library {
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.keys().copied()
    }
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let mut parser = Parser::new(SOURCE, &Stop::default());
    let version = parser.version();
    let statements = std::iter::from_fn(|| parser.next_statement());
    let (gates, names) = crate::sema::library_definitions(statements, version);
    Library { gates, names }
});

/// The library. Its own text is part of the program, and a test proves that it is right.
pub(crate) fn library() -> &'static Library {
    &LIBRARY
}
