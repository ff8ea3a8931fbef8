//! Faults of the schema of the database.

/// Why this executable cannot use the schema of the database, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    /// No migration is applied.
    #[error("the database has no schema of qtask: run `qtask migrate` on it")]
    Missing,
    /// Migrations of this executable are not applied.
    #[error(
        "the database's schema is older than this qtask, {missing} migration(s) behind: run `qtask migrate` on it"
    )]
    Outdated {
        /// The number of migrations.
        missing: usize,
    },
    /// Migrations are applied that this executable does not have.
    #[error(
        "the database's schema is newer than this qtask, {unknown} migration(s) ahead: run the newer qtask, \
         or take them back with its `qtask migrate down`"
    )]
    TooNew {
        /// The number of migrations.
        unknown: usize,
    },
}

impl SchemaFault {
    /// The error code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "schema_missing",
            Self::Outdated { .. } => "schema_outdated",
            Self::TooNew { .. } => "schema_too_new",
        }
    }
}
