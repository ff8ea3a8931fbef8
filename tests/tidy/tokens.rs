//! The tokens of a Rust file, comments left out.

use crate::texts::Text;
use proc_macro2::{TokenStream, TokenTree};

/// A token and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Identifier,
    Literal,
    Punctuation,
}

/// The tokens of a file in their order, without doc comments.
pub fn tokens(file: &Text) -> Vec<Token> {
    let stream: TokenStream = file
        .text
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", file.path));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

/// The identifiers of a file.
pub fn identifiers(file: &Text) -> impl Iterator<Item = Token> {
    tokens(file)
        .into_iter()
        .filter(|token| token.kind == Kind::Identifier)
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut is_after_hash = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |kind, text| out.push(Token { kind, text, line });
        let is_hash = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '#');
        match tree {
            TokenTree::Group(group) if is_after_hash && is_doc(&group.stream()) => {}
            TokenTree::Group(group) => flatten(group.stream(), out),
            TokenTree::Ident(name) => push(Kind::Identifier, name.to_string()),
            TokenTree::Literal(literal) => push(Kind::Literal, literal.to_string()),
            TokenTree::Punct(punct) => push(Kind::Punctuation, punct.as_char().to_string()),
        }
        // `//!` is `#![doc = ...]`: the hash counts until the brackets.
        is_after_hash = is_hash || (is_after_hash && is_bang(out));
    }
}

fn is_doc(attribute: &TokenStream) -> bool {
    let first = attribute.clone().into_iter().next();
    matches!(first, Some(TokenTree::Ident(name)) if name == "doc")
}

fn is_bang(tokens: &[Token]) -> bool {
    tokens.last().is_some_and(|token| token.text == "!")
}
