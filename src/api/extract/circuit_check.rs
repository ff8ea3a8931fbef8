//! `POST /circuits/check`.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::checks::{self, FieldErrors};
use crate::domain::submission::{Limits, check_circuit, check_inputs};
use crate::executor::CircuitCheck;

/// A circuit to check. The fields are those of a submission.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"circuit": "OPENQASM 3; input float a; qubit[2] q; rx(a) q[0]; cx q[0], q[1];"}))]
pub struct CheckCircuitRequest {
    /// The OpenQASM program, version 2 or 3.
    #[schema(min_length = 1)]
    circuit: String,
    /// Values for its `input` declarations; without this field, the circuit is checked for any values.
    parameters: Option<Map<String, Value>>,
}

impl CheckCircuitRequest {
    /// Validates the request, but not the circuit.
    pub fn into_circuit_check(self, limits: &Limits) -> Result<CircuitCheck, FieldErrors> {
        let mut errors = FieldErrors::new();
        if let Err(message) = check_circuit(&self.circuit, limits) {
            errors.insert("circuit".to_owned(), message);
        }
        if let Some(parameters) = &self.parameters {
            check_inputs(&mut errors, parameters);
        }
        checks::refuse_if_any(errors)?;
        let limit = limits.simulator_memory_bytes;
        Ok(CircuitCheck::new(self.circuit, self.parameters, limit))
    }
}
