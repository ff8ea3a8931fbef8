//! Phrases to avoid, and what to write instead.

/// A phrase in lower case, and how often it still occurs.
pub struct Phrase {
    pub text: &'static str,
    pub instead: &'static str,
    pub left: usize,
}

const fn phrase(text: &'static str, instead: &'static str, left: usize) -> Phrase {
    Phrase {
        text,
        instead,
        left,
    }
}

/// The numbers are lowered until they are 0.
pub const WORDS: &[Phrase] = &[
    phrase("in vain", "what did not succeed", 0),
    phrase("for ever", "\"forever\", or the limit", 0),
    phrase(
        "is gone",
        "\"was deleted\", \"has ended\", \"was dropped\"",
        5,
    ),
    phrase(
        "are gone",
        "\"were deleted\", \"have ended\", \"were dropped\"",
        0,
    ),
    phrase(
        "has gone",
        "\"was deleted\", \"has ended\", \"was dropped\"",
        2,
    ),
    phrase("went away", "\"disconnected\", \"is unreachable\"", 0),
    phrase("goes away", "\"disconnects\", \"becomes unreachable\"", 1),
    phrase("whoever", "the item itself", 4),
    phrase("nobody", "the item itself", 41),
    phrase("one who", "the item itself", 0),
    phrase("it is told", "who tells it", 2),
    phrase("is told", "\"receives\", \"is notified\"", 8),
    phrase("are told", "\"receive\", \"are notified\"", 2),
    phrase("moment", "the time, \"while\", \"now\"", 10),
    phrase("hands", "\"runs\", \"holds\", \"passes\"", 9),
    phrase("by hand", "the command", 2),
    phrase("hearing", "\"listening\"", 0),
    phrase("stands twice", "where both are", 1),
    phrase("what was typed", "\"usage error\"", 1),
    phrase("cannot be used", "what is wrong with it", 21),
    phrase("sees to it", "\"ensures\"", 0),
    phrase("comes to that", "what happens", 0),
    phrase("as good as", "\"almost\"", 1),
    phrase("gone through", "\"analysed\", \"visited\"", 0),
    phrase("room for", "\"memory for\", \"capacity for\"", 3),
    phrase("no room", "\"no memory\", \"no capacity\"", 1),
    phrase("the floors", "\"the layers\"", 0),
    phrase("put aside", "\"deferred\"", 0),
    phrase("place in line", "\"queue position\"", 0),
    phrase("for a while", "the time", 2),
    phrase("all the same", "\"nevertheless\", or what still happens", 1),
    phrase("puts off", "\"postpones\"", 0),
];
