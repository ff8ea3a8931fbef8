//! What each layer may import.

mod qtask;
mod simulator;

use crate::model::{Crate, Module, Target};

/// A part of a crate with rules for what it imports.
struct Layer {
    name: &'static str,
    /// Its modules, below `crate`: `cli::client`. The longest name that fits a module decides.
    modules: &'static [&'static str],
    /// Shown in the documentation.
    purpose: &'static str,
    /// Modules, below `crate`, that it may import besides its own.
    may_import: &'static [&'static str],
}

/// Each import that its layer does not allow.
fn violations(krate: &Crate, layers: &[Layer]) -> Vec<String> {
    let mut violations = Vec::new();
    for module in krate.modules() {
        let Some(layer) = layer_of(layers, &module.path) else {
            if module.path.len() > 1 {
                violations.push(format!("{}: belongs to no layer", module.file));
            }
            continue;
        };
        for (path, line, target) in named(krate, module) {
            if let Some(item) = not_allowed(layers, layer, &path, &target) {
                let Module { file, .. } = module;
                let Layer { name, .. } = layer;
                violations.push(format!(
                    "{file}:{line}: {name} may not import {}",
                    item.join("::")
                ));
            }
        }
    }
    violations
}

/// Everything that a module names, the exports of its own parts left out: path as written, line, meaning.
fn named<'a>(
    krate: &'a Crate,
    module: &'a Module,
) -> impl Iterator<Item = (Vec<String>, usize, Target)> + 'a {
    let imports = module.imports.iter().filter_map(|import| {
        let target = krate.import_target(module, import);
        let is_export = import.is_visible && is_below(module, &target);
        (!is_export).then(|| (import.path.clone(), import.line, target))
    });
    let references = module.references.iter().map(|reference| {
        let target = krate.target(module, &reference.path);
        (reference.path.clone(), reference.line, target)
    });
    imports.chain(references)
}

fn is_below(module: &Module, target: &Target) -> bool {
    let Target::Item { path, .. } = target else {
        return false;
    };
    path.starts_with(&module.path)
}

/// The path that the layer may not import: as written, or that of the item which a re-export stands for.
fn not_allowed(
    layers: &[Layer],
    layer: &Layer,
    written: &[String],
    target: &Target,
) -> Option<Vec<String>> {
    let meant = match target {
        Target::Item { path, .. } | Target::Module { path } => path.clone(),
        Target::External { .. } => return None,
    };
    let written = written.to_vec();
    let is_absolute = written.first().is_some_and(|first| first == "crate");
    let candidates = [is_absolute.then_some(written), Some(meant)];
    candidates.into_iter().flatten().find(|path| {
        let target = layer_of(layers, path);
        let is_same = target.is_some_and(|target| target.name == layer.name);
        let is_allowed = layer.may_import.iter().any(|it| starts_with(path, it));
        target.is_some() && !is_same && !is_allowed
    })
}

fn layer_of<'a>(layers: &'a [Layer], path: &[String]) -> Option<&'a Layer> {
    let fits = layers.iter().flat_map(|layer| {
        let modules = layer.modules.iter();
        let fitting = modules.filter(|it| starts_with(path, it));
        fitting.map(move |it| (it.len(), layer))
    });
    let longest = fits.max_by_key(|(length, _)| *length);
    longest.map(|(_, layer)| layer)
}

fn starts_with(path: &[String], modules: &str) -> bool {
    let path = path.iter().skip(1);
    let wanted: Vec<&str> = modules.split("::").collect();
    path.take(wanted.len()).eq(wanted.iter())
}

/// The layers as a table, for the documentation.
fn picture(layers: &[Layer]) -> String {
    let line = |layer: &Layer| {
        let imports = match layer.may_import {
            [] => "nothing".to_owned(),
            imports => folders(imports),
        };
        let Layer { purpose, .. } = layer;
        format!("| {} | {purpose} | {imports} |\n", folders(layer.modules))
    };
    let lines: String = layers.iter().map(line).collect();
    format!("| layer | purpose | imports |\n|---|---|---|\n{lines}")
}

fn folders(modules: &[&str]) -> String {
    let names = modules
        .iter()
        .map(|it| format!("`{}`", it.replace("::", "/")));
    names.collect::<Vec<_>>().join(", ")
}

/// Fails unless the page shows the table of these layers.
fn assert_shown(page: &str, layers: &[Layer]) {
    let picture = picture(layers);
    let page = std::fs::read_to_string(crate::texts::root().join(page)).unwrap();
    assert!(
        page.contains(&picture),
        "docs/architecture.md must contain:\n{picture}"
    );
}
