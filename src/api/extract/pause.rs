//! `POST /backends/{backend}/pause`.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::checks::{self, FieldErrors};

/// Maximum length of a reason, in characters.
const MAX_REASON: usize = 500;

/// Pauses a backend.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// The reason, which is shown wherever the pause is.
    #[schema(max_length = 500, example = "the cryostat warms up")]
    reason: Option<String>,
}

impl PauseRequest {
    /// Checks the reason and returns it.
    pub fn check(self) -> Result<Option<String>, FieldErrors> {
        let mut errors = FieldErrors::new();
        if let Some(reason) = &self.reason {
            checks::text(&mut errors, "reason", reason, MAX_REASON);
        }
        checks::refuse_if_any(errors)?;
        Ok(self.reason)
    }
}
