//! Settings of access to the API: whether requests need tokens.

use clap::Args;

use super::Checker;
use super::secret_file::{Given, value_or_file};
use crate::domain::access::{Access, SecretDigest};

/// The variable of the administrator's token. It has no flag: a flag is visible in the process list.
pub const ADMIN_TOKEN: &str = "QTASK_ADMIN_TOKEN";
/// A shorter token could be guessed.
const MIN_TOKEN_CHARACTERS: usize = 32;

/// Settings of access.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// Refuse requests without a token; so does a token in `QTASK_ADMIN_TOKEN`, which has all scopes
    #[arg(
        long,
        env = "QTASK_REQUIRE_TOKENS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    pub require_tokens: String,

    /// A file with the administrator's token, if it is not in the variable `QTASK_ADMIN_TOKEN`
    #[arg(long, env = "QTASK_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<String>,
}

impl AccessArgs {
    /// Validates the settings; `admin_token` is the value of [`ADMIN_TOKEN`].
    pub fn check(&self, checker: &mut Checker, admin_token: Option<&str>) -> Access {
        let required = checker.switch("QTASK_REQUIRE_TOKENS", &self.require_tokens);
        let (given, file) = (
            Given {
                setting: ADMIN_TOKEN,
                value: admin_token,
            },
            Given {
                setting: "QTASK_ADMIN_TOKEN_FILE",
                value: self.admin_token_file.as_deref(),
            },
        );
        let setting = if file.is_present() { &file } else { &given };
        let admin = value_or_file(checker, &given, &file);
        if let Some(token) = &admin {
            check_token(checker, setting.setting, token);
        }
        if admin.is_none() && !required {
            return Access::Open;
        }
        Access::Tokens {
            admin: admin.as_deref().map(SecretDigest::of),
        }
    }
}

fn check_token(checker: &mut Checker, setting: &str, token: &str) {
    let length = token.chars().count();
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        checker.refuse(
            setting,
            "has characters that are not printable ASCII, or spaces: no header could carry it",
        );
    } else if length < MIN_TOKEN_CHARACTERS {
        checker.refuse(
            setting,
            format_args!(
                "has {length} characters; at least {MIN_TOKEN_CHARACTERS} are needed, such as the output of `openssl rand -hex 32`"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(required: bool, admin_token: Option<&str>) -> Result<Access, String> {
        let args = AccessArgs {
            require_tokens: required.to_string(),
            admin_token_file: None,
        };
        let mut checker = Checker::default();
        let access = args.check(&mut checker, admin_token);
        checker.finish(access).map_err(|error| error.to_string())
    }

    #[test]
    fn a_service_is_open_unless_tokens_are_demanded() {
        assert!(matches!(access(false, None), Ok(Access::Open)));
        assert!(matches!(access(false, Some(" ")), Ok(Access::Open)));
        let demanded = access(true, None);
        assert!(matches!(demanded, Ok(Access::Tokens { admin: None })));
        let token = "t".repeat(32);
        let Ok(Access::Tokens { admin: Some(admin) }) = access(false, Some(&token)) else {
            panic!("no token");
        };
        assert!(admin.is_of(&token));
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_be_sent_is_refused_and_not_shown() {
        for bad in ["sesame", &"sesame ".repeat(9), &"sesame\u{e9}".repeat(9)] {
            let refused = access(false, Some(bad)).unwrap_err();
            assert!(
                refused.contains(ADMIN_TOKEN) && !refused.contains("sesame"),
                "{refused}"
            );
        }
    }
}
