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
    phrase("for ever", "\"forever\", or the limit", 12),
    phrase(
        "is gone",
        "\"was deleted\", \"has ended\", \"was dropped\"",
        29,
    ),
    phrase(
        "are gone",
        "\"were deleted\", \"have ended\", \"were dropped\"",
        6,
    ),
    phrase(
        "has gone",
        "\"was deleted\", \"has ended\", \"was dropped\"",
        7,
    ),
    phrase("went away", "\"disconnected\", \"is unreachable\"", 5),
    phrase("goes away", "\"disconnects\", \"becomes unreachable\"", 3),
    phrase("whoever", "the item itself", 20),
    phrase("nobody", "the item itself", 81),
    phrase("one who", "the item itself", 5),
    phrase("it is told", "who tells it", 4),
    phrase("is told", "\"receives\", \"is notified\"", 21),
    phrase("are told", "\"receive\", \"are notified\"", 5),
    phrase("moment", "the time, \"while\", \"now\"", 33),
    phrase("hands", "\"runs\", \"holds\", \"passes\"", 38),
    phrase("by hand", "the command", 3),
    phrase("hearing", "\"listening\"", 0),
    phrase("stands twice", "where both are", 1),
    phrase("what was typed", "\"usage error\"", 10),
    phrase("cannot be used", "what is wrong with it", 35),
    phrase("sees to it", "\"ensures\"", 2),
    phrase("comes to that", "what happens", 0),
    phrase("as good as", "\"almost\"", 3),
    phrase("gone through", "\"analysed\", \"visited\"", 4),
    phrase("room for", "\"memory for\", \"capacity for\"", 13),
    phrase("no room", "\"no memory\", \"no capacity\"", 7),
    phrase("the floors", "\"the layers\"", 0),
    phrase("put aside", "\"deferred\"", 7),
    phrase("place in line", "\"queue position\"", 7),
    phrase("for a while", "the time", 3),
    phrase("all the same", "\"nevertheless\", or what still happens", 5),
    phrase("puts off", "\"postpones\"", 0),
];
