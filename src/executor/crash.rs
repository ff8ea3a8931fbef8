//! The message of an executor that panicked.

use std::any::Any;

use tokio::task::JoinError;

use crate::domain::settlement::{ErrorCode, Failure};

/// The failure of a runtime task that panicked or that the runtime aborted. `what` describes
/// its work.
pub fn crashed(what: &str, error: JoinError) -> Failure {
    let why = match error.try_into_panic() {
        Ok(payload) => panic_text(payload.as_ref()).to_owned(),
        Err(error) => error.to_string(),
    };
    Failure::transient(ErrorCode::ExecutionError, format!("{what}: {why}"))
}

/// The message of a panic: `panic!` leaves a `&str` or, with arguments, a `String`.
fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_reported_in_its_own_words() {
        let panics: [(fn(), &str); 3] = [
            (|| panic!("no such qubit"), "no such qubit"),
            (|| panic!("no qubit {}", 1 + 1), "no qubit 2"),
            (|| std::panic::panic_any(7), "a panic without a text"),
        ];
        for (simulator, text) in panics {
            let error = tokio::task::spawn_blocking(simulator).await.unwrap_err();
            let failure = crashed("the simulator failed on this circuit", error);
            let message = format!("the simulator failed on this circuit: {text}");
            assert_eq!(
                failure,
                Failure::transient(ErrorCode::ExecutionError, message)
            );
        }
    }
}
