//! Adds the validation rules that derived schemas lack to the OpenAPI document.
//!
//! A request that matches the document is valid; `tests/it/described/generated.rs` tests it. JSON Schema cannot
//! express sizes in bytes; the descriptions of the fields name them.

use serde_json::{Map, Value, json};

use crate::domain::submission::Limits;

/// Text without the NUL character, which PostgreSQL cannot store.
const NO_NUL: &str = r"^[^\u0000]*$";
/// Text for people: at least one visible character, and no control characters.
const VISIBLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// A program: at least one visible character, and no NUL.
const PROGRAM: &str = r"^[^\u0000]*[^\s\u0000\u0085][^\u0000]*$";
/// The name of a backend or a worker.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
/// The name of an input in OpenQASM.
const IDENTIFIER: &str = r"^[\p{L}_][\p{L}\p{N}_]*$";
/// A URL to call: with a host, and without user information.
const CALLABLE: &str = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\u0000-\u0020\u007f-\u009f@\\/?#]+([/?#][^\u0000-\u0020\u007f-\u009f]*)?$";
/// Visible ASCII, with spaces inside.
const KEY: &str = "^[!-~]([ -~]{0,253}[!-~])?$";
/// Any value of a header: what is no context of a trace is ignored.
const TRACE_CONTEXT: &str = "^([!-~]([ -~]{0,510}[!-~])?)?$";
const EVENT_ID: &str = "^([0-9]{1,18}[.][0-9]{1,18})?$";

/// Adds all validation rules to an OpenAPI document.
#[allow(
    clippy::indexing_slicing,
    reason = "members of JSON objects: one that is absent is null, or is made"
)]
pub fn apply(document: &mut Value, limits: &Limits) {
    for (name, schema) in components(limits) {
        overlay(&mut document["components"]["schemas"][name], schema);
    }
    let operations = document["paths"].as_object_mut().into_iter().flatten();
    let operations = operations.filter_map(|(_, methods)| methods.as_object_mut());
    for (_, operation) in operations.flatten() {
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            let has_own = parameter["schema"]["pattern"].is_string();
            if let Some(schema) = of_parameter(&parameter["name"], &parameter["in"])
                && (!has_own
                    || parameter["name"] == "Last-Event-ID"
                    || parameter["name"] == "last_event_id")
            {
                overlay(&mut parameter["schema"], schema);
            }
        }
    }
}

