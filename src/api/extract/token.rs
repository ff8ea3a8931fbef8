//! `POST /tokens` and the query of `GET /tokens`.

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::ToSchema;

use super::{query, worker_fields};
use crate::api::Problem;
use crate::domain::access::{ADMIN_NAME, Caller, DEFAULT_PROJECT, Scope};
use crate::domain::backend::is_valid_name;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::token::is_token_id;
use crate::domain::whole_number;
use crate::store::{TokenGrant, TokenSearch};

/// Maximum number of backends of a token.
const MAX_BACKENDS: usize = 32;
/// The shortest and the longest time for which a token is valid, in seconds: a minute and ten years.
const MIN_SECONDS: i64 = 60;
const MAX_SECONDS: i64 = 10 * 365 * 24 * 3_600;
/// Maximum length of a page.
const MAX_PAGE: u16 = 1_000;
/// Default length of a page.
const DEFAULT_PAGE: usize = 100;

/// A new token.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "ci", "scopes": ["tasks:write"], "expires_in_seconds": 7_776_000}))]
pub struct CreateTokenRequest {
    /// Its name, for administrators and logs. At most two valid tokens have one name; `admin` is the name of the token that the
    /// configuration sets.
    #[schema(
        required = true,
        nullable = false,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    )]
    name: Option<String>,
    /// What it allows; `tasks:write` includes `tasks:read`, and `admin` all others.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 4)]
    scopes: Option<Vec<Scope>>,
    /// The only backends that its workers may serve; all by default.
    #[schema(min_items = 1, max_items = 32)]
    backends: Option<Vec<String>>,
    /// The project of the tasks that it submits.
    #[schema(default = "default", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    project: Option<String>,
    /// How long it is valid, in seconds; until it is revoked by default.
    #[schema(minimum = 60, maximum = 315_360_000)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    expires_in_seconds: Option<i64>,
}

impl CreateTokenRequest {
    /// Validates the request of this caller; returns all errors at once.
    pub fn check(self, caller: &Caller) -> Result<TokenGrant, FieldErrors> {
        let mut errors = FieldErrors::new();
        let name = name(&mut errors, self.name);
        let given = self.scopes.unwrap_or_default();
        if given.is_empty() || given.len() > Scope::ALL.len() {
            let message = "must have 1 to 4 of tasks:read, tasks:write, workers, admin";
            errors.insert("scopes".to_owned(), message.to_owned());
        }
        let scopes: BTreeSet<Scope> = given.into_iter().collect();
        let backends = backends(&mut errors, self.backends);
        let project = self.project.unwrap_or_else(|| DEFAULT_PROJECT.to_owned());
        checks::name(&mut errors, "project", "project", &project);
        let expires_in_seconds = self.expires_in_seconds.map(|seconds| {
            let (field, range) = ("expires_in_seconds", MIN_SECONDS..=MAX_SECONDS);
            checks::in_range(&mut errors, field, Some(seconds), range, MIN_SECONDS)
        });
        checks::refuse_if_any(errors)?;
        Ok(TokenGrant {
            name,
            scopes,
            backends,
            project,
            created_by: caller.token_name().map(str::to_owned),
            expires_in_seconds,
        })
    }
}

fn name(errors: &mut FieldErrors, given: Option<String>) -> String {
    match given.as_deref() {
        None => worker_fields::missing(errors, "name", "what administrators call the token"),
        Some(ADMIN_NAME) => {
            let message = "is the name of the token that the configuration sets";
            errors.insert("name".to_owned(), message.to_owned());
        }
        Some(name) => checks::name(errors, "name", "token", name),
    }
    given.unwrap_or_default()
}

