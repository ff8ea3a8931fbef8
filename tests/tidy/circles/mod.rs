//! No circles between the files of a crate.
//!
//! A file depends on another one where it names an item that the other one defines, directly or through a re-export,
//! or calls a method that the other one adds to a type of its own. A re-export alone is no dependency.

mod known;
#[cfg(test)]
mod tests;

use crate::model::{Crate, Module, Target};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Which file depends on which, and an example of why: line and name.
struct Graph {
    edges: BTreeMap<String, BTreeMap<String, (usize, String)>>,
}

impl Graph {
    fn of(krate: &Crate) -> Self {
        let mut graph = Self {
            edges: BTreeMap::new(),
        };
        for module in krate.modules() {
            graph.add_named_items(krate, module);
            graph.add_split_impls(krate, module);
        }
        graph
    }

    fn add(&mut self, from: &str, to: &str, line: usize, name: &str) {
        if from != to {
            let edges = self.edges.entry(from.to_owned()).or_default();
            edges
                .entry(to.to_owned())
                .or_insert_with(|| (line, name.to_owned()));
        }
    }

    fn add_named_items(&mut self, krate: &Crate, module: &Module) {
        let imports = module.imports.iter().filter(|import| !import.is_visible);
        let imports = imports.map(|import| (import.line, krate.import_target(module, import)));
        let references = module.references.iter();
        let references =
            references.map(|reference| (reference.line, krate.target(module, &reference.path)));
        for (line, target) in imports.chain(references) {
            if let Target::Item { path, file } = target {
                self.add(&module.file, &file, line, path.last().unwrap());
            }
        }
    }

    /// A file that calls methods which another file adds to a type of the first one depends on it.
    fn add_split_impls(&mut self, krate: &Crate, module: &Module) {
        for block in &module.inherent_impls {
            let Target::Item { file: owner, .. } = krate.target(module, &block.self_type) else {
                continue;
            };
            let callers = krate.modules().filter(|caller| caller.file == owner);
            for (method, line) in callers.flat_map(|caller| &caller.method_calls) {
                if block.methods.contains(method) {
                    self.add(&owner, &module.file, *line, method);
                }
            }
        }
    }

    /// Removes the dependencies of a file on another one; of all files in a folder where the name ends in `/`.
    fn remove(&mut self, from: &str, to: &str) -> Vec<(String, String)> {
        let is_meant = |file: &str, name: &str| {
            file == name || (name.ends_with('/') && file.starts_with(name))
        };
        let mut removed = Vec::new();
        for (file, edges) in &mut self.edges {
            if is_meant(file, from) {
                let gone = edges.extract_if(.., |other, _| is_meant(other, to));
                removed.extend(gone.map(|(other, _)| (file.clone(), other)));
            }
        }
        removed
    }

    /// Whether the graph with these dependencies added has a circle that it does not have without them.
    fn would_close_a_circle(&self, added: &[(String, String)]) -> bool {
        let mut edges = self.edges.clone();
        for (from, to) in added {
            let example = (0, String::new());
            edges
                .entry(from.clone())
                .or_default()
                .insert(to.clone(), example);
        }
        let graph = Self { edges };
        added.iter().any(|(from, to)| graph.way(to, from).is_some())
    }

    /// The shortest way from a file to another one, both included.
    fn way(&self, from: &str, to: &str) -> Option<Vec<&str>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let (start, _) = self.edges.get_key_value(from)?;
        let mut queue = VecDeque::from([start.as_str()]);
        while let Some(file) = queue.pop_front() {
            for next in self.edges.get(file).into_iter().flat_map(BTreeMap::keys) {
                if next != start && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, file);
                    queue.push_back(next);
                }
            }
        }
        let mut way = vec![*came_from.get_key_value(to)?.0];
        while let Some(before) = came_from.get(way[way.len() - 1]) {
            way.push(before);
        }
        way.reverse();
        Some(way)
    }

    /// One shortest circle for each set of files that depend on each other.
    fn circles(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for (from, edges) in &self.edges {
            let ways = edges.keys().filter_map(|to| self.way(to, from));
            if let Some(way) = ways.min_by_key(Vec::len)
                && way.iter().all(|file| !seen.contains(*file))
            {
                seen.extend(way.iter().map(|file| (*file).to_owned()));
                circles.push(self.described(from, &way));
            }
        }
        circles
    }

    fn described(&self, start: &str, way: &[&str]) -> String {
        let files = [&[start], way].concat();
        let steps = files.windows(2).map(|pair| {
            let (line, name) = &self.edges[pair[0]][pair[1]];
            format!("  {}:{line} uses {name} of {}", pair[0], pair[1])
        });
        format!("circle:\n{}", steps.collect::<Vec<_>>().join("\n"))
    }
}

/// The circles of a crate without the known dependencies, and those known dependencies that are part of no circle.
fn violations(krate: &Crate, known: &[(&str, &str)]) -> Vec<String> {
    let mut graph = Graph::of(krate);
    let mut removed = Vec::new();
    let mut violations = Vec::new();
    for (from, to) in known {
        let edges = graph.remove(from, to);
        if edges.is_empty() {
            violations.push(format!(
                "{from} does not use {to} any more: remove the pair"
            ));
        }
        removed.push((from, to, edges));
    }
    for (from, to, edges) in removed.iter().filter(|(_, _, edges)| !edges.is_empty()) {
        if !graph.would_close_a_circle(edges) {
            violations.push(format!("{from} -> {to} is in no circle: remove the pair"));
        }
    }
    violations.extend(graph.circles());
    violations
}
