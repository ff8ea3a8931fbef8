//! A batch of tasks that one request submits.

/// Maximum number of tasks per request.
const MOST_AT_ONCE: usize = 1000;
/// Maximum size of a request, in bytes; a single task may be larger.
const MOST_BYTES: usize = 3 << 20;

/// The bodies of one request, and the names of their tasks.
#[derive(Debug, Default)]
pub struct RequestBatch {
    /// The tasks, as JSON.
    pub bodies: Vec<String>,
    /// The names of their sources.
    pub names: Vec<String>,
    bytes: usize,
}

impl RequestBatch {
    /// Whether the batch can take one more body; an empty batch takes any.
    pub fn has_room_for(&self, body: &str) -> bool {
        self.bodies.is_empty()
            || (self.bodies.len() < MOST_AT_ONCE && self.bytes + body.len() <= MOST_BYTES)
    }

    /// Adds a task.
    pub fn push(&mut self, body: String, name: String) {
        self.bytes += body.len() + 1;
        self.bodies.push(body);
        self.names.push(name);
    }

    /// Translates a field name into the user's terms: `tasks[3].shots` becomes `FILE: shots`, with the file
    /// of the fourth task.
    pub fn called(&self, field: &str) -> String {
        called(field, &self.names)
    }
}

fn called(field: &str, names: &[String]) -> String {
    let in_batch = || {
        let (place, field) = field.strip_prefix("tasks[")?.split_once(']')?;
        let name = names.get(place.parse::<usize>().ok()?)?;
        Some((name, field.trim_start_matches('.')))
    };
    match (in_batch(), names) {
        (Some((name, "")), _) => name.clone(),
        (Some((name, field)), _) => format!("{name}: {field}"),
        (None, [name]) if field == "circuit" => format!("{name}: {field}"),
        (None, _) => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_batch_name_the_file() {
        let names = ["a.qasm".to_owned(), "b.qasm".to_owned()];
        let said = [
            "tasks[1].circuit",
            "tasks[0]",
            "tasks[7].shots",
            "tasks",
            "shots",
        ]
        .map(|field| called(field, &names));
        assert_eq!(
            said,
            [
                "b.qasm: circuit",
                "a.qasm",
                "tasks[7].shots",
                "tasks",
                "shots"
            ]
        );
        assert_eq!(called("circuit", &names[..1]), "a.qasm: circuit");
    }

    #[test]
    fn a_request_is_bounded_in_tasks_and_in_bytes() {
        let mut batch = RequestBatch::default();
        let large = "x".repeat(MOST_BYTES + 1);
        assert!(batch.has_room_for(&large));
        batch.push(large, "a".to_owned());
        assert!(!batch.has_room_for("x"));
        let mut batch = RequestBatch::default();
        for _ in 0..MOST_AT_ONCE {
            assert!(batch.has_room_for("x"));
            batch.push("x".to_owned(), "a".to_owned());
        }
        assert!(!batch.has_room_for("x"));
    }
}
