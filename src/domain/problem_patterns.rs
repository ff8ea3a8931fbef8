//! The problems that a worker accepts: names, in which `*` matches any characters.

use super::checks::{self, FieldErrors};

/// Maximum number of patterns of one worker.
pub const MAX_PATTERNS: usize = 100;
/// Maximum length of a pattern, in characters: that of a problem's name.
const MAX_LENGTH: usize = 200;

/// Validated patterns, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemPatterns(Vec<String>);

impl ProblemPatterns {
    /// Validates the patterns, and records errors under the field's name.
    pub fn check(errors: &mut FieldErrors, field: &str, texts: Vec<String>) -> Option<Self> {
        let count = texts.len();
        if !(1..=MAX_PATTERNS).contains(&count) {
            let message = format!("has {count} entries; 1 to {MAX_PATTERNS} are allowed");
            errors.insert(field.to_owned(), message);
            return None;
        }
        let before = errors.len();
        for (index, text) in texts.iter().enumerate() {
            checks::text(errors, &format!("{field}[{index}]"), text, MAX_LENGTH);
        }
        (errors.len() == before).then_some(Self(texts))
    }

    /// The patterns as given.
    pub fn texts(&self) -> &[String] {
        &self.0
    }

    /// The patterns in the syntax of PostgreSQL's LIKE.
    pub fn like(&self) -> Vec<String> {
        self.0.iter().map(|text| like(text)).collect()
    }
}

fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Consecutive wildcards match the same as one, and slow LIKE down.
            '*' if pattern.ends_with('%') && !pattern.ends_with("\\%") => {}
            '*' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            _ => pattern.push(c),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_asterisk_has_a_meaning() {
        assert_eq!(like("pod_kill-*"), "pod\\_kill-%");
        assert_eq!(like("100%\\*"), "100\\%\\\\%");
        assert_eq!(like("a**b%*"), "a%b\\%%");
    }

    #[test]
    fn a_list_that_allows_nothing_is_refused() {
        let refused = |texts: &[&str]| {
            let mut errors = FieldErrors::new();
            let texts = texts.iter().map(ToString::to_string).collect();
            assert_eq!(ProblemPatterns::check(&mut errors, "f", texts), None);
            errors.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(refused(&[]), ["f"]);
        assert_eq!(refused(&["ok", " "]), ["f[1]"]);
        assert_eq!(refused(&["x"; MAX_PATTERNS + 1]), ["f"]);
    }
}
