//! Tokens: create, list, revoke.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::sql::body;
use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::access::{Scope, SecretDigest};

/// The most tokens that are valid at once.
pub const MAX_TOKENS: i64 = 10_000;
/// The most tokens of one name that are valid at once: the second replaces the first without an interruption.
pub const MAX_TOKENS_OF_NAME: u8 = 2;
/// How many revoked and expired tokens are kept.
const MAX_ENDED_TOKENS: i64 = 10_000;
/// How often a creation is tried that conflicts with another one.
const MAX_TRIES: usize = 5;

/// What a new token allows.
#[derive(Debug, Clone)]
pub struct TokenGrant {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// The only backends that its workers may serve; all if `None`.
    pub backends: Option<Vec<String>>,
    /// The project of the tasks that it submits.
    pub project: String,
    /// The name of the token that creates it.
    pub created_by: Option<String>,
    /// When it expires, in seconds from now; never if `None`.
    pub expires_in_seconds: Option<i32>,
}

/// The answer to a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenCreation {
    /// The token is valid from now on.
    Created {
        /// The time of its creation.
        created_at: OffsetDateTime,
        /// The time after which it is not valid any more.
        expires_at: Option<OffsetDateTime>,
    },
    /// Another token has this id, or was created at the same time under this name.
    Conflict,
    /// [`MAX_TOKENS_OF_NAME`] valid tokens have this name.
    NameTaken,
    /// [`MAX_TOKENS`] tokens are valid.
    Full,
}

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenStatus {
    /// Valid.
    Active,
    /// Its time is over.
    Expired,
    /// An administrator revoked it.
    Revoked,
}

/// A token without its secret.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct TokenRecord {
    pub token_id: String,
    pub name: String,
    pub status: TokenStatus,
    pub scopes: Vec<Scope>,
    pub backends: Option<Vec<String>>,
    pub project: String,
    pub created_at: OffsetDateTime,
    pub created_by: Option<String>,
    pub expires_at: Option<OffsetDateTime>,
    pub revoked_at: Option<OffsetDateTime>,
    pub last_used_at: Option<OffsetDateTime>,
}

/// Which tokens to list.
#[derive(Debug, Clone, Default)]
pub struct TokenSearch {
    /// Only tokens of this name.
    pub name: Option<String>,
    /// Whether revoked and expired tokens are listed, too.
    pub with_ended: bool,
    /// The name and the id of the last token of the page before.
    pub after: Option<(String, String)>,
    /// The most tokens on the page.
    pub limit: usize,
}

/// A page of tokens, by name.
#[derive(Debug, Clone)]
pub struct TokenList {
    /// The tokens.
    pub tokens: Vec<TokenRecord>,
    /// The name and the id of the last token, if others follow.
    pub next: Option<(String, String)>,
}

static CREATE: LazyLock<&str> = LazyLock::new(|| body(include_str!("tokens_create.sql")));

macro_rules! columns {
    () => {
        "token_id, name, scopes, backends, project, created_at, created_by, expires_at, revoked_at, last_used_at,
       expires_at IS NOT NULL AND expires_at <= clock_timestamp() AS is_expired"
    };
}

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tokens
WHERE (name, token_id) > ($1, $2) AND ($3 IS NULL OR name = $3)
  AND ($4 OR (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())))
ORDER BY name, token_id LIMIT $5"
);

/// The first revocation is the one that counts.
const REVOKE: &str = concat!(
    "WITH revoked AS (
    UPDATE tokens SET revoked_at = coalesce(revoked_at, clock_timestamp()), slot = NULL WHERE token_id = $1 RETURNING *
), notified AS (
    SELECT count(pg_notify('qtask_tokens', token_id)) AS tokens FROM revoked
)
SELECT ",
    columns!(),
    " FROM revoked, notified"
);

#[derive(QueryableByName)]
struct TokenCreatedRow {
    #[diesel(sql_type = Bool)]
    is_full: bool,
    #[diesel(sql_type = Bool)]
    is_name_taken: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    created_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<OffsetDateTime>,
}

#[derive(QueryableByName)]
struct TokenRow {
    #[diesel(sql_type = Text)]
    token_id: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Array<Text>)]
    scopes: Vec<String>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    backends: Option<Vec<String>>,
    #[diesel(sql_type = Text)]
    project: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: OffsetDateTime,
    #[diesel(sql_type = Nullable<Text>)]
    created_by: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    revoked_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_used_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Bool)]
    is_expired: bool,
}

