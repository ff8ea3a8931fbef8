//! Observables of a request: their Pauli strings, and their expectations from the means of the strings.

use crate::error::SimulatorError;
use crate::ir::pauli::{PauliFactor, PauliString};
use crate::ir::program::Program;
use crate::output::Expectation;
use crate::request::Observable;
use std::collections::BTreeMap;

/// The observables of a request for a program.
pub(crate) struct ObservablePlan {
    /// Strings of all observables, all different.
    pub strings: Vec<PauliString>,
    /// For each observable, the numbers of its strings with their coefficients.
    sums: Vec<Vec<(usize, f64)>>,
}

impl ObservablePlan {
    /// Refuses strings that do not fit the program.
    pub(crate) fn new(
        observables: &[Observable],
        program: &Program,
    ) -> Result<Self, SimulatorError> {
        let mut numbers: BTreeMap<PauliString, usize> = BTreeMap::new();
        let mut sums = Vec::with_capacity(observables.len());
        for (observable, sum) in observables.iter().enumerate() {
            let mut merged: BTreeMap<usize, f64> = BTreeMap::new();
            for (term, given) in sum.terms.iter().enumerate() {
                let string = factors(&given.pauli, program).map_err(|message| {
                    SimulatorError::Observable {
                        observable,
                        term,
                        message,
                    }
                })?;
                let next = numbers.len();
                let number = *numbers.entry(string).or_insert(next);
                *merged.entry(number).or_insert(0.0) += given.coeff;
            }
            sums.push(merged.into_iter().collect());
        }
        let mut strings = vec![PauliString::new(); numbers.len()];
        for (string, number) in numbers {
            if let Some(place) = strings.get_mut(number) {
                *place = string;
            }
        }
        Ok(Self { strings, sums })
    }

    /// The expectation of each observable, from the mean of each string.
    pub(crate) fn expectations(&self, means: &[f64], shots: u32) -> Vec<Expectation> {
        let of = |sum: &Vec<(usize, f64)>| {
            let (mut value, mut variance) = (0.0, 0.0);
            for (number, coeff) in sum {
                let mean = means.get(*number).copied().unwrap_or_default();
                value += coeff * mean;
                variance += coeff * coeff * (1.0 - mean * mean).max(0.0);
            }
            Expectation {
                value,
                variance,
                standard_error: (shots > 0).then(|| (variance / f64::from(shots)).sqrt()),
            }
        };
        self.sums.iter().map(of).collect()
    }
}

/// The factors of a string, whose last letter is that of the first qubit.
fn factors(pauli: &str, program: &Program) -> Result<PauliString, String> {
    let (letters, qubits) = (pauli.chars().count(), program.order.len());
    let mut factors = PauliString::new();
    for (qubit, letter) in program.order.iter().zip(pauli.chars().rev()) {
        let (x, z) = match letter {
            'I' => continue,
            'X' => (true, false),
            'Y' => (true, true),
            'Z' => (false, true),
            other => {
                return Err(format!(
                    "`{}` is not a Pauli operator; the letters are I, X, Y and Z",
                    other.escape_default()
                ));
            }
        };
        factors.push(PauliFactor {
            qubit: *qubit,
            x,
            z,
        });
    }
    if letters != qubits {
        return Err(format!(
            "`pauli` must have one letter for each of the circuit's {qubits} qubits, the rightmost for qubit 0; it has {letters}"
        ));
    }
    Ok(factors)
}
