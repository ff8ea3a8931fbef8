//! Renders the result of a circuit: its counts, and the optional outputs that were requested.

use super::paint::{Colour, Paint};
use super::{chart, statevector, text};
use crate::cli::client::model::Task;

/// A section: its title, and the lines below.
pub struct Section {
    pub title: String,
    pub lines: Vec<String>,
}

/// The sections of the result; empty if the result is not that of a circuit.
pub fn sections(task: &Task, width: usize, paint: Paint) -> Vec<Section> {
    let counts = task.counts().filter(|counts| !counts.is_empty());
    let Some(counts) = counts else {
        return Vec::new();
    };
    let titled = |title: &str, about: &str| {
        let about = paint.paint(Colour::Dim, about);
        format!("{}  {about}", paint.paint(Colour::Bold, title))
    };
    let exact = task.probabilities();
    let mut sections = vec![Section {
        title: titled("Result", &of_counts(&counts)),
        lines: chart::render(&counts, exact.as_ref(), width, paint),
    }];
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
