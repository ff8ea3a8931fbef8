//! Checking circuits without a task.

use actix_web::web;

use crate::api::extract::{CheckCircuitRequest, JsonBody, WithCircuit};
use crate::api::problem::ProblemBody;
use crate::api::responses::BodyErrors;
use crate::api::{ApiState, Problem};
use crate::executor::circuit_report::CircuitVerdict;

/// Check a circuit without running it.
///
/// The status is 200 even if the circuit is invalid, since the check succeeded. 422 means that the request itself
/// is invalid. Nothing is stored, and neither the database nor the queue is needed.
#[utoipa::path(
    post, path = "/circuits/check", operation_id = "check_circuit", tag = "circuits",
    request_body = CheckCircuitRequest,
    responses(
        (status = 200, description = "Whether the simulator would run it, and either its mistakes or what it would take.", body = CircuitVerdict),
        BodyErrors,
        (status = 503, description = "`overloaded`: too many checks are under way, or this one took too long.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn check_circuit(
    state: web::Data<ApiState>,
    body: JsonBody<CheckCircuitRequest, WithCircuit>,
) -> Result<web::Json<CircuitVerdict>, Problem> {
    let circuit_check = body.value.into_circuit_check(&state.limits);
    let circuit_check = circuit_check.map_err(Problem::validation)?;
    Ok(web::Json(
        state
            .circuit_checks
            .check(circuit_check, body.permit)
            .await?,
    ))
}
