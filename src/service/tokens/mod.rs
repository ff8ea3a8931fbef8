//! The tokens of requests: verified against the table, at most [`MAX_AGE`] old.
//!
//! A lookup is repeated when PostgreSQL announces a change of the token, or may have done so while this process was not
//! connected. Without announcements, a revocation takes effect when the lookup is too old.

mod cache;
mod uses;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::domain::access::AcceptedToken;
use crate::domain::token::{NewToken, token_id_in};
use crate::metrics;
use crate::store::{Store, StoreError, TokenCreation, TokenGrant, TokenRecord};
use cache::{LookedUp, LookupCache};
use uses::TokenUses;

use super::watch::Watch;

/// How long a token is not looked up again.
pub const MAX_AGE: Duration = Duration::from_secs(20);
/// The age that a lookup may have when an operation that waits begins, or goes on: it ends at most 30 seconds after a
/// revocation.
const MAX_AGE_WAITING: Duration = Duration::from_secs(5);
/// How often the token of an operation that waits is verified.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// How long an operation waits without a verification, because the database cannot be reached.
const MAX_UNVERIFIED: Duration = Duration::from_secs(30);
/// The delay after a verification that failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The most lookups at once: they share the connections of heartbeats, and callers may send any number of unknown tokens.
const MAX_LOOKUPS: usize = 1;
/// How often a token is generated anew if its id is taken.
const MAX_IDS: usize = 3;

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No token has this text.
    #[error("no token has this text")]
    Unknown,
    /// The caller has a token whose time is over.
    #[error("the token has expired")]
    Expired,
    /// The caller has a token that was revoked.
    #[error("the token is revoked")]
    Revoked,
    /// The token could not be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A new token, and its secret text.
pub struct CreatedToken {
    /// The token.
    pub token: NewToken,
    /// The answer of the store.
    pub creation: TokenCreation,
}

/// Verifies and administers tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    shared: Arc<TokensShared>,
}

struct TokensShared {
    store: Store,
    cache: LookupCache,
    uses: TokenUses,
    lookups: Semaphore,
    watch: Watch,
}

