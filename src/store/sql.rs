//! SQL in `.sql` files beside the Rust that runs it.
//!
//! A file begins with comment lines that explain it. They are removed once, at start: `pg_stat_activity` shows the first 1,024
//! bytes of a statement, which should be the statement itself.

/// The SQL of a file, without its leading comment.
pub(super) const fn body(file: &'static str) -> &'static str {
    let mut rest = file.as_bytes();
    while let [b'-', b'-', line @ ..] = rest {
        rest = line;
        while let [byte, following @ ..] = rest {
            rest = following;
            if *byte == b'\n' {
                break;
            }
        }
    }
    while let [following @ .., b'\n'] = rest {
        rest = following;
    }
    match std::str::from_utf8(rest) {
        Ok(text) => text,
        // Cannot happen: only whole ASCII characters were removed from either end.
        Err(_) => file,
    }
}

/// The SQL of a file with each placeholder `{{name}}` replaced by the part of that name.
///
/// Parts are constants of this module, never input. A placeholder without a part, or a part without a placeholder, is a defect
/// that debug builds refuse.
pub(super) fn fill(file: &'static str, parts: &[(&str, &str)]) -> String {
    let mut filled = body(file).to_owned();
    for (name, part) in parts {
        let placeholder = format!("{{{{{name}}}}}");
        debug_assert!(filled.contains(&placeholder), "no {placeholder} in {file}");
        filled = filled.replace(&placeholder, part);
    }
    debug_assert!(!filled.contains("{{"), "a placeholder is left in {filled}");
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leading_comment_is_removed_and_later_ones_stay() {
        let file = "-- Why.\n--\n-- More.\nSELECT 1 -- one\n-- two\nFROM t\n\n";
        assert_eq!(body(file), "SELECT 1 -- one\n-- two\nFROM t");
        assert_eq!(body("SELECT 'é'"), "SELECT 'é'");
        assert_eq!(body("-- Only a comment"), "");
    }

    #[test]
    fn each_placeholder_is_replaced_wherever_it_stands() {
        let file = "-- Uses {{a}}.\nSELECT {{a}}, {{b}}, '{}' WHERE {{a}}";
        let filled = fill(file, &[("a", "x"), ("b", "y")]);
        assert_eq!(filled, "SELECT x, y, '{}' WHERE x");
    }

    #[test]
    #[should_panic(expected = "a placeholder is left")]
    fn a_placeholder_without_a_part_is_a_defect() {
        fill("SELECT {{a}}, {{b}}", &[("a", "x")]);
    }

    #[test]
    #[should_panic(expected = "no {{b}}")]
    fn a_part_without_a_placeholder_is_a_defect() {
        fill("SELECT {{a}}", &[("a", "x"), ("b", "y")]);
    }
}