/// Merges `top` into `below`: its members replace those of the same name; objects are merged recursively.
fn overlay(below: &mut Value, top: Value) {
    match (below, top) {
        (Value::Object(below), Value::Object(top)) => {
            for (name, value) in top {
                overlay(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, top) => *below = top,
    }
}

fn of_parameter(name: &Value, place: &Value) -> Option<Value> {
    let some = |pattern: &str| json!({"minLength": 1, "pattern": pattern});
    Some(match (name.as_str()?, place.as_str()?) {
        ("problem_id" | "project" | "worker_id" | "name" | "backend" | "error_code", "query") => {
            some(NO_NUL)
        }
        ("tag", "query") => json!({"items": some(NO_NUL), "maxItems": 32}),
        ("Idempotency-Key", "header") => some(KEY),
        ("X-Correlation-ID", "header") => json!({"maxLength": 128, "pattern": KEY}),
        ("traceparent" | "tracestate", "header") => json!({"pattern": TRACE_CONTEXT}),
        ("last_event_id", "query") | ("Last-Event-ID", "header") => json!({"pattern": EVENT_ID}),
        _ => return None,
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object with any members.
fn own_object() -> Value {
    json!({"propertyNames": {"pattern": NO_NUL}, "additionalProperties": reference("JsonValue")})
}

/// Any value but null that PostgreSQL can store.
fn some_json() -> Value {
    json!([
        {"type": ["boolean", "number"]},
        {"type": "string", "pattern": NO_NUL},
        {"type": "array", "items": reference("JsonValue")},
        {"type": "object", "propertyNames": {"pattern": NO_NUL}, "additionalProperties": reference("JsonValue")},
    ])
}

fn nothing(fields: &[&str]) -> Map<String, Value> {
    let absent = |name: &&str| ((*name).to_owned(), json!({"type": "null"}));
    fields.iter().map(absent).collect()
}

/// A circuit or a problem, without fields of the other kind.
fn kinds() -> Value {
    let mut circuit = nothing(&["problem_id", "agent_config", "max_steps"]);
    circuit.insert("circuit".to_owned(), json!({"type": "string"}));
    let mut exact = circuit.clone();
    circuit.insert("shots".to_owned(), json!({"minimum": 1}));
    exact.insert("shots".to_owned(), json!({"enum": [0]}));
    let with =
        |name: &str, wanted: Value| json!({"required": [name], "properties": {name: wanted}});
    let mut problem = nothing(&[
        "circuit",
        "shots",
        "seed",
        "probabilities",
        "statevector",
        "memory",
        "parameters",
        "observables",
        "sweep",
    ]);
    problem.insert("problem_id".to_owned(), json!({"type": "string"}));
    json!([
        {"title": "A circuit", "required": ["circuit"], "properties": circuit},
        {"title": "A circuit without shots", "required": ["circuit", "shots"], "properties": exact, "anyOf": [
            with("observables", json!({"type": "array"})),
            with("probabilities", json!({"enum": [true]})),
            with("statevector", json!({"enum": [true]})),
        ]},
        {"title": "A problem", "required": ["problem_id"], "properties": problem},
    ])
}

fn inputs() -> Value {
    json!({"propertyNames": {"pattern": IDENTIFIER}, "additionalProperties": reference("InputValue")})
}

/// A Pauli string.
fn pauli_string() -> Value {
    json!({"type": "string", "pattern": "^[IXYZ]+$"})
}

/// Lists of values of inputs.
fn sweep() -> Value {
    json!({
        "propertyNames": {"pattern": IDENTIFIER}, "minProperties": 1,
        "additionalProperties": {"type": "array", "items": reference("InputValue"), "minItems": 1, "maxItems": 10_000},
    })
}

/// Either a list of ids or a filter.
fn rerun_request() -> Value {
    json!({
        "oneOf": [
            {"title": "By id", "required": ["task_ids"],
             "properties": {"task_ids": {"type": "array"}, "filter": {"oneOf": [{"type": "null"}]}}},
            {"title": "By filter", "required": ["filter"],
             "properties": {"task_ids": {"type": "null"}, "filter": {"oneOf": [reference("TaskSelection_EndedStatus")]}}},
        ],
        "properties": {"error_code": {"pattern": NO_NUL}},
    })
}

/// The texts of a filter.
fn selection() -> Value {
    let text = json!({"minLength": 1, "pattern": NO_NUL});
    json!({"properties": {
        "backend": text, "project": text, "problem_id": text, "worker_id": text, "name": text, "tags": {"items": text},
    }})
}

fn prune_request() -> Value {
    json!({"properties": {
        "statuses": {"items": {"enum": ["completed", "failed", "cancelled"]}}, "backend": {"pattern": NAME},
        "cursor": {"pattern": "^[CFX](0[0-9]|10)[0-9a-f]{32}$"},
    }})
}

fn pauli_term() -> Value {
    json!({
        "description": "A Pauli string with its coefficient, 1 by default.",
        "anyOf": [
            pauli_string(),
            {"type": "object", "required": ["pauli"], "additionalProperties": false,
             "properties": {"pauli": pauli_string(), "coeff": {"type": "number", "default": 1}}},
        ],
    })
}

fn observable() -> Value {
    json!({
        "description": "A real combination of Pauli strings: a list of terms, or one term.",
        "anyOf": [reference("PauliTerm"), {"type": "array", "items": reference("PauliTerm"), "maxItems": 10_000}],
    })
}

#[allow(
    clippy::indexing_slicing,
    reason = "members of JSON objects: one that is absent is null, or is made"
)]
fn components(limits: &Limits) -> Vec<(&'static str, Value)> {
    let circuit = json!({"pattern": PROGRAM, "maxLength": limits.max_circuit_bytes});
    let attempt = json!({"maximum": i32::MAX});
    let message = json!({"maxLength": 65_536});
    let both_times = ["timeout_minutes", "timeout_seconds"];
    let with_attempt = |mut properties: Value| {
        properties["attempt"] = attempt.clone();
        json!({"properties": properties})
    };
    let mut any_json = vec![json!({"type": "null"})];
    any_json.extend(some_json().as_array().into_iter().flatten().cloned());
    vec![
        (
            "JsonValue",
            json!({"description": "Anything, without the NUL character.", "anyOf": any_json}),
        ),
        (
            "InputValue",
            json!({
                "description": "A number, `true` or `false`, a text of bits or of a duration, or lists of those, which nest 7 deep at most.",
                "anyOf": [{"type": ["boolean", "number"]}, {"type": "string", "pattern": NO_NUL},
                          {"type": "array", "items": reference("InputValue")}],
            }),
        ),
        ("PauliTerm", pauli_term()),
        ("Observable", observable()),
        (
            "Submission",
            json!({
                "oneOf": kinds(),
                "not": {"required": both_times,
                        "properties": {"timeout_minutes": {"type": "integer"}, "timeout_seconds": {"type": "integer"}}},
                "properties": {
                    "circuit": circuit, "seed": {"maximum": u64::MAX}, "parameters": inputs(), "sweep": sweep(),
                    "observables": {"items": reference("Observable")},
                    "problem_id": {"pattern": VISIBLE}, "agent_config": own_object(), "backend": {"pattern": NAME},
                    "name": {"pattern": VISIBLE}, "metadata": own_object(),
                    "tags": {"items": {"minLength": 1, "maxLength": 64, "pattern": VISIBLE}},
                    "callback_url": {"pattern": CALLABLE, "maxLength": 2_000},
                },
            }),
        ),
        (
            "BatchSubmission",
            json!({"properties": {"tasks": {"items": {
                "properties": {"dry_run": {"enum": [false, null]}},
            }}}}),
        ),
        ("PruneRequest", prune_request()),
        (
            "CheckCircuitRequest",
            json!({"properties": {"circuit": circuit, "parameters": inputs()}}),
        ),
        (
            "AppendLogs",
            json!({
                "anyOf": [
                    {"title": "Lines", "required": ["logs"], "properties": {"logs": {"minItems": 1}}},
                    {"title": "Progress", "required": ["progress"], "properties": {"progress": {"type": "object"}}},
                {"title": "Output", "required": ["output"], "properties": {"output": {"type": "object"}}},
                ],
                "properties": {"attempt": attempt, "progress": own_object(), "output": own_object()},
            }),
        ),
        (
            "NewLogLine",
            json!({"properties": {"message": message, "context": own_object()}}),
        ),
        (
            "Complete",
            with_attempt(json!({"result": {"anyOf": some_json()}, "execution": own_object()})),
        ),
        ("TaskSelection_OpenStatus", selection()),
        ("TaskSelection_EndedStatus", selection()),
        ("RerunRequest", rerun_request()),
        (
            "PauseRequest",
            json!({"properties": {"reason": {"pattern": VISIBLE}}}),
        ),
        ("Fail", with_attempt(json!({"message": message}))),
        ("Release", with_attempt(json!({}))),
        (
            "CreateTokenRequest",
            json!({"properties": {"backends": {"items": {"pattern": NAME}}}}),
        ),
        (
            "RegisterRequest",
            json!({"properties": {
                "backends": {"items": {"pattern": NAME}}, "metadata": own_object(),
                "capabilities": {
                    "propertyNames": {"pattern": NO_NUL}, "additionalProperties": reference("JsonValue"),
                    "properties": {
                        "max_parallel_tasks": {"type": "integer", "minimum": 1, "maximum": 100_000},
                        "stop_grace_seconds": {"type": "number", "minimum": 0, "maximum": 600},
                    },
                },
            }}),
        ),
    ]
}
