//! Who may do what: scopes of tokens, and the caller of a request.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

/// The project of tasks that were submitted without a token, or with one of no other project.
pub const DEFAULT_PROJECT: &str = "default";

/// The name of the token that the configuration sets; no other token may have it.
pub const ADMIN_NAME: &str = "admin";

/// A group of operations that a token allows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Scope {
    /// Read tasks, logs, workers, backends and metrics, and check circuits.
    #[serde(rename = "tasks:read")]
    TasksRead,
    /// Submit and cancel tasks; includes `tasks:read`.
    #[serde(rename = "tasks:write")]
    TasksWrite,
    /// Register as a worker, claim tasks and report their ends.
    #[serde(rename = "workers")]
    Workers,
    /// Everything, such as tokens and drains of workers; includes all other scopes.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [
        Self::TasksRead,
        Self::TasksWrite,
        Self::Workers,
        Self::Admin,
    ];

    /// The name in the API, the database and the OpenAPI document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TasksRead => "tasks:read",
            Self::TasksWrite => "tasks:write",
            Self::Workers => "workers",
            Self::Admin => "admin",
        }
    }

    /// Whether a token of this scope may do what `needed` names.
    const fn includes(self, needed: Self) -> bool {
        match (self, needed) {
            (Self::Admin, _) | (Self::TasksWrite, Self::TasksRead) => true,
            (own, needed) => own as u8 == needed as u8,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a scope.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a scope; use tasks:read, tasks:write, workers, admin")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        let mut all = Self::ALL.into_iter();
        all.find(|scope| scope.as_str() == name)
            .ok_or_else(|| UnknownScope(super::checks::excerpt(name)))
    }
}

/// A token that was accepted, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedToken {
    /// The part of the token that names it.
    pub token_id: String,
    /// The name that an administrator gave it.
    pub name: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// The only backends that its workers may serve; all if `None`.
    pub backends: Option<Vec<String>>,
    /// The project of the tasks that it submits.
    pub project: String,
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: the service demands no tokens. All operations are allowed.
    Anybody,
    /// The holder of a token.
    Token(Arc<AcceptedToken>),
}

impl Caller {
    /// The holder of the token that the configuration sets.
    pub fn admin() -> Self {
        Self::Token(Arc::new(AcceptedToken {
            token_id: ADMIN_NAME.to_owned(),
            name: ADMIN_NAME.to_owned(),
            scopes: BTreeSet::from([Scope::Admin]),
            backends: None,
            project: DEFAULT_PROJECT.to_owned(),
        }))
    }

    fn token(&self) -> Option<&AcceptedToken> {
        match self {
            Self::Anybody => None,
            Self::Token(token) => Some(token),
        }
    }

    /// Whether the scope is allowed.
    pub fn may(&self, needed: Scope) -> bool {
        self.token()
            .is_none_or(|token| token.scopes.iter().any(|scope| scope.includes(needed)))
    }

    /// The id of the token; `None` on a service without tokens.
    pub fn token_id(&self) -> Option<&str> {
        self.token().map(|token| token.token_id.as_str())
    }

    /// The name of the token; `None` on a service without tokens. Two tokens may have one name.
    pub fn token_name(&self) -> Option<&str> {
        self.token().map(|token| token.name.as_str())
    }

    /// Whether the caller may know a session that the token of this name began: its id is what identifies a worker.
    pub fn may_know_session_of(&self, token_name: Option<&str>) -> bool {
        self.may(Scope::Admin) || self.token_name() == token_name
    }

    /// The project of the tasks that the caller submits.
    pub fn project(&self) -> &str {
        self.token()
            .map_or(DEFAULT_PROJECT, |token| token.project.as_str())
    }

    /// The first of these backends that the caller's workers may not serve.
    pub fn foreign_backend<'a>(&self, backends: &'a [String]) -> Option<&'a str> {
        let allowed = self.token()?.backends.as_ref()?;
        let foreign = |backend: &&String| !allowed.contains(backend);
        backends.iter().find(foreign).map(String::as_str)
    }
}

/// The SHA-256 of a secret: comparisons take the same time for all texts, and nothing shows the secret.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// The digest in these bytes; `None` if their number is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes of the digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the digest of the text.
    pub fn is_of(&self, text: &str) -> bool {
        self.0.ct_eq(&Self::of(text).0).into()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// Whether a service demands tokens.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody who reaches the service may do everything.
    Open,
    /// Each request needs a token, except those for probes and the description of the API.
    Tokens {
        /// The token that the configuration sets, if it sets one.
        admin: Option<SecretDigest>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scopes: &[Scope], backends: Option<&[&str]>) -> Caller {
        Caller::Token(Arc::new(AcceptedToken {
            token_id: "0123".to_owned(),
            name: "ci".to_owned(),
            scopes: scopes.iter().copied().collect(),
            backends: backends.map(|names| names.iter().map(ToString::to_string).collect()),
            project: "lab".to_owned(),
        }))
    }

    #[test]
    fn a_scope_is_found_again_by_its_name() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        assert!("tasks".parse::<Scope>().is_err());
    }

    #[test]
    fn admin_includes_everything_and_writers_may_read() {
        let allowed = |scope| Scope::ALL.map(|needed| caller(&[scope], None).may(needed));
        assert_eq!(allowed(Scope::TasksRead), [true, false, false, false]);
        assert_eq!(allowed(Scope::TasksWrite), [true, true, false, false]);
        assert_eq!(allowed(Scope::Workers), [false, false, true, false]);
        assert_eq!(allowed(Scope::Admin), [true; 4]);
        assert!(!caller(&[], None).may(Scope::TasksRead));
        assert!(Caller::Anybody.may(Scope::Admin));
    }

    #[test]
    fn a_token_may_restrict_the_backends_of_its_workers() {
        let served = ["a".to_owned(), "b".to_owned()];
        let foreign = |backends| caller(&[Scope::Workers], backends).foreign_backend(&served);
        assert_eq!(foreign(None), None);
        assert_eq!(foreign(Some(&["a", "b", "c"])), None);
        assert_eq!(foreign(Some(&["a"])), Some("b"));
        assert_eq!(Caller::Anybody.foreign_backend(&served), None);
    }

    #[test]
    fn a_digest_is_compared_and_never_shown() {
        let digest = SecretDigest::of("sesame");
        assert!(digest.is_of("sesame") && !digest.is_of("sesam"));
        assert_eq!(format!("{digest:?}"), "SecretDigest(..)");
    }
}
