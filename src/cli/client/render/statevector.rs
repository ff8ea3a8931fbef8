//! Renders amplitudes as a table, the most probable basis states first.

use super::chart::exact_percent;
use super::paint::{Cell, Colour, Paint};
use super::table::{self, Column};
use super::text;

/// Maximum number of basis states that are listed.
const MOST_STATES: usize = 16;
/// Below this probability an amplitude counts as 0 (rounding).
const LEAST_PROBABILITY: f64 = 1e-12;

const COLUMNS: &[Column] = &[
    Column::new("STATE"),
    Column::new("AMPLITUDE").right(),
    Column::new("PROBABILITY").right(),
];

struct BasisState {
    index: usize,
    amplitude: [f64; 2],
    probability: f64,
}

/// A summary: `2 of 4 basis states, qubit 0 rightmost`.
pub fn summary(amplitudes: &[[f64; 2]]) -> String {
    format!(
        "{} of {}, qubit 0 rightmost",
        text::thousands(states(amplitudes).len() as u64),
        text::count(amplitudes.len(), "basis state")
    )
}

/// Basis state, amplitude and probability, the most probable first; then the number of omitted states.
pub fn render(amplitudes: &[[f64; 2]], width: usize, paint: Paint) -> Vec<String> {
    let states = states(amplitudes);
    let (shown, rest) = states.split_at(states.len().min(MOST_STATES));
    let last = amplitudes.len().saturating_sub(1).max(1);
    let qubits = last.ilog2() as usize + 1;
    let mut rows: Vec<Vec<Cell>> = shown.iter().map(|state| row(state, qubits)).collect();
    if !rest.is_empty() {
        let label = format!("… {} more", text::thousands(rest.len() as u64));
        let sum = rest.iter().map(|state| state.probability).sum();
        let dim = |text: &str| Cell::coloured(text, Colour::Dim);
        rows.push(vec![dim(&label), dim(""), dim(&exact_percent(sum))]);
    }
    table::render(COLUMNS, &rows, width, paint)
}

fn row(state: &BasisState, qubits: usize) -> Vec<Cell> {
    vec![
        format!("|{:0qubits$b}⟩", state.index).as_str().into(),
        complex(state.amplitude).as_str().into(),
        exact_percent(state.probability).as_str().into(),
    ]
}

fn states(amplitudes: &[[f64; 2]]) -> Vec<BasisState> {
    let mut states: Vec<BasisState> = amplitudes
        .iter()
        .enumerate()
        .map(|(index, [re, im])| BasisState {
            index,
            amplitude: [*re, *im],
            probability: re * re + im * im,
        })
        .filter(|state| state.probability >= LEAST_PROBABILITY)
        .collect();
    // States that differ only by rounding stay in the order of their index.
    let rounded = |state: &BasisState| (state.probability / LEAST_PROBABILITY).round();
    states.sort_by(|a, b| rounded(b).total_cmp(&rounded(a)));
    states
}

/// `0.70711 - 0.50000i`
fn complex([re, im]: [f64; 2]) -> String {
    // Avoids `-0.00000`.
    let round = |part: f64| (part * 1e5).round() / 1e5 + 0.0;
    let (re, im) = (round(re), round(im));
    let sign = if im < 0.0 { '-' } else { '+' };
    format!("{re:.5} {sign} {:.5}i", im.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_states_come_first_and_impossible_ones_are_left_out() {
        let half = 0.5_f64.sqrt();
        let amplitudes = [[0.5, -1e-17], [0.0, -0.5], [1e-9, 0.0], [-half, 0.0]];
        assert_eq!(
            summary(&amplitudes),
            "3 of 4 basis states, qubit 0 rightmost"
        );
        assert_eq!(
            render(&amplitudes, 80, Paint(false)),
            [
                "STATE            AMPLITUDE  PROBABILITY",
                "|11⟩   -0.70711 + 0.00000i      50.00 %",
                "|00⟩    0.50000 + 0.00000i      25.00 %",
                "|01⟩    0.00000 - 0.50000i      25.00 %",
            ]
        );
    }

    #[test]
    fn the_rest_is_counted_and_summed_up() {
        let amplitudes = vec![[1.0 / 32.0, 0.0]; 1024];
        let lines = render(&amplitudes, 80, Paint(false));
        assert_eq!(lines.len(), MOST_STATES + 2);
        assert!(lines[1].starts_with("|0000000000⟩"), "{}", lines[1]);
        let last = lines.last().unwrap();
        assert!(
            last.starts_with("… 1,008 more  ") && last.ends_with("98.44 %"),
            "{last}"
        );
    }

    #[test]
    fn a_single_amplitude_and_none_at_all_are_shown_too() {
        assert_eq!(render(&[[1.0, 0.0], [0.0, 0.0]], 80, Paint(false)).len(), 2);
        assert_eq!(render(&[], 80, Paint(false)).len(), 1);
    }
}
