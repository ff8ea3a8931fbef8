//! The fields that a circuit was submitted with: its options, its parameters, its text.

use serde_json::Value;

use super::circuit_result::Section;
use super::paint::{Colour, Paint};
use super::text;
use crate::cli::client::model::{Task, plain};

/// A summary of the options that the submission set.
pub fn options(task: &Task) -> Option<String> {
    let wanted =
        |wanted: Option<bool>, what: &str| wanted.unwrap_or_default().then(|| what.to_owned());
    let parts = [
        task.seed
            .as_ref()
            .map(|seed| format!("seed {}", plain(seed))),
        wanted(task.wants_probabilities, "probabilities"),
        wanted(task.wants_statevector, "statevector"),
        wanted(task.wants_memory, "memory"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The parameters and the text, if requested.
pub fn sections(task: &Task, width: usize, paint: Paint) -> Vec<Section> {
    let title = |title: &str| paint.paint(Colour::Bold, title);
    let mut sections = Vec::new();
    if !task.parameters.is_empty() {
        let lines = task.parameters.iter().flat_map(|(name, value)| {
            let value = serde_json::to_string(value).unwrap_or_default();
            text::wrap(&format!("{name} = {value}"), width)
        });
        sections.push(Section {
            title: title("Parameters"),
            lines: lines.collect(),
        });
    }
    if !task.sweep.is_empty() {
        let lines = task.sweep.iter().map(|(name, values)| {
            let count = values.as_array().map_or(0, Vec::len);
            format!("{name}: {}", text::count(count, "value"))
        });
        sections.push(Section {
            title: title("Sweep"),
            lines: lines.collect(),
        });
    }
    if !task.observables.is_empty() {
        let sums = task.observables.iter().enumerate();
        let lines = sums.flat_map(|(index, terms)| {
            let terms = terms
                .iter()
                .map(|term| format!("{}*{}", term.coeff, term.pauli));
            let sum = terms.collect::<Vec<_>>().join(" + ");
            text::wrap(&format!("{index}: {sum}"), width)
        });
        sections.push(Section {
            title: title("Observables"),
            lines: lines.collect(),
        });
    }
    if let Some(circuit) = &task.circuit {
        sections.push(Section {
            title: title("Circuit"),
            // Not wrapped: text copied from here must be the exact program.
            lines: text::lines(circuit).collect(),
        });
    }
    sections
}

/// The parameters as JSON; empty if there are none.
pub fn parameters(task: &Task) -> String {
    if task.parameters.is_empty() {
        return String::new();
    }
    Value::from(task.parameters.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(document: Value) -> Task {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn options_are_told_only_where_they_were_named() {
        let shown = |document: Value| options(&task(document));
        assert_eq!(shown(serde_json::json!({})), None);
        assert_eq!(shown(serde_json::json!({"memory": false})), None);
        let all = serde_json::json!({"seed": 7, "memory": true, "probabilities": true, "statevector": true});
        assert_eq!(
            shown(all).unwrap(),
            "seed 7, probabilities, statevector, memory"
        );
    }

    #[test]
    fn the_text_of_a_circuit_stays_as_it_is_but_for_what_a_terminal_obeys() {
        let task = task(serde_json::json!({
            "circuit": "OPENQASM 3;\n\tqubit q; // \u{1b}[2J", "parameters": {"bits": "01", "theta": 0.5}
        }));
        let sections = sections(&task, 80, Paint(false));
        assert_eq!(sections[0].lines, ["bits = \"01\"", "theta = 0.5"]);
        assert_eq!(
            sections[1].lines,
            ["OPENQASM 3;", "    qubit q; // \\u{1b}[2J"]
        );
        assert_eq!(parameters(&task), r#"{"bits":"01","theta":0.5}"#);
    }
}
