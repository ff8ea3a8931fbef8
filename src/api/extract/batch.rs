//! `POST /tasks/batch`.

use serde::Deserialize;
use utoipa::ToSchema;

use super::object_list;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::submission::{Limits, Submission};
use crate::domain::task::{Idempotency, NewTask};

/// Maximum number of tasks of one batch.
pub const MAX_TASKS: usize = 1_000;
/// Maximum number of errors in one response.
const MAX_ERRORS: usize = 100;

/// Tasks that are accepted or refused together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchSubmission {
    /// The tasks, each as in a single submission.
    #[serde(deserialize_with = "object_list::of_objects::<_, _, MAX_TASKS>")]
    #[schema(min_items = 1, max_items = 1_000)]
    tasks: Vec<Submission>,
}

impl BatchSubmission {
    /// Validates the tasks.
    pub fn into_tasks(
        self,
        limits: &Limits,
        project: &str,
        correlation_id: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<Vec<NewTask>, FieldErrors> {
        let (mut tasks, mut errors) = (Vec::with_capacity(self.tasks.len()), FieldErrors::new());
        if self.tasks.is_empty() {
            let message = format!("must have 1 to {MAX_TASKS} entries");
            errors.insert("tasks".to_owned(), message);
        }
        for (index, submission) in self.tasks.into_iter().enumerate() {
            if submission.dry_run == Some(true) {
                let message = "is not for a batch; check its circuits at POST /circuits/check";
                errors.insert(format!("tasks[{index}].dry_run"), message.to_owned());
            }
            let key = idempotency.cloned();
            match submission.into_task(limits, project, correlation_id.to_owned(), key) {
                Ok(task) => tasks.push(task),
                Err(wrong) => errors.extend(within(index, wrong)),
            }
            if errors.len() >= MAX_ERRORS {
                break;
            }
        }
        checks::refuse_if_any(errors)?;
        Ok(tasks)
    }
}

/// Prefixes the errors of one task with its index in the batch.
fn within(index: usize, errors: FieldErrors) -> impl Iterator<Item = (String, String)> {
    errors
        .into_iter()
        .map(move |(field, message)| (format!("tasks[{index}].{field}"), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(body: &serde_json::Value) -> FieldErrors {
        serde_json::from_value::<BatchSubmission>(body.clone())
            .unwrap()
            .into_tasks(&Limits::default(), "default", "c", None)
            .unwrap_err()
    }

    #[test]
    fn a_mistake_is_named_with_the_place_of_its_task() {
        let errors = refusal(&json!({"tasks": [{"circuit": "x"}, {"circuit": "x", "shots": 0}]}));
        assert_eq!(errors.keys().collect::<Vec<_>>(), ["tasks[1].shots"]);
        assert!(refusal(&json!({"tasks": []})).contains_key("tasks"));
    }

    #[test]
    fn a_thousand_wrong_tasks_get_a_short_answer() {
        let body = json!({"tasks": vec![json!({"shots": 0}); MAX_TASKS]});
        assert!((MAX_ERRORS..MAX_ERRORS * 2).contains(&refusal(&body).len()));
    }

    #[test]
    fn a_batch_holds_a_thousand_objects_and_nothing_else() {
        let parse = |body: serde_json::Value| serde_json::from_value::<BatchSubmission>(body);
        assert!(parse(json!({"tasks": vec![json!({"circuit": "x"}); MAX_TASKS]})).is_ok());
        let more = parse(json!({"tasks": vec![json!({"circuit": "x"}); MAX_TASKS + 1]}));
        assert!(more.unwrap_err().to_string().contains("more than 1000"));
        let array = parse(json!({"tasks": [["OPENQASM 3;", 5]]}));
        assert!(array.unwrap_err().to_string().contains("an object"));
    }
}
