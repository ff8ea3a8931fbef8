//! Submissions that become tasks, and those that are refused.

use super::*;
use crate::domain::circuit_options::CircuitOptions;

fn validate(submission: Submission) -> Result<NewTask, FieldErrors> {
    submission.into_task(&Limits::default(), "default", "c-1".to_owned(), None)
}

fn problem(problem_id: &str) -> Submission {
    Submission {
        problem_id: Some(problem_id.to_owned()),
        ..Submission::default()
    }
}

fn circuit(source: &str) -> Submission {
    Submission {
        circuit: Some(source.to_owned()),
        ..Submission::default()
    }
}

#[test]
fn a_bare_circuit_gets_the_defaults() {
    let task = validate(circuit("qubit q;")).unwrap();
    assert_eq!(
        task.work,
        Work::Circuit {
            source: "qubit q;".to_owned(),
            options: CircuitOptions::of_shots(1024),
        }
    );
    assert_eq!(
        (task.backend.as_str(), task.priority, task.timeout_seconds),
        ("simulator", 5, 300)
    );
    assert_eq!(task.max_attempts, 3);
    assert!(task.work.parameters().is_empty());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let submission = Submission {
        shots: Some(0),
        priority: Some(11),
        timeout_seconds: Some(-1),
        max_attempts: Some(1 << 40),
        backend: Some("no spaces".to_owned()),
        ..Submission::default()
    };
    let errors = validate(submission).unwrap_err();
    let fields: Vec<_> = errors.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "backend",
            "circuit",
            "max_attempts",
            "priority",
            "shots",
            "timeout_seconds"
        ]
    );
    assert!(errors["shots"].starts_with("must be between 1 and 1000000, got 0"));
}

#[test]
fn nul_is_refused_wherever_it_hides() {
    assert!(validate(circuit("h q;\0")).unwrap_err()["circuit"].contains("byte 4"));
    let hidden = json!({"deep": [{"er": "x\0"}]});
    let submission = Submission {
        metadata: hidden.as_object().cloned(),
        ..circuit("h q;")
    };
    assert!(validate(submission).unwrap_err().contains_key("metadata"));
}

#[test]
fn a_circuit_over_the_limit_is_refused_by_its_size() {
    let errors = validate(circuit(&"x".repeat((8 << 20) + 1))).unwrap_err();
    assert_eq!(
        errors["circuit"],
        "has 8388609 bytes; at most 8388608 are allowed by QTASK_MAX_CIRCUIT_MIB=8"
    );
}

#[test]
fn a_bare_problem_gets_the_defaults_of_problems() {
    let task = validate(problem("k8s_target_port-misconfig-detection-1")).unwrap();
    assert_eq!(
        (task.backend.as_str(), task.priority, task.timeout_seconds),
        ("aiopslab", 5, 1_800)
    );
    assert_eq!(task.work.kind(), "problem");
    let parameters = json!({"agent_config": {}, "max_steps": 30});
    assert_eq!(Value::Object(task.work.parameters()), parameters);
}

#[test]
fn fields_of_the_other_kind_are_refused_by_name() {
    let submission = Submission {
        shots: Some(1),
        seed: Some(1),
        ..problem("p")
    };
    let errors = validate(submission).unwrap_err();
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["seed", "shots"]);
    let submission = Submission {
        max_steps: Some(1),
        ..circuit("h q;")
    };
    let errors = validate(submission).unwrap_err();
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["max_steps"]);
    let both = Submission {
        problem_id: Some("p".to_owned()),
        ..circuit("h q;")
    };
    assert!(validate(both).unwrap_err().contains_key("problem_id"));
}

#[test]
fn inputs_of_a_circuit_are_numbers_booleans_and_bits_under_names_of_openqasm() {
    let with = |input: Value| Submission {
        parameters: input.as_object().cloned(),
        ..circuit("input float a;")
    };
    let given = json!({"theta_1": 0.5, "π2": -3, "on": true, "mask": "0110", "a": [[1, 2]]});
    let task = validate(with(given.clone())).unwrap();
    assert_eq!(task.work.parameters()["input"], given);
    for (wrong, words) in [
        (json!({"2x": 1}), "`2x` cannot name an input"),
        (json!({"": 1}), "cannot name an input"),
        (json!({"a b": 1}), "cannot name an input"),
        (json!({"a": null}), "`a` must be a number"),
        (json!({"a": [1, null]}), "`a` must be a number"),
        (json!({"a": {"b": 1}}), "`a` must be a number"),
        (json!({"a": [[[[[[[[1]]]]]]]]}), "`a` must be a number"),
        (json!({"a": "x\0"}), "must not contain the NUL"),
        (
            json!({"a": "0".repeat(70_000)}),
            "at most 65536 are allowed",
        ),
    ] {
        let errors = validate(with(wrong.clone())).unwrap_err();
        assert!(errors["parameters"].contains(words), "{wrong}: {errors:?}");
    }
    let of_problem = Submission {
        parameters: Some(Map::new()),
        ..problem("p")
    };
    assert!(validate(of_problem).unwrap_err().contains_key("parameters"));
}

#[test]
fn a_timeout_has_one_unit() {
    let minutes = |minutes| Submission {
        timeout_minutes: Some(minutes),
        ..problem("p")
    };
    assert_eq!(validate(minutes(180)).unwrap().timeout_seconds, 10_800);
    for wrong in [0, 181, i64::MAX] {
        assert!(
            validate(minutes(wrong))
                .unwrap_err()
                .contains_key("timeout_minutes")
        );
    }
    let both = Submission {
        timeout_seconds: Some(60),
        ..minutes(1)
    };
    assert!(validate(both).unwrap_err().contains_key("timeout_minutes"));
}
