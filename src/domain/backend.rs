//! Names of backends: the routing key of a task.

/// The default backend of a circuit.
pub const SIMULATOR: &str = "simulator";
/// The default backend of a problem.
pub const AIOPSLAB: &str = "aiopslab";
/// The backend that returns fixed counts, for tests and load tests.
pub const MOCK: &str = "mock";

/// Maximum length of the name of a backend or a worker, in characters.
pub const MAX_NAME_LENGTH: usize = 64;

/// Whether `name` is valid for a backend or a worker: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or
/// digit.
///
/// The name is a part of queue names and URLs, so that only characters are allowed that need no escaping there.
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
