//! The versions of the schema that a database has.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::Prepared;

/// Read first: a statement over a missing table, or one without privileges, would be an ERROR in the server's log at each probe.
const TABLES: &str = "
SELECT versions IS NOT NULL AS has_versions,
       coalesce(has_table_privilege(versions, 'SELECT'), true) AS can_read_versions,
       coalesce(has_table_privilege(compatibility, 'SELECT'), false) AS can_read_compatibility
FROM to_regclass('__diesel_schema_migrations') AS versions, to_regclass('schema_compatibility') AS compatibility";
const APPLIED: &str =
    "SELECT version::text AS version, NULL AS serves_since FROM __diesel_schema_migrations";
const APPLIED_WITH_COMPATIBILITY: &str = "
SELECT applied.version::text AS version, compatible.serves_since
FROM __diesel_schema_migrations AS applied LEFT JOIN schema_compatibility AS compatible USING (version)";

#[derive(QueryableByName)]
struct TablesRow {
    #[diesel(sql_type = Bool)]
    has_versions: bool,
    #[diesel(sql_type = Bool)]
    can_read_versions: bool,
    #[diesel(sql_type = Bool)]
    can_read_compatibility: bool,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Nullable<Text>)]
    serves_since: Option<String>,
}

/// The versions that a database has. Each has the oldest version whose executable may serve it, if the database says so.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct AppliedVersions(BTreeMap<String, Option<String>>);

impl AppliedVersions {
    /// `None` if this role may not read them.
    pub(super) async fn read(connection: &mut AsyncPgConnection) -> QueryResult<Option<Self>> {
        let tables: TablesRow = Prepared(diesel::sql_query(TABLES))
            .get_result(connection)
            .await?;
        if !tables.has_versions {
            return Ok(Some(Self::default()));
        }
        if !tables.can_read_versions {
            return Ok(None);
        }
        let query = if tables.can_read_compatibility {
            APPLIED_WITH_COMPATIBILITY
        } else {
            APPLIED
        };
        let rows: Vec<VersionRow> = Prepared(diesel::sql_query(query)).load(connection).await?;
        let versions = rows.into_iter().map(|row| (row.version, row.serves_since));
        Ok(Some(Self(versions.collect())))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, version: &str) -> bool {
        self.0.contains_key(version)
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &str> {
        self.0.keys().rev().map(String::as_str)
    }

    /// Each version, the oldest first, with the oldest version whose executable may serve it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let versions = self.0.iter();
        versions.map(|(version, since)| (version.as_str(), since.as_deref()))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, Option<&str>); N]> for AppliedVersions {
    fn from(versions: [(&str, Option<&str>); N]) -> Self {
        let owned = versions.map(|(version, since)| (version.to_owned(), since.map(str::to_owned)));
        Self(BTreeMap::from(owned))
    }
}