impl Tokens {
    /// Writes the uses of tokens until `stop` is cancelled.
    pub fn start(store: Store, watch: &Watch, stop: CancellationToken) -> Self {
        let shared = Arc::new(TokensShared {
            store,
            cache: LookupCache::default(),
            uses: TokenUses::default(),
            lookups: Semaphore::new(MAX_LOOKUPS),
            watch: watch.clone(),
        });
        let writer = shared.clone();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            writer.uses.write(&writer.store).await;
        }));
        Self { shared }
    }

    /// Returns the valid token with this text, and records its use.
    pub async fn verify(&self, text: &str) -> Result<Arc<AcceptedToken>, TokenError> {
        let token_id = token_id_in(text).ok_or(TokenError::Unknown)?;
        let found = self.look_up(token_id, MAX_AGE).await?;
        let stored = found.stored.as_ref().ok_or(TokenError::Unknown)?;
        // Only the holder of a token learns that it has expired.
        if !stored.digest.is_of(text) {
            return Err(TokenError::Unknown);
        }
        found.validity()?;
        self.shared.uses.note(token_id);
        Ok(stored.token.clone())
    }

    /// Completes when the token is not valid any more: at most 30 seconds after its revocation in any case, and at once if
    /// PostgreSQL announces it to this process.
    pub async fn ended(&self, token_id: &str) {
        let mut changes = self.shared.watch.tokens();
        let mut verified_at = Instant::now();
        loop {
            changes.mark_unchanged();
            let expires_at = match self.look_up(token_id, MAX_AGE_WAITING).await {
                Ok(found) if found.validity().is_ok() => {
                    verified_at = Instant::now();
                    found.expires_at
                }
                Ok(_) => return,
                Err(_) if verified_at.elapsed() >= MAX_UNVERIFIED => return,
                Err(error) => {
                    debug!(event = "token.unverified", token_id, %error, "token could not be verified");
                    tokio::time::sleep(RETRY_DELAY).await;
                    continue;
                }
            };
            let next = expires_at.map_or(CHECK_INTERVAL, |at| {
                at.saturating_duration_since(Instant::now())
                    .min(CHECK_INTERVAL)
            });
            tokio::select! {
                announced = changes.changed() => if announced.is_err() {
                    // The process stops.
                    return;
                },
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    async fn look_up(&self, token_id: &str, max_age: Duration) -> Result<LookedUp, StoreError> {
        let shared = &self.shared;
        // Read before the lookup begins: a later change makes its result unusable.
        let changes = shared.watch.token_change(token_id);
        let slot = shared.cache.slot(token_id, changes, max_age);
        let mut is_cached = true;
        let reading = async || {
            is_cached = false;
            let limit = shared.store.longest_statement();
            let turn = tokio::time::timeout(limit, shared.lookups.acquire()).await;
            let _turn = turn.map_err(|_| {
                StoreError::Unavailable(format!("no turn to look up a token within {limit:?}"))
            })?;
            let stored = shared.store.find_token(token_id).await?;
            let expires_in = stored.as_ref().and_then(|stored| stored.expires_in);
            Ok(LookedUp {
                expires_at: expires_in.map(|left| slot.began + left),
                stored,
            })
        };
        let found = slot.result.get_or_try_init(reading).await.cloned();
        metrics::token_lookup(match found {
            Ok(_) if is_cached => "cache",
            Ok(_) => "database",
            Err(_) => "none",
        });
        found
    }

    /// Creates a token.
    pub async fn create(&self, grant: &TokenGrant) -> Result<CreatedToken, StoreError> {
        let mut tries = 1;
        loop {
            let token = NewToken::generate();
            let store = &self.shared.store;
            let creation = store
                .create_token(&token.token_id, &token.digest, grant)
                .await?;
            if creation == TokenCreation::Conflict && tries < MAX_IDS {
                tries += 1;
                continue;
            }
            if let TokenCreation::Created { .. } = creation {
                self.shared.watch.note_token(&token.token_id);
                info!(
                    event = "token.created",
                    token_id = token.token_id,
                    name = grant.name,
                    project = grant.project,
                    by = grant.created_by,
                    "token created"
                );
            }
            return Ok(CreatedToken { token, creation });
        }
    }

    /// Revokes a token; `by` is the name of the token that revokes it.
    pub async fn revoke(
        &self,
        token_id: &str,
        by: Option<&str>,
    ) -> Result<Option<TokenRecord>, StoreError> {
        let revoked = self.shared.store.revoke_token(token_id).await?;
        self.shared.watch.note_token(token_id);
        if let Some(token) = &revoked {
            info!(
                event = "token.revoked",
                token_id,
                name = token.name,
                by,
                "token revoked"
            );
        }
        Ok(revoked)
    }

    /// Logs a warning if there are valid tokens, once the database can be reached: for a service that does not demand them.
    pub async fn warn_if_not_demanded(&self) {
        loop {
            match self.shared.store.has_tokens().await {
                Ok(true) => {
                    warn!(
                        event = "token.not_demanded",
                        "tokens exist, but this service does not demand them: set QTASK_REQUIRE_TOKENS=true"
                    );
                    return;
                }
                Ok(false) => return,
                Err(error) => {
                    debug!(event = "token.unchecked", %error, "it could not be checked whether there are tokens");
                    tokio::time::sleep(CHECK_INTERVAL).await;
                }
            }
        }
    }
}

impl LookedUp {
    fn validity(&self) -> Result<(), TokenError> {
        let stored = self.stored.as_ref().ok_or(TokenError::Unknown)?;
        if stored.is_revoked {
            return Err(TokenError::Revoked);
        }
        let is_over = |at: Instant| at <= Instant::now();
        if self.expires_at.is_some_and(is_over) {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}
