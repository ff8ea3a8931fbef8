//! Responses about tokens.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::times::{optional_time, time};
use crate::domain::access::Scope;
use crate::store::{TokenList, TokenRecord, TokenStatus};

/// A new token with its text.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedToken)]
pub struct CreatedTokenView {
    /// Names the token.
    #[schema(example = "5f1d0c3a9b7e")]
    pub token_id: String,
    /// The token, to be sent as `Authorization: Bearer TOKEN`. It is not stored and not shown again.
    #[schema(example = "qtk_5f1d0c3a9b7e_...")]
    pub token: String,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The only backends that its workers may serve; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backends: Option<Vec<String>>,
    /// The project of the tasks that it submits.
    pub project: String,
    /// When it was created.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: OffsetDateTime,
    /// When it expires; absent if it does not.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<OffsetDateTime>,
}

/// A token without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    /// Names the token.
    #[schema(example = "5f1d0c3a9b7e")]
    pub token_id: String,
    /// Its name.
    pub name: String,
    /// Whether it is valid.
    pub status: TokenStatus,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The only backends that its workers may serve; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backends: Option<Vec<String>>,
    /// The project of the tasks that it submits.
    pub project: String,
    /// When it was created.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: OffsetDateTime,
    /// The name of the token that created it; absent if it was created without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it expires; absent if it does not.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<OffsetDateTime>,
}

impl From<TokenRecord> for TokenView {
    fn from(token: TokenRecord) -> Self {
        Self {
            token_id: token.token_id,
            name: token.name,
            status: token.status,
            scopes: token.scopes,
            backends: token.backends,
            project: token.project,
            created_at: token.created_at,
            created_by: token.created_by,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenPage {
    /// The tokens, ordered by name.
    pub tokens: Vec<TokenView>,
    /// The `cursor` of the next page; null on the last page.
    pub next_cursor: Option<String>,
}

impl From<TokenList> for TokenPage {
    fn from(page: TokenList) -> Self {
        let cursor = |(name, token_id)| format!("{name}:{token_id}");
        Self {
            tokens: page.tokens.into_iter().map(TokenView::from).collect(),
            next_cursor: page.next.map(cursor),
        }
    }
}
