//! The versions of the schema, embedded in the executable by `build.rs`.

use std::time::Duration;

use super::address::DatabaseAddress;

/// A version of the schema: a folder in `migrations/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Migration {
    /// The name of its folder.
    pub(super) name: &'static str,
    /// The statements that bring the schema from the previous version to this one.
    pub(super) up: &'static str,
    /// The statements that revert it.
    pub(super) down: &'static str,
    /// Whether its statements are one transaction. `CREATE INDEX CONCURRENTLY` does not work inside one.
    pub(super) is_transactional: bool,
}

/// All versions that this executable knows, the oldest first.
pub(super) const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The newest version of the schema that this executable knows: the name of its migration.
pub fn newest_schema() -> &'static str {
    MIGRATIONS.last().map_or("", |newest| newest.name)
}

/// How to reach the database, and for how long to wait for its tables.
#[derive(Debug, Clone, Copy)]
pub struct MigrationSettings<'a> {
    /// The servers.
    pub address: &'a DatabaseAddress,
    /// The time limit of connecting.
    pub connect_timeout: Duration,
    /// For how long a migration is repeated while other transactions keep it from locking its tables.
    pub lock_wait: Duration,
}

impl Migration {
    /// The digits before the underscore of its name, as `__diesel_schema_migrations` has them.
    pub(super) fn version(&self) -> String {
        let digits = self.name.split('_').next().unwrap_or_default();
        digits.replace('-', "")
    }

    /// Whether this executable works without it until it is applied.
    pub(super) fn is_deferrable(&self) -> bool {
        header(self.up, "Deferrable").is_some()
    }

    /// The data that are lost when it is reverted.
    pub(super) fn loses(&self) -> String {
        header(self.down, "Loses").unwrap_or_default()
    }
}

/// The value of a comment `-- Key: value`. Lines that begin with `--   ` continue it.
fn header(sql: &str, key: &str) -> Option<String> {
    let prefix = format!("-- {key}: ");
    let mut lines = sql.lines().skip_while(|line| !line.starts_with(&prefix));
    let mut value = lines.next()?.strip_prefix(&prefix)?.to_owned();
    for continued in lines.map_while(|line| line.strip_prefix("--   ")) {
        value = format!("{value} {continued}");
    }
    Some(value)
}

/// The statements of a migration without a transaction: each ends with `;` at the end of a line.
pub(super) fn statements(sql: &str) -> impl Iterator<Item = &str> {
    let statements = sql.split_inclusive(";\n").map(str::trim);
    statements.filter(|statement| !statement.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The first version that had to say which executables may serve it.
    const FIRST_WITH_ROW: &str = "20261130100000";

    fn with_row() -> impl Iterator<Item = &'static Migration> {
        let all = MIGRATIONS.iter();
        all.filter(|migration| migration.version().as_str() >= FIRST_WITH_ROW)
    }

    #[test]
    fn versions_are_fourteen_digits_and_differ() {
        let versions: BTreeSet<String> = MIGRATIONS.iter().map(Migration::version).collect();
        assert_eq!(versions.len(), MIGRATIONS.len());
        for version in versions {
            assert!(version.len() == 14 && version.bytes().all(|byte| byte.is_ascii_digit()));
        }
    }

    #[test]
    fn no_migration_is_older_than_the_first_that_says_which_executables_may_serve_it() {
        let older = MIGRATIONS.len() - with_row().count();
        assert_eq!(
            older, 11,
            "name a new migration by a time after {FIRST_WITH_ROW}"
        );
    }

    #[test]
    fn each_migration_says_what_is_lost_when_it_is_reverted() {
        for migration in MIGRATIONS {
            assert!(
                !migration.loses().is_empty(),
                "{}/down.sql: add a line `-- Loses: ` with the data that are lost, or `nothing`",
                migration.name
            );
        }
    }

    #[test]
    fn each_migration_says_how_long_it_locks() {
        for migration in with_row() {
            assert!(
                header(migration.up, "Locks").is_some_and(|text| !text.is_empty()),
                "{}/up.sql: add a line `-- Locks: ` with each table that it locks, and for how long",
                migration.name
            );
        }
    }

    #[test]
    fn each_migration_says_which_executables_may_serve_it() {
        for migration in with_row() {
            let (name, version) = (migration.name, migration.version());
            if header(migration.up, "Incompatible").is_some() {
                continue;
            }
            let row = "INSERT INTO schema_compatibility (version, serves_since) VALUES";
            assert!(
                migration.up.contains(&format!("{row} ('{version}', '")),
                "{name}/up.sql: add `{row} ('{version}', ...)` with the oldest version whose executable works with this \
                 schema, or a line `-- Incompatible: ` with the reason"
            );
            let removal = format!("DELETE FROM schema_compatibility WHERE version = '{version}'");
            assert!(
                migration.down.contains(&removal) || version == FIRST_WITH_ROW,
                "{name}/down.sql: add `{removal}`"
            );
        }
    }

    #[test]
    fn migrations_without_a_transaction_can_be_repeated_after_an_interruption() {
        for migration in MIGRATIONS.iter().filter(|it| !it.is_transactional) {
            let name = migration.name;
            let texts = format!("{}{}", migration.up, migration.down);
            assert!(!texts.contains("$$"), "{name}: statements are split at `;`");
            let words: Vec<&str> = texts.split_ascii_whitespace().collect();
            let built = words.windows(4).filter_map(|words| match words {
                ["CREATE", "INDEX", "CONCURRENTLY", index]
                | ["INDEX", "CONCURRENTLY", index, "ON"] => Some(*index),
                _ => None,
            });
            for index in built {
                assert!(
                    texts.contains(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index};\n")),
                    "{name}: an interrupted CREATE INDEX CONCURRENTLY leaves an invalid index: drop `{index}` first"
                );
            }
        }
    }

    #[test]
    fn a_header_continues_on_indented_lines() {
        let sql = "-- Why.\n-- Loses: the names,\n--   and the tags\n-- Other: x\nDROP TABLE a;\n";
        assert_eq!(header(sql, "Loses").unwrap(), "the names, and the tags");
        assert_eq!(header(sql, "Locks"), None);
    }

    #[test]
    fn statements_end_with_a_semicolon_at_the_end_of_a_line() {
        let sql = "-- One; two.\nDROP INDEX a;\n\nCREATE INDEX a\n    ON b (c);\n";
        let split: Vec<&str> = statements(sql).collect();
        assert_eq!(
            split,
            [
                "-- One; two.\nDROP INDEX a;",
                "CREATE INDEX a\n    ON b (c);"
            ]
        );
    }
}
