//! A crate as its files describe it: modules, the items that each defines, imports, and paths that the code names.

mod resolve;
mod scan;
mod visit;

pub use resolve::Target;

use crate::texts::Text;
use std::collections::{BTreeMap, BTreeSet};

/// A crate, read from its root file.
pub struct Crate {
    /// By path: `crate`, `crate::api::routes`.
    modules: BTreeMap<String, Module>,
}

/// A module: a file, or a part of one.
#[derive(Debug)]
pub struct Module {
    /// `["crate", "api", "routes"]`.
    pub path: Vec<String>,
    pub file: String,
    /// Compiled for tests alone.
    pub is_test: bool,
    pub items: Vec<Item>,
    pub imports: Vec<Import>,
    pub references: Vec<Reference>,
    /// Names of methods that the code calls, with the line.
    pub method_calls: Vec<(String, usize)>,
    pub inherent_impls: Vec<InherentImpl>,
    children: BTreeSet<String>,
}

/// An item that a module defines.
#[derive(Debug)]
pub struct Item {
    pub name: String,
    pub line: usize,
    /// A struct, enum, union, trait or type alias.
    pub is_type: bool,
}

/// One name of a `use` declaration.
#[derive(Debug)]
pub struct Import {
    /// The name that it gets; none for a glob.
    pub name: Option<String>,
    /// As written.
    pub path: Vec<String>,
    /// `pub` in any degree: a re-export.
    pub is_visible: bool,
    pub line: usize,
}

/// A path that the code names, as written.
#[derive(Debug)]
pub struct Reference {
    pub path: Vec<String>,
    pub line: usize,
}

/// An `impl` block without a trait.
#[derive(Debug)]
pub struct InherentImpl {
    pub self_type: Vec<String>,
    pub methods: Vec<String>,
}

impl Crate {
    /// Reads the crate whose root file is given, following its `mod` declarations through the texts.
    pub fn read(root: &str, texts: &[Text]) -> Self {
        let mut modules = BTreeMap::new();
        scan::scan_crate(root, texts, &mut modules);
        Self { modules }
    }

    /// The modules that are compiled outside tests.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.values().filter(|module| !module.is_test)
    }

    /// All files of the crate, those of tests included.
    pub fn files(&self) -> BTreeSet<&str> {
        let modules = self.modules.values();
        modules.map(|module| module.file.as_str()).collect()
    }
}
