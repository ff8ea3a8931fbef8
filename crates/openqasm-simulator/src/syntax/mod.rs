//! From the text to a syntax tree: tokens, statements, expressions.

pub(crate) mod ast;
pub(crate) mod hint;
pub(crate) mod lexer;
pub(crate) mod parser;
pub(crate) mod token;
pub(crate) mod token_window;
