//! From text to modules.

use super::visit::collect;
use super::{Import, InherentImpl, Item, Module};
use crate::texts::Text;
use proc_macro2::{Span, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::{Attribute, ImplItem, ItemImpl, Meta, Type, UseTree, Visibility};

/// Reads the root file and each file that a `mod` names.
pub fn scan_crate(root: &str, texts: &[Text], modules: &mut BTreeMap<String, Module>) {
    let mut queue = vec![(root.to_owned(), vec!["crate".to_owned()], false)];
    while let Some((file, path, is_test)) = queue.pop() {
        let text = texts.iter().find(|text| text.path == file);
        let text = text.unwrap_or_else(|| panic!("{file} is missing"));
        let parsed = syn::parse_file(&text.text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut scan = Scan {
            file: &file,
            texts,
            modules,
            queue: &mut queue,
        };
        scan.module(&parsed.items, path, is_test);
    }
}

struct Scan<'a> {
    file: &'a str,
    texts: &'a [Text],
    modules: &'a mut BTreeMap<String, Module>,
    queue: &'a mut Vec<(String, Vec<String>, bool)>,
}

impl Scan<'_> {
    fn module(&mut self, items: &[syn::Item], path: Vec<String>, is_test: bool) {
        let mut module = Module {
            path,
            file: self.file.to_owned(),
            is_test,
            items: Vec::new(),
            imports: Vec::new(),
            references: Vec::new(),
            method_calls: Vec::new(),
            inherent_impls: Vec::new(),
            children: BTreeSet::new(),
        };
        for item in items {
            self.item(item, &mut module);
        }
        self.modules.insert(module.path.join("::"), module);
    }

    fn item(&mut self, item: &syn::Item, module: &mut Module) {
        let is_for_tests = is_for_tests(attributes(item));
        if let syn::Item::Mod(child) = item {
            let name = child.ident.to_string();
            let path = [module.path.clone(), vec![name.clone()]].concat();
            let is_test = module.is_test || is_for_tests;
            if let Some((_, items)) = &child.content {
                self.module(items, path, is_test);
            } else {
                let named = named_path(&child.attrs);
                let file = named.map_or_else(|| self.file_of(&path), |it| self.joined(&it));
                self.queue.push((file, path, is_test));
            }
            if !is_for_tests {
                module.children.insert(name);
            }
            return;
        }
        if is_for_tests {
            return;
        }
        module.items.extend(definition(item));
        if let syn::Item::Impl(block) = item {
            module.inherent_impls.extend(inherent(block));
        }
        collect(item, module);
    }

    /// A path from the folder of this file.
    fn joined(&self, path: &str) -> String {
        let mut parts: Vec<&str> = self.file.split('/').collect();
        parts.pop();
        for part in path.split('/') {
            match part {
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    fn file_of(&self, path: &[String]) -> String {
        let folder = self.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let stem = self.file.rsplit('/').next().unwrap();
        let name = path.last().unwrap();
        let folder = match stem.trim_end_matches(".rs") {
            "mod" => folder.to_owned(),
            _ if path.len() == 2 => folder.to_owned(),
            stem => format!("{folder}/{stem}"),
        };
        let candidates = [
            format!("{folder}/{name}.rs"),
            format!("{folder}/{name}/mod.rs"),
        ];
        let exists = |file: &&String| self.texts.iter().any(|text| text.path == **file);
        let found = candidates.iter().find(exists);
        found
            .unwrap_or_else(|| panic!("{}: no file for `mod {name}`", self.file))
            .clone()
    }
}

/// The names of a `use` tree.
pub fn imports(tree: &UseTree, visibility: &Visibility) -> Vec<Import> {
    let is_visible = !matches!(visibility, Visibility::Inherited);
    let mut imports = Vec::new();
    add_imports(tree, &mut Vec::new(), is_visible, &mut imports);
    imports
}

fn add_imports(tree: &UseTree, prefix: &mut Vec<String>, is_visible: bool, out: &mut Vec<Import>) {
    let mut add = |path: Vec<String>, name: Option<String>, span: Span| {
        out.push(Import {
            name,
            path,
            is_visible,
            line: span.start().line,
        });
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            add_imports(&path.tree, prefix, is_visible, out);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            add(prefix.clone(), prefix.last().cloned(), name.ident.span());
        }
        UseTree::Name(name) => {
            let ident = name.ident.to_string();
            let path = [prefix.clone(), vec![ident.clone()]].concat();
            add(path, Some(ident), name.ident.span());
        }
        UseTree::Rename(rename) => {
            let mut path = prefix.clone();
            if rename.ident != "self" {
                path.push(rename.ident.to_string());
            }
            add(path, Some(rename.rename.to_string()), rename.ident.span());
        }
        UseTree::Glob(glob) => add(prefix.clone(), None, glob.star_token.spans[0]),
        UseTree::Group(group) => {
            for tree in &group.items {
                add_imports(tree, prefix, is_visible, out);
            }
        }
    }
}

/// Whether an item with these attributes is compiled for tests alone.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return attribute.path().is_ident("test");
        };
        let names: Vec<_> = list.tokens.clone().into_iter().collect();
        list.path.is_ident("cfg")
            && matches!(names.as_slice(), [TokenTree::Ident(name)] if name == "test")
    })
}

/// The file that `#[path = "..."]` names.
fn named_path(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            syn::Expr::Lit(value) if pair.path.is_ident("path") => match &value.lit {
                syn::Lit::Str(path) => Some(path.value()),
                _ => None,
            },
            _ => None,
        }
    })
}

pub fn attributes(item: &syn::Item) -> &[Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn definition(item: &syn::Item) -> Option<Item> {
    let (ident, is_type) = match item {
        syn::Item::Const(item) => (&item.ident, false),
        syn::Item::Static(item) => (&item.ident, false),
        syn::Item::Fn(item) => (&item.sig.ident, false),
        syn::Item::Macro(item) => (item.ident.as_ref()?, false),
        syn::Item::Enum(item) => (&item.ident, true),
        syn::Item::Struct(item) => (&item.ident, true),
        syn::Item::Trait(item) => (&item.ident, true),
        syn::Item::Type(item) => (&item.ident, true),
        syn::Item::Union(item) => (&item.ident, true),
        _ => return None,
    };
    Some(Item {
        name: ident.to_string(),
        line: ident.span().start().line,
        is_type,
    })
}

fn inherent(block: &ItemImpl) -> Option<InherentImpl> {
    let Type::Path(self_type) = block.self_ty.as_ref() else {
        return None;
    };
    let method = |item: &ImplItem| match item {
        ImplItem::Fn(method) => Some(method.sig.ident.to_string()),
        _ => None,
    };
    let segments = self_type.path.segments.iter();
    block.trait_.is_none().then(|| InherentImpl {
        self_type: segments.map(|segment| segment.ident.to_string()).collect(),
        methods: block.items.iter().filter_map(method).collect(),
    })
}
