//! Tokens of the language.

/// The kind of a token. Keywords are names: the set of keywords depends on the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or keyword.
    Name,
    /// A physical qubit such as `$3`.
    Physical,
    /// A whole number.
    Integer,
    /// A number with a point or an exponent.
    Float,
    /// A number with a unit of time.
    Duration,
    /// A number with `im`, the imaginary unit.
    Imaginary,
    /// A quoted text, quotes included.
    Text,
    /// An operator or punctuation.
    Sign,
    /// A whole pragma line.
    Pragma,
    /// The end of the source.
    End,
}

/// A token, as a range of bytes of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub start: u32,
    pub end: u32,
}
