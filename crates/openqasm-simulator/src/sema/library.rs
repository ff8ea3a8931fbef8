//! The library of gates that are defined in OpenQASM itself, parsed once for each process.

use crate::ir::program::GateDefinition;
use crate::resources::stop::Stop;
use crate::syntax::parser::Parser;
use std::collections::HashMap;
use std::sync::LazyLock;

const SOURCE: &str = include_str!("library.inc");

/// Definitions, and the index of each name.
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

/// The library. Its text is part of the binary, and a test proves that it is valid.
pub(crate) fn library() -> &'static Library {
    &LIBRARY
}
