//! How the schema of the database differs from the one that this executable knows.

use std::fmt;

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
    /// Migrations are applied that this executable does not know, and that it may not serve.
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

/// A difference between the versions of the database and those of this executable that it may serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SchemaSkew {
    /// The number of applied migrations that this executable does not know. The database says that it may serve them.
    pub ahead: usize,
    /// The number of missing migrations. This executable works without them until they are applied.
    pub behind: usize,
}

impl SchemaSkew {
    /// Whether the versions are the same.
    pub const fn is_none(self) -> bool {
        self.ahead == 0 && self.behind == 0
    }
}

impl fmt::Display for SchemaSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ahead, behind } = self;
        let mut separator = "";
        if *ahead > 0 {
            write!(
                f,
                "the database's schema is {ahead} migration(s) ahead, and this qtask may serve it"
            )?;
            separator = "; ";
        }
        if *behind > 0 {
            write!(
                f,
                "{separator}the database's schema is {behind} migration(s) behind, and this qtask may serve it: \
                 run `qtask migrate` on it"
            )?;
        }
        Ok(())
    }
}
