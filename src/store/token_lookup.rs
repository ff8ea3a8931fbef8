//! Tokens of requests: look one up, record its use.

use std::sync::Arc;
use std::time::Duration;

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::statement::Prepared;
use super::tokens::known_scopes;
use super::{Store, StoreError};
use crate::domain::access::{AcceptedToken, SecretDigest};

/// A token in the table, valid or not.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// What it allows.
    pub token: Arc<AcceptedToken>,
    /// The digest of the whole token.
    pub digest: SecretDigest,
    /// Whether it is revoked.
    pub is_revoked: bool,
    /// How long it is valid, by the clock of PostgreSQL: zero if it has expired; without a limit if `None`.
    pub expires_in: Option<Duration>,
}

const FIND: &str = "
SELECT token_id, name, digest, scopes, backends, project, revoked_at IS NOT NULL AS is_revoked,
       CASE WHEN expires_at IS NOT NULL
            THEN greatest(floor(extract(epoch FROM expires_at - clock_timestamp()) * 1000), 0)::bigint END AS expires_in_ms
FROM tokens WHERE token_id = $1";

/// Several processes may record the use of one token: the row is written once a minute. A time ahead of the clock is replaced.
const RECORD_USES: &str = "
UPDATE tokens SET last_used_at = clock_timestamp()
WHERE token_id = ANY ($1)
  AND (last_used_at IS NULL OR last_used_at NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp())";

const ANY_VALID: &str = "
SELECT EXISTS (SELECT FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())) AS found";

#[derive(QueryableByName)]
struct StoredTokenRow {
    #[diesel(sql_type = Text)]
    token_id: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Binary)]
    digest: Vec<u8>,
    #[diesel(sql_type = Array<Text>)]
    scopes: Vec<String>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    backends: Option<Vec<String>>,
    #[diesel(sql_type = Text)]
    project: String,
    #[diesel(sql_type = Bool)]
    is_revoked: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    expires_in_ms: Option<i64>,
}

#[derive(QueryableByName)]
struct AnyTokenRow {
    #[diesel(sql_type = Bool)]
    found: bool,
}

impl StoredTokenRow {
    fn into_token(self) -> Option<StoredToken> {
        let milliseconds = |ms| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
        Some(StoredToken {
            // The table has a constraint on its length.
            digest: SecretDigest::from_bytes(&self.digest)?,
            is_revoked: self.is_revoked,
            expires_in: self.expires_in_ms.map(milliseconds),
            token: Arc::new(AcceptedToken {
                scopes: known_scopes(&self.scopes).collect(),
                token_id: self.token_id,
                name: self.name,
                backends: self.backends,
                project: self.project,
            }),
        })
    }
}

impl Store {
    /// Returns the token with this id.
    pub async fn find_token(&self, token_id: &str) -> Result<Option<StoredToken>, StoreError> {
        let row: Option<StoredTokenRow> = self
            .pools
            .run_control_read("find token", async |connection| {
                Prepared(diesel::sql_query(FIND).bind::<Text, _>(token_id))
                    .get_result(connection)
                    .await
                    .optional()
            })
            .await?;
        Ok(row.and_then(StoredTokenRow::into_token))
    }

    /// Records that the tokens with these ids were used now.
    pub async fn record_token_uses(&self, token_ids: &[String]) -> Result<(), StoreError> {
        self.pools
            .run_control("record uses of tokens", async |connection| {
                Prepared(diesel::sql_query(RECORD_USES).bind::<Array<Text>, _>(token_ids))
                    .execute(connection)
                    .await
            })
            .await
            .map(drop)
    }

    /// Whether there is a valid token.
    pub async fn has_tokens(&self) -> Result<bool, StoreError> {
        let row: AnyTokenRow = self
            .pools
            .run_read("check for tokens", async |connection| {
                Prepared(diesel::sql_query(ANY_VALID))
                    .get_result(connection)
                    .await
            })
            .await?;
        Ok(row.found)
    }
}
