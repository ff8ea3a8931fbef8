//! The correlation id of the current work, which is part of all its log lines.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// Maximum number of ids that one log line names.
pub const MAX_NAMED: usize = 8;

/// The id of the current request or task.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `work` with this id.
pub async fn scope<F: Future>(id: &str, work: F) -> F::Output {
    CURRENT.scope(id.into(), work).await
}

/// Runs `work` with the current id, for work that is spawned as a separate tokio task.
pub fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current();
    async move {
        match id {
            Some(id) => CURRENT.scope(id, work).await,
            None => work.await,
        }
    }
}

/// Formats ids separated by commas: the first ones, and the number of the others.
pub struct Several<'a, T>(pub &'a [T]);

impl<T: fmt::Display> fmt::Display for Several<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.0.iter().take(MAX_NAMED).enumerate() {
            write!(f, "{}{id}", if index == 0 { "" } else { "," })?;
        }
        match self.0.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            rest => write!(f, " and {rest} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_id_goes_along_with_the_work() {
        assert_eq!(current(), None);
        let handed_on = scope("a", async {
            tokio::spawn(inherit(async { current() })).await.unwrap()
        });
        assert_eq!(handed_on.await.as_deref(), Some("a"));
    }

    #[test]
    fn a_line_names_a_few_of_many() {
        assert_eq!(Several(&["a", "b"]).to_string(), "a,b");
        let many: Vec<usize> = (0..20).collect();
        assert_eq!(Several(&many).to_string(), "0,1,2,3,4,5,6,7 and 12 more");
    }
}
