//! The operations of the document.

use reqwest::Method;
use serde_json::Value;

/// A method of a path.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// The method as the document names it.
    pub name: &'a str,
    /// The path, with its parameters in braces.
    pub path: &'a str,
    /// What the document says about it.
    pub described: &'a Value,
}

impl<'a> Operation<'a> {
    /// All of them.
    pub fn all(document: &'a Value) -> Vec<Self> {
        let paths = document["paths"].as_object().expect("paths").iter();
        let of_path = |(path, methods): (&'a String, &'a Value)| {
            let methods = methods.as_object().expect("methods").iter();
            methods.map(move |(name, described)| Self {
                name,
                path,
                described,
            })
        };
        let all: Vec<Self> = paths.flat_map(of_path).collect();
        assert!(!all.is_empty());
        all
    }

    /// Its name in programs.
    pub fn id(&self) -> &'a str {
        self.described["operationId"].as_str().expect("an id")
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.name.to_uppercase().parse().expect("a method")
    }

    /// The statuses of its answers.
    pub fn statuses(&self) -> impl Iterator<Item = &'a str> {
        let answers = self.described["responses"].as_object().expect("answers");
        answers.keys().map(String::as_str)
    }

    /// Whether it may answer with this status.
    pub fn answers(&self, status: &str) -> bool {
        self.statuses().any(|it| it == status)
    }

    /// What is said about the answer with this status; null where it has none.
    pub fn answer(&self, status: &str) -> &'a Value {
        &self.described["responses"][status]
    }

    /// Whether it takes a body.
    pub fn has_body(&self) -> bool {
        self.described["requestBody"].is_object()
    }

    /// The path for this task and this worker.
    pub fn at(&self, task_id: &str, worker_id: &str) -> String {
        let path = self.path.replace("{task_id}", task_id);
        // A backend may have the name of a worker.
        let path = path.replace("{backend}", worker_id);
        let path = path.replace("{worker_id}", worker_id);
        // No token has this id.
        path.replace("{token_id}", "0123456789ab")
    }
}

/// The codes that the description of an answer names, each in backticks before a colon; none where there is no such
/// answer.
pub fn codes(answer: &Value) -> Vec<String> {
    let text = answer["description"].as_str().unwrap_or_default();
    let parts: Vec<&str> = text.split('`').collect();
    let quoted = parts.windows(2).skip(1).step_by(2);
    quoted
        .filter(|pair| pair[1].starts_with(':'))
        .map(|pair| pair[0].to_owned())
        .collect()
}
