//! Times in responses, for `serialize_with`.

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use crate::domain::timestamp::rfc3339_milliseconds;

/// Serializes a time.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
pub fn time<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_milliseconds(*time))
}

/// Serializes an optional time.
#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives references"
)]
pub fn optional_time<S: Serializer>(
    time: &Option<OffsetDateTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(rfc3339_milliseconds).serialize(serializer)
}