fn backends(errors: &mut FieldErrors, given: Option<Vec<String>>) -> Option<Vec<String>> {
    let mut names = given?;
    if names.is_empty() || names.len() > MAX_BACKENDS {
        let message = format!("must have 1 to {MAX_BACKENDS} names");
        errors.insert("backends".to_owned(), message);
        return None;
    }
    for (index, name) in names.iter().enumerate() {
        checks::name(errors, &format!("backends[{index}]"), "backend", name);
    }
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// The token that a path names.
pub fn token_id(segment: &str) -> Result<&str, Problem> {
    // No token can have another id.
    if is_token_id(segment) {
        Ok(segment)
    } else {
        Err(Problem::token_not_found())
    }
}

/// Parses the query of `GET /tokens`.
pub fn token_search(query: &str) -> Result<TokenSearch, Problem> {
    let mut search = TokenSearch {
        limit: DEFAULT_PAGE,
        ..TokenSearch::default()
    };
    let errors = query::read(query, |parameter, value| {
        match parameter {
            "name" => search.name = Some(valid_name(value)?),
            "all" => search.with_ended = is_true(value)?,
            "limit" => search.limit = limit(value)?,
            "cursor" => search.after = Some(cursor(value)?),
            _ => return Err("is not known here: use name, all, limit, cursor".to_owned()),
        }
        Ok(())
    });
    query::accept(search, errors)
}

fn valid_name(value: &str) -> Result<String, String> {
    let mut errors = FieldErrors::new();
    checks::name(&mut errors, "name", "token", value);
    errors
        .remove("name")
        .map_or_else(|| Ok(value.to_owned()), Err)
}

fn is_true(value: &str) -> Result<bool, String> {
    let parsed = value.parse();
    parsed.map_err(|_| "must be true or false".to_owned())
}

fn limit(value: &str) -> Result<usize, String> {
    whole_number::of_text::<u16>(value)
        .filter(|limit| (1..=MAX_PAGE).contains(limit))
        .map(usize::from)
        .ok_or_else(|| format!("must be a whole number from 1 to {MAX_PAGE}"))
}

fn cursor(value: &str) -> Result<(String, String), String> {
    let parts = value.split_once(':');
    let parts = parts.filter(|(name, token_id)| is_valid_name(name) && is_token_id(token_id));
    parts
        .map(|(name, token_id)| (name.to_owned(), token_id.to_owned()))
        .ok_or_else(|| "is not the next_cursor of an earlier answer".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(body: Value) -> Result<TokenGrant, Vec<String>> {
        let request: CreateTokenRequest = serde_json::from_value(body).unwrap();
        let checked = request.check(&Caller::admin());
        checked.map_err(|errors| errors.into_keys().collect())
    }

    #[test]
    fn a_token_has_a_name_scopes_and_a_project() {
        let grant = checked(json!({"name": "ci", "scopes": ["tasks:read", "tasks:read"]})).unwrap();
        assert_eq!(grant.scopes, BTreeSet::from([Scope::TasksRead]));
        assert_eq!(
            (grant.project.as_str(), grant.expires_in_seconds),
            ("default", None)
        );
        assert_eq!(grant.created_by.as_deref(), Some("admin"));
        let worker = json!({"name": "w", "scopes": ["workers"], "backends": ["b", "a", "b"], "expires_in_seconds": 60});
        let grant = checked(worker).unwrap();
        assert_eq!(grant.backends, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(grant.expires_in_seconds, Some(60));
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        assert_eq!(checked(json!({})).unwrap_err(), ["name", "scopes"]);
        let bad = json!({"name": "admin", "scopes": ["workers"], "backends": ["a b"], "project": "", "expires_in_seconds": 59});
        let expected = ["backends[0]", "expires_in_seconds", "name", "project"];
        assert_eq!(checked(bad).unwrap_err(), expected);
        let none = json!({"name": "n", "scopes": ["workers"], "backends": []});
        assert_eq!(checked(none).unwrap_err(), ["backends"]);
    }

    #[test]
    fn a_page_begins_after_a_name_and_an_id() {
        let search = token_search("name=ci&all=true&limit=5&cursor=ci:0123456789ab").unwrap();
        let after = ("ci".to_owned(), "0123456789ab".to_owned());
        assert_eq!((search.after, search.limit), (Some(after), 5));
        assert!(search.with_ended && search.name.as_deref() == Some("ci"));
        let refused = token_search("cursor=ci&all=1&limit=0&colour=red").unwrap_err();
        for parameter in ["cursor", "all", "limit", "colour"] {
            assert!(refused.to_string().contains(parameter), "{refused}");
        }
    }
}
