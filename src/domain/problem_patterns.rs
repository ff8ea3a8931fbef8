//! The problems that a worker takes: names, in which `*` stands for any characters.

use super::checks::{self, FieldErrors};

/// The most patterns of one worker.
pub const MAX_PATTERNS: usize = 100;
/// The longest pattern, in characters: as long as the name of a problem may be.
const MAX_LENGTH: usize = 200;

/// The checked patterns, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemPatterns(Vec<String>);

impl ProblemPatterns {
    /// Checks the patterns, and notes under the field's name what is wrong with them.
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

    /// The patterns as PostgreSQL's LIKE reads them.
    pub fn like(&self) -> Vec<String> {
        self.0.iter().map(|text| like(text)).collect()
    }
}

fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // One after the other, they say no more than one does, and LIKE takes its time over them.
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
