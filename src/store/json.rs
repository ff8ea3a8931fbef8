//! JSON as PostgreSQL prints it: a document that is only passed on is not parsed.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Jsonb;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A value of a jsonb column, as text. The parsed form of a document of small values takes up to a hundred times its length.
#[derive(Debug, Clone, FromSqlRow)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl FromSql<Jsonb, Pg> for Json {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        // The version of the format, always 1, and the text.
        let [1, text @ ..] = value.as_bytes() else {
            return Err("jsonb of an unknown version".into());
        };
        let text = String::from_utf8(text.to_vec())?;
        Ok(Self(RawValue::from_string(text)?))
    }
}
