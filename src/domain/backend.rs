//! Names of backends: the routing key of a task.

/// The backend of a circuit that names none.
pub const SIMULATOR: &str = "simulator";
/// The backend of a problem that names none.
pub const AIOPSLAB: &str = "aiopslab";
/// The backend that answers with fixed counts, for tests and load.
pub const MOCK: &str = "mock";

/// The longest name of a backend or a worker, in characters.
pub const MAX_NAME_LENGTH: usize = 64;

/// Whether this can name a backend or a worker: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a
/// letter or digit.
///
/// The name becomes part of a queue's name and of URLs, so it is kept to what needs no escaping in
/// either.
pub fn is_valid_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LENGTH
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_need_no_escaping() {
        for good in ["simulator", "ibm_kyiv.v2", "9q", "A-b"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in ["", "-x", ".x", "a b", "a/b", "ü", "a\0", &"x".repeat(65)] {
            assert!(!is_valid_name(bad), "{bad:?}");
        }
    }
}
