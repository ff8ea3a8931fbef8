//! From a path as written to the item that it means.

use super::{Crate, Import, Module};

/// How many re-exports one name may go through.
const MAX_DEPTH: usize = 16;

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An item of this crate: its full path, and the file that defines it.
    Item { path: Vec<String>, file: String },
    /// A module of this crate.
    Module { path: Vec<String> },
    /// A path that starts with a name which this crate does not define: another crate, a local name, the prelude.
    External { path: Vec<String> },
}

impl Crate {
    /// What a path means in a module.
    pub fn target(&self, module: &Module, path: &[String]) -> Target {
        self.resolve(module, path, None, 0)
            .unwrap_or_else(|| external(path))
    }

    /// What an import of a module means.
    pub fn import_target(&self, module: &Module, import: &Import) -> Target {
        self.resolve(module, &import.path, Some(import), 0)
            .unwrap_or_else(|| external(&import.path))
    }

    /// Resolves a path; where it is that of an import, this import cannot define its first name.
    fn resolve(
        &self,
        module: &Module,
        path: &[String],
        importing: Option<&Import>,
        depth: usize,
    ) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        if depth > MAX_DEPTH {
            return None;
        }
        match first.as_str() {
            "crate" => self.descend(self.modules.get("crate")?, rest, depth),
            "self" => self.descend(module, rest, depth),
            "super" => {
                let parent = &module.path[..module.path.len() - 1];
                let parent = self.modules.get(&parent.join("::"))?;
                match rest.first() {
                    Some(next) if next == "super" => self.resolve(parent, rest, None, depth + 1),
                    _ => self.descend(parent, rest, depth),
                }
            }
            _ => self.lookup(module, path, importing, depth),
        }
    }

    /// Resolves a path that starts in the module.
    fn descend(&self, module: &Module, path: &[String], depth: usize) -> Option<Target> {
        if path.is_empty() {
            let path = module.path.clone();
            return Some(Target::Module { path });
        }
        self.lookup(module, path, None, depth)
            .or_else(|| Some(item(module, &path[0])))
    }

    /// Resolves a path whose first name the module defines or imports.
    fn lookup(
        &self,
        module: &Module,
        path: &[String],
        importing: Option<&Import>,
        depth: usize,
    ) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        if depth > MAX_DEPTH {
            return None;
        }
        if module.items.iter().any(|item| item.name == *first) {
            return Some(item(module, first));
        }
        if module.children.contains(first) {
            let child = format!("{}::{first}", module.path.join("::"));
            return self.descend(self.modules.get(&child)?, rest, depth + 1);
        }
        let imports = module.imports.iter();
        let others = imports.filter(|it| importing.is_none_or(|import| !std::ptr::eq(*it, import)));
        for import in others.clone() {
            if import.name.as_ref() == Some(first) {
                let full = [import.path.as_slice(), rest].concat();
                return self
                    .resolve(module, &full, Some(import), depth + 1)
                    .or_else(|| Some(external(&full)));
            }
        }
        let globs = others.filter(|import| import.name.is_none());
        let mut found = globs.filter_map(|glob| {
            let target = self.resolve(module, &glob.path, Some(glob), depth + 1)?;
            match target {
                Target::Module { path: folder } if folder != module.path => {
                    let module = self.modules.get(&folder.join("::"))?;
                    self.lookup(module, path, None, depth + 1)
                }
                _ => None,
            }
        });
        found.next()
    }
}

fn item(module: &Module, name: &str) -> Target {
    Target::Item {
        path: [module.path.as_slice(), &[name.to_owned()]].concat(),
        file: module.file.clone(),
    }
}

fn external(path: &[String]) -> Target {
    let path = path.to_vec();
    Target::External { path }
}
