//! The text of a token: `qtk_<id>_<secret>`.

use super::access::SecretDigest;

/// Begins each token, so that scanners of source code recognise leaked ones.
const PREFIX: &str = "qtk_";
/// The digits of an id: enough that two tokens practically never have the same.
const ID_DIGITS: usize = 12;
/// The digits of a secret: 32 random bytes.
const SECRET_DIGITS: usize = 64;

/// A new token.
pub struct NewToken {
    /// The part that names it.
    pub token_id: String,
    /// The whole token, which is shown once.
    pub text: String,
    /// The digest of the whole token.
    pub digest: SecretDigest,
}

impl NewToken {
    /// Generates a token.
    pub fn generate() -> Self {
        let token_id = format!("{:012x}", rand::random::<u64>() >> 16);
        let (first, second) = (rand::random::<u128>(), rand::random::<u128>());
        let secret = format!("{first:032x}{second:032x}");
        let text = format!("{PREFIX}{token_id}_{secret}");
        Self {
            digest: SecretDigest::of(&text),
            token_id,
            text,
        }
    }
}

/// The id in a token; `None` if the text does not have the form of a token.
pub fn token_id_in(text: &str) -> Option<&str> {
    let (token_id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_secret = secret.len() == SECRET_DIGITS && is_hex(secret);
    (is_token_id(token_id) && is_secret).then_some(token_id)
}

/// Whether the text has the form of a token's id.
pub fn is_token_id(text: &str) -> bool {
    text.len() == ID_DIGITS && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_names_its_id_and_is_not_repeated() {
        let (first, second) = (NewToken::generate(), NewToken::generate());
        assert_eq!(token_id_in(&first.text), Some(first.token_id.as_str()));
        assert_eq!(first.text.len(), 4 + 12 + 1 + 64);
        assert!(first.digest.is_of(&first.text) && !first.digest.is_of(&second.text));
    }

    #[test]
    fn other_texts_are_not_tokens() {
        let token = NewToken::generate().text;
        for bad in [
            "",
            "qtk_",
            "sesame",
            &token[..80],
            &token.to_uppercase(),
            &format!("{token}0"),
        ] {
            assert_eq!(token_id_in(bad), None, "{bad}");
        }
        assert!(!is_token_id("0123456789aé"));
    }
}
