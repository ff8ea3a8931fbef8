//! The versions of the schema that an executable knows, and whether it may serve a database.

use std::collections::BTreeMap;

use super::applied_versions::AppliedVersions;
use super::migrations::MIGRATIONS;
use super::schema_fault::{SchemaFault, SchemaSkew};

/// The versions that an executable knows. It works without the deferrable ones until they are applied.
pub(super) struct KnownVersions(BTreeMap<String, Need>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// The executable serves no database without the version.
    Required,
    /// The executable works without the version.
    Deferrable,
}

impl KnownVersions {
    pub(super) fn of_this_executable() -> Self {
        let known = MIGRATIONS.iter().map(|migration| {
            let need = if migration.is_deferrable() {
                Need::Deferrable
            } else {
                Need::Required
            };
            (migration.version(), need)
        });
        Self(known.collect())
    }

    /// Compares the versions of a database with those that the executable knows.
    pub(super) fn compare(&self, applied: &AppliedVersions) -> Result<SchemaSkew, SchemaFault> {
        if applied.is_empty() {
            return Err(SchemaFault::Missing);
        }
        let missing = || {
            self.0
                .iter()
                .filter(|(version, _)| !applied.contains(version))
        };
        let is_required = missing().any(|(_, need)| *need == Need::Required);
        let behind = missing().count();
        if is_required {
            return Err(SchemaFault::Outdated { missing: behind });
        }
        let unknown = || {
            applied
                .iter()
                .filter(|(version, _)| !self.contains(version))
        };
        let refused = unknown()
            .filter(|(_, since)| !self.may_serve(*since))
            .count();
        if refused > 0 {
            return Err(SchemaFault::TooNew { unknown: refused });
        }
        Ok(SchemaSkew {
            ahead: unknown().count(),
            behind,
        })
    }

    pub(super) fn contains(&self, version: &str) -> bool {
        self.0.contains_key(version)
    }

    /// Whether the executable may serve an unknown version that executables since `serves_since` may serve.
    pub(super) fn may_serve(&self, serves_since: Option<&str>) -> bool {
        let newest = self.0.keys().next_back();
        serves_since
            .zip(newest)
            .is_some_and(|(since, newest)| newest.as_str() >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applied_versions_are_compared_with_those_of_the_executable() {
        let known = KnownVersions(BTreeMap::from([
            ("1".to_owned(), Need::Required),
            ("2".to_owned(), Need::Required),
            ("3".to_owned(), Need::Deferrable),
        ]));
        let (one, two, three) = (("1", None), ("2", None), ("3", None));
        let served = |ahead, behind| Ok(SchemaSkew { ahead, behind });
        let outdated = |missing| Err(SchemaFault::Outdated { missing });
        let too_new = |unknown| Err(SchemaFault::TooNew { unknown });
        let cases = [
            (AppliedVersions::from([]), Err(SchemaFault::Missing)),
            (AppliedVersions::from([one]), outdated(2)),
            (AppliedVersions::from([one, ("4", Some("1"))]), outdated(2)),
            (AppliedVersions::from([one, two]), served(0, 1)),
            (AppliedVersions::from([one, two, three]), served(0, 0)),
            (
                AppliedVersions::from([one, two, three, ("4", None)]),
                too_new(1),
            ),
            (
                AppliedVersions::from([one, two, three, ("4", Some("4"))]),
                too_new(1),
            ),
            (
                AppliedVersions::from([one, two, three, ("4", Some("3"))]),
                served(1, 0),
            ),
            (
                AppliedVersions::from([one, two, ("4", Some("1"))]),
                served(1, 1),
            ),
            // The newest version ended what an earlier one still allowed.
            (
                AppliedVersions::from([one, two, three, ("4", Some("2")), ("5", Some("4"))]),
                too_new(1),
            ),
        ];
        for (applied, expected) in cases {
            assert_eq!(known.compare(&applied), expected, "{applied:?}");
        }
    }
}
