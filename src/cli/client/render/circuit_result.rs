//! Renders the result of a circuit: its counts, and the optional outputs that were requested.

use super::paint::{Colour, Paint};
use super::{chart, statevector, text};
use crate::cli::client::model::{ExpectationInfo, Task};

/// Maximum number of expectations that are listed.
const MAX_EXPECTATIONS: usize = 20;

/// A section: its title, and the lines below.
pub struct Section {
    pub title: String,
    pub lines: Vec<String>,
}

/// The sections of the result; empty if the result is not that of a circuit.
pub fn sections(task: &Task, width: usize, paint: Paint) -> Vec<Section> {
    let Some(counts) = task.counts() else {
        return Vec::new();
    };
    let titled = |title: &str, about: &str| {
        let about = paint.paint(Colour::Dim, about);
        format!("{}  {about}", paint.paint(Colour::Bold, title))
    };
    let exact = task.probabilities();
    let mut sections = Vec::new();
    if !counts.is_empty() {
        sections.push(Section {
            title: titled("Result", &of_counts(&counts)),
            lines: chart::render(&counts, exact.as_ref(), width, paint),
        });
    }
    sections.extend(task.points().map(|points| Section {
        title: titled("Sweep", &text::count(points, "point")),
        lines: vec!["qtask get --json has the result of each point: execution.points".to_owned()],
    }));
    sections.extend(task.expectations().map(|found| Section {
        title: titled("Expectations", &text::count(found.len(), "observable")),
        lines: expectations(&found),
    }));
    sections.extend(task.statevector().map(|amplitudes| Section {
        title: titled("Statevector", &statevector::summary(&amplitudes)),
        lines: statevector::render(&amplitudes, width, paint),
    }));
    let notes = task.notes();
    if !notes.is_empty() {
        let wrapped = notes.iter().flat_map(|note| text::wrap(note, width));
        sections.push(Section {
            title: paint.paint(Colour::Bold, "Notes"),
            lines: wrapped.collect(),
        });
    }
    sections
}

/// A line for each observable: its index, its value, and the standard error if the value is from shots.
fn expectations(found: &[ExpectationInfo]) -> Vec<String> {
    let (shown, rest) = found.split_at(found.len().min(MAX_EXPECTATIONS));
    let line = |(index, found): (usize, &ExpectationInfo)| {
        let error = found.standard_error.map(|error| format!(" ± {error:.6}"));
        format!(
            "{index:>3}  {:>12.6}{}",
            found.value,
            error.unwrap_or_default()
        )
    };
    let mut lines: Vec<String> = shown.iter().enumerate().map(line).collect();
    if !rest.is_empty() {
        lines.push(format!("… {} more", text::thousands(rest.len() as u64)));
    }
    lines
}

fn of_counts(counts: &[(String, u64)]) -> String {
    let shots = counts
        .iter()
        .fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    format!(
        "{} of {}",
        text::count(counts.len(), "outcome"),
        text::count(shots, "shot")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expectations_are_listed_without_counts() {
        let task: Task = serde_json::from_value(json!({
            "result": {},
            "execution": {"expectations": [{"value": 0.25, "variance": 1.0}, {"value": -1.0, "standard_error": 0.125}]},
        }))
        .unwrap();
        let shown = sections(&task, 80, Paint(false));
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].title, "Expectations  2 observables");
        assert_eq!(
            shown[0].lines,
            ["  0      0.250000", "  1     -1.000000 ± 0.125000"]
        );
    }
}
