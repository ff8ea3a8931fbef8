//! The author's name of a gate: `cx`, `ctrl @ x`, `pow(1/2) @ h`.

/// Maximum length of a modifier's argument that is shown whole, in characters.
const MAX_ARGUMENT: usize = 40;

/// The modifiers and the name of the gate whose application begins at an offset. The source is known to be valid.
pub(crate) fn label(source: &str, at: u32) -> String {
    let mut rest = source.get(at as usize..).unwrap_or_default();
    let mut label = String::new();
    loop {
        rest = skip_blanks(rest);
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        label.push_str(word);
        if !matches!(word, "ctrl" | "negctrl" | "inv" | "pow") {
            return label;
        }
        let after = skip_blanks(after);
        let (argument, after) = argument(after);
        label.push_str(&shown(argument));
        let Some(after) = skip_blanks(after).strip_prefix('@') else {
            return label;
        };
        label.push_str(" @ ");
        rest = after;
    }
}

/// The text in parentheses, including them, and the rest.
fn argument(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    for (place, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let end = if c == ')' { place + 1 } else { place };
            return text.split_at(end);
        }
    }
    (text, "")
}

fn shown(argument: &str) -> String {
    let dense: String = argument.split_whitespace().collect();
    match dense.char_indices().nth(MAX_ARGUMENT) {
        Some((cut, _)) => format!("{}…)", dense.get(..cut).unwrap_or_default()),
        None => dense,
    }
}

fn skip_blanks(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let comment = if rest.starts_with("//") {
            rest.split_once('\n')
        } else if rest.starts_with("/*") {
            rest.split_once("*/")
        } else {
            return rest;
        };
        rest = comment.map_or("", |(_, after)| after).trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_called_as_it_is_written() {
        for (source, expected) in [
            ("h q;", "h"),
            ("rx(pi/2) q[0];", "rx"),
            ("ctrl @ x q[0], q[1];", "ctrl @ x"),
            ("ctrl(2)@inv @  my_gate(0.5) a;", "ctrl(2) @ inv @ my_gate"),
            ("pow(1 / (2)) @ h q;", "pow(1/(2)) @ h"),
            ("negctrl /* a */ @ // b\n x q;", "negctrl @ x"),
            ("ψ q;", "ψ"),
        ] {
            assert_eq!(label(source, 0), expected, "{source}");
        }
        assert_eq!(label("h q; cx q, r;", 5), "cx");
    }

    #[test]
    fn an_endless_argument_is_cut() {
        let source = format!("pow({}) @ x q;", "1+".repeat(1000));
        assert!(label(&source, 0).chars().count() < 60);
    }
}
