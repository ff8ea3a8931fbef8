//! The options of a submitted circuit.

use serde_json::{Map, Value};

use crate::domain::checks::{FieldErrors, in_range};
use crate::domain::circuit_options::{CircuitOptions, MAX_SHOTS};
use crate::domain::observables::Observables;
use crate::domain::sweep_points;

/// The fields of a submission that become the options of a circuit; `inputs` are checked already.
pub(super) struct OptionFields {
    pub(super) shots: Option<i64>,
    pub(super) seed: Option<u64>,
    pub(super) memory: Option<bool>,
    pub(super) probabilities: Option<bool>,
    pub(super) statevector: Option<bool>,
    pub(super) inputs: Option<Map<String, Value>>,
    pub(super) observables: Option<Vec<Value>>,
    pub(super) sweep: Option<Map<String, Value>>,
}

impl OptionFields {
    pub(super) fn checked(self, errors: &mut FieldErrors) -> CircuitOptions {
        let observables = self.observables;
        let observables = observables.and_then(|given| Observables::parse(&given, errors));
        if let Some(sweep) = &self.sweep {
            sweep_points::check(errors, sweep, self.inputs.as_ref());
        }
        let is_exact = observables.is_some()
            || self.probabilities == Some(true)
            || self.statevector == Some(true);
        CircuitOptions {
            observables,
            sweep: self.sweep,
            seed: self.seed,
            memory: self.memory,
            probabilities: self.probabilities,
            statevector: self.statevector,
            inputs: self.inputs,
            ..CircuitOptions::of_shots(checked_shots(errors, self.shots, is_exact))
        }
    }
}

fn checked_shots(errors: &mut FieldErrors, given: Option<i64>, is_exact: bool) -> u32 {
    let least = i64::from(!is_exact);
    let shots = in_range(errors, "shots", given, least..=MAX_SHOTS, 1024);
    if given == Some(0)
        && let Some(message) = errors.get_mut("shots")
    {
        *message += "; without shots, a circuit needs observables, probabilities or statevector";
    }
    shots
}
