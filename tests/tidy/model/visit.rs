//! The imports, paths and method calls of an item.

use super::scan::{attributes, imports, is_for_tests};
use super::{Module, Reference};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Adds what the item names to its module.
pub fn collect(item: &syn::Item, module: &mut Module) {
    Collector { module }.visit_item(item);
}

struct Collector<'a> {
    module: &'a mut Module,
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        if !is_for_tests(&method.attrs) {
            visit::visit_impl_item_fn(self, method);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.module.imports.extend(imports(&item.tree, &item.vis));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter();
            let names: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
            let line = path.segments[0].ident.span().start().line;
            self.add(names, line);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let method = (call.method.to_string(), call.method.span().start().line);
        self.module.method_calls.push(method);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.visit_path(&list.path);
            self.tokens(list.tokens.clone());
        }
    }
}

impl Collector<'_> {
    fn add(&mut self, path: Vec<String>, line: usize) {
        if let [owner, method, ..] = path.as_slice()
            && owner == "Self"
        {
            self.module.method_calls.push((method.clone(), line));
        }
        self.module.references.push(Reference { path, line });
    }

    /// Finds paths and method calls in tokens that are not parsed: arguments of macros.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut is_after_dot = false;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            match first {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(name) => {
                    let line = name.span().start().line;
                    let mut path = vec![name.to_string()];
                    while let Some((segment, after)) = next_segment(rest) {
                        path.push(segment);
                        rest = after;
                    }
                    if is_after_dot {
                        self.module.method_calls.push((path.swap_remove(0), line));
                    } else {
                        self.add(path, line);
                    }
                }
                _ => {}
            }
            is_after_dot = matches!(first, TokenTree::Punct(punct) if punct.as_char() == '.');
        }
    }
}

/// The name after `::`, and the tokens after it.
fn next_segment(tokens: &[TokenTree]) -> Option<(String, &[TokenTree])> {
    match tokens {
        [
            TokenTree::Punct(first),
            TokenTree::Punct(second),
            TokenTree::Ident(name),
            rest @ ..,
        ] if first.as_char() == ':' && second.as_char() == ':' => Some((name.to_string(), rest)),
        _ => None,
    }
}