impl From<TokenRow> for TokenRecord {
    fn from(row: TokenRow) -> Self {
        Self {
            status: match (row.revoked_at, row.is_expired) {
                (Some(_), _) => TokenStatus::Revoked,
                (None, true) => TokenStatus::Expired,
                (None, false) => TokenStatus::Active,
            },
            scopes: known_scopes(&row.scopes).collect(),
            token_id: row.token_id,
            name: row.name,
            backends: row.backends,
            project: row.project,
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// The scopes of these names. A newer version may have stored others, which allow nothing here.
pub(super) fn known_scopes(names: &[String]) -> impl Iterator<Item = Scope> {
    names.iter().filter_map(|name| name.parse().ok())
}

impl Store {
    /// Creates a token, of which only the digest is stored. `Conflict`: to be repeated with another id.
    pub async fn create_token(
        &self,
        token_id: &str,
        digest: &SecretDigest,
        grant: &TokenGrant,
    ) -> Result<TokenCreation, StoreError> {
        let scopes: Vec<&str> = grant.scopes.iter().map(|scope| scope.as_str()).collect();
        for _ in 0..MAX_TRIES {
            let row: TokenCreatedRow = self
                .pools
                .run_control("create token", async |connection| {
                    Prepared(
                        diesel::sql_query(*CREATE)
                            .bind::<Text, _>(token_id)
                            .bind::<Text, _>(&grant.name)
                            .bind::<Binary, _>(digest.as_bytes())
                            .bind::<Array<Text>, _>(&scopes)
                            .bind::<Nullable<Array<Text>>, _>(&grant.backends)
                            .bind::<Text, _>(&grant.project)
                            .bind::<Nullable<Text>, _>(&grant.created_by)
                            .bind::<Nullable<Integer>, _>(grant.expires_in_seconds)
                            .bind::<BigInt, _>(MAX_TOKENS)
                            .bind::<BigInt, _>(MAX_ENDED_TOKENS),
                    )
                    .get_result(connection)
                    .await
                })
                .await?;
            match row.created_at {
                Some(created_at) => {
                    return Ok(TokenCreation::Created {
                        created_at,
                        expires_at: row.expires_at,
                    });
                }
                None if row.is_name_taken => return Ok(TokenCreation::NameTaken),
                None if row.is_full => return Ok(TokenCreation::Full),
                // Another statement took the slot first: this one finds the other slot, or none.
                None => {}
            }
        }
        Ok(TokenCreation::Conflict)
    }

    /// Returns a page of tokens.
    pub async fn tokens(&self, search: &TokenSearch) -> Result<TokenList, StoreError> {
        let (name, token_id) = search.after.clone().unwrap_or_default();
        let rows: Vec<TokenRow> = self
            .pools
            .run_read("list tokens", async |connection| {
                Prepared(
                    diesel::sql_query(LIST)
                        .bind::<Text, _>(&name)
                        .bind::<Text, _>(&token_id)
                        .bind::<Nullable<Text>, _>(&search.name)
                        .bind::<Bool, _>(search.with_ended)
                        // One token more than the limit shows whether there is a next page.
                        .bind::<BigInt, _>(i64::try_from(search.limit).unwrap_or(i64::MAX - 1) + 1),
                )
                .load(connection)
                .await
            })
            .await?;
        let more = rows.len() > search.limit;
        let tokens: Vec<TokenRecord> = rows
            .into_iter()
            .take(search.limit)
            .map(TokenRecord::from)
            .collect();
        let last = tokens.last().filter(|_| more);
        Ok(TokenList {
            next: last.map(|token| (token.name.clone(), token.token_id.clone())),
            tokens,
        })
    }

    /// Revokes a token, and returns it; `None` if no token has this id. A repetition changes nothing.
    pub async fn revoke_token(&self, token_id: &str) -> Result<Option<TokenRecord>, StoreError> {
        let row: Option<TokenRow> = self
            .pools
            .run_control("revoke token", async |connection| {
                Prepared(diesel::sql_query(REVOKE).bind::<Text, _>(token_id))
                    .get_result(connection)
                    .await
                    .optional()
            })
            .await?;
        Ok(row.map(TokenRecord::from))
    }
}
