//! `qtask token`: creates, lists and revokes tokens.

use clap::{Args, Subcommand};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::model::TokenInfo;
use super::output::Form;
use super::raw_json::Page;
use super::render::paint::{Cell, Colour};
use super::render::table::Column;
use super::render::time_format::{self, now};
use crate::domain::access::Scope;
use crate::domain::token::is_token_id;

const COLUMNS: &[Column] = &[
    Column::new("ID"),
    Column::new("NAME").flexible(),
    Column::new("STATUS"),
    Column::new("SCOPES").flexible(),
    Column::new("PROJECT").flexible().spare(3),
    Column::new("BACKENDS").flexible().spare(4),
    Column::new("EXPIRES").right().spare(2),
    Column::new("USED").right().spare(1),
    Column::new("AGE").right().spare(5),
];

/// Create, list and revoke the tokens of a service
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  qtask token create ci --scope tasks:write --expires 90d
  qtask token create lab-1 --scope workers --backend aiopslab
  qtask token list
  qtask token revoke ci

All need a token of the scope admin in QTASK_TOKEN, on a service that demands tokens: the first one is that of
QTASK_ADMIN_TOKEN.")]
pub struct TokenArgs {
    #[command(subcommand)]
    action: TokenAction,
}

#[derive(Debug, Subcommand)]
enum TokenAction {
    Create(CreateTokenArgs),
    List(ListTokensArgs),
    Revoke(RevokeTokenArgs),
}

/// Create a token: its text is shown once
///
/// Two tokens of one name may be valid: create the second, hand it out, then revoke the first by its id.
#[derive(Debug, Args)]
#[command(
    after_help = "Standard output has the token alone, so that it can be stored: qtask token create ci --scope tasks:read > token

Exit codes: 0 done, 2 usage error, or the token in QTASK_TOKEN lacks the scope admin, 3 the service cannot be reached.

Examples:
  qtask token create ci --scope tasks:write --expires 90d
  qtask token create lab-1 --scope workers --backend aiopslab --backend aer
  qtask token create grafana --scope tasks:read --json"
)]
struct CreateTokenArgs {
    /// Its name, for administrators and logs
    #[arg(value_name = "NAME")]
    name: String,

    /// What it allows; repeat it for several, or write commas between
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',', value_parser = Scope::ALL.map(Scope::as_str))]
    scopes: Vec<String>,

    /// Its workers may serve only this backend; repeat it for several
    #[arg(long = "backend", short, value_name = "NAME")]
    backends: Vec<String>,

    /// The project of the tasks that it submits (default)
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// How long it is valid, such as 12h or 90d; until it is revoked if not given
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    expires: Option<u64>,

    #[command(flatten)]
    common: CommonArgs,
}

/// List tokens by name, without their texts
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: token_id, name, status, scopes (with commas between), project, backends (with
commas between), created_at, created_by, expires_at, revoked_at, last_used_at.

Exit codes: 0 done, 2 usage error, or the token in QTASK_TOKEN lacks the scope admin, 3 the service cannot be reached.

Examples:
  qtask token list
  qtask token list --all --json"
)]
struct ListTokensArgs {
    /// Revoked and expired tokens, too
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    common: CommonArgs,
}

/// Revoke tokens: they are refused at once
#[derive(Debug, Args)]
#[command(after_help = "In a pipe, tabs between, as qtask token list has them.

Exit codes: 0 done, 2 usage error, no such token, or the token in QTASK_TOKEN lacks the scope admin, 3 the service
cannot be reached.

Examples:
  qtask token revoke ci
  qtask token revoke 5f1d0c3a9b7e")]
struct RevokeTokenArgs {
    /// Its id, or its name if only one valid token has it
    #[arg(value_name = "ID|NAME")]
    token: String,

    #[command(flatten)]
    common: CommonArgs,
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let form = "use a time such as 12h, 90d or 1y";
    let time = humantime::parse_duration(text).map_err(|_| form.to_owned())?;
    Ok(time.as_secs())
}

impl TokenArgs {
    /// How to reach the service.
    pub fn common(&self) -> &CommonArgs {
        match &self.action {
            TokenAction::Create(args) => &args.common,
            TokenAction::List(args) => &args.common,
            TokenAction::Revoke(args) => &args.common,
        }
    }
}

/// Runs the action.
pub async fn run(args: &TokenArgs, session: &ClientSession) -> Result<bool, ClientError> {
    match &args.action {
        TokenAction::Create(args) => create(args, session).await,
        TokenAction::List(args) => list(args, session).await,
        TokenAction::Revoke(args) => revoke(&args.token, session).await,
    }
}

impl CreateTokenArgs {
    fn body(&self) -> Value {
        let mut body = json!({"name": self.name, "scopes": self.scopes});
        let given = [
            (
                "backends",
                (!self.backends.is_empty()).then(|| json!(self.backends)),
            ),
            ("project", self.project.as_ref().map(|name| json!(name))),
            (
                "expires_in_seconds",
                self.expires.map(|seconds| json!(seconds)),
            ),
        ];
        if let Some(body) = body.as_object_mut() {
            let given = given.into_iter();
            body.extend(given.filter_map(|(field, value)| Some((field.to_owned(), value?))));
        }
        body
    }
}

/// The name of a field as the command line has it.
fn flag(field: &str) -> String {
    match field {
        "name" => "NAME".to_owned(),
        "scopes" => "--scope".to_owned(),
        "expires_in_seconds" => "--expires".to_owned(),
        "project" => "--project".to_owned(),
        field if field.starts_with("backends") => "--backend".to_owned(),
        field => field.to_owned(),
    }
}

async fn create(args: &CreateTokenArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let is_worker = args
        .scopes
        .iter()
        .any(|scope| scope == Scope::Workers.as_str());
    if !args.backends.is_empty() && !is_worker {
        let message = "--backend restricts workers: add --scope workers".to_owned();
        return Err(ClientError::Usage(message));
    }
    let (api, output) = (&session.api, &session.output);
    let request = api
        .request(Method::POST, &["tokens"], &[])
        .header(CONTENT_TYPE, "application/json")
        .body(args.body().to_string());
    let answer = api.fetch(request).await;
    let document = answer.map_err(|error| error.with_fields_called(flag))?;
    let token: TokenInfo =
        serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))?;
    if output.form == Form::Json {
        output.json(&document)?;
        return Ok(true);
    }
    output.columns(&[&token.token])?;
    let until = token.expires_at.as_deref().map_or_else(
        || "until it is revoked".to_owned(),
        |time| format!("until {time}"),
    );
    output.note(&format!(
        "Token {} ({}), valid {until}. It is shown only now: store it, and set QTASK_TOKEN or QTASK_TOKEN_FILE.",
        token.token_id, token.name
    ));
    Ok(true)
}

async fn list(args: &ListTokensArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let (api, output) = (&session.api, &session.output);
    let mut tokens: Vec<TokenInfo> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("all", args.all.to_string())];
        query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
        let document = api.get(&["tokens"], &query).await?;
        let page = Page::parse(&document).map_err(|error| api.bad_answer(&error))?;
        if output.form == Form::Json {
            page.items.iter().try_for_each(|item| output.json(item))?;
        } else {
            let read = page.read::<TokenInfo>();
            tokens.extend(read.map_err(|error| api.bad_answer(&error))?);
        }
        // A repeated cursor would make the loop endless.
        if page.next.is_none() || page.next == cursor {
            break;
        }
        cursor = page.next;
    }
    match output.form {
        Form::Json => {}
        Form::Columns => tokens
            .iter()
            .try_for_each(|token| columns(session, token))?,
        Form::Human if tokens.is_empty() => output.note("There is no token."),
        Form::Human => output.table(COLUMNS, &tokens.iter().map(row).collect::<Vec<_>>())?,
    }
    Ok(true)
}

async fn revoke(token: &str, session: &ClientSession) -> Result<bool, ClientError> {
    let (api, output) = (&session.api, &session.output);
    let by_id = if is_token_id(token) {
        delete(session, token).await
    } else {
        let token_id = id_of(token, session).await?;
        delete(session, &token_id).await
    };
    let document = match by_id {
        // A name may have the form of an id.
        Err(ClientError::Refused(refusal)) if refusal.code == "token_not_found" => {
            let token_id = id_of(token, session).await?;
            delete(session, &token_id).await?
        }
        answer => answer?,
    };
    let token: TokenInfo =
        serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))?;
    match output.form {
        Form::Json => output.json(&document)?,
        Form::Columns => columns(session, &token)?,
        Form::Human => output.table(COLUMNS, &[row(&token)])?,
    }
    Ok(true)
}

async fn delete(session: &ClientSession, token_id: &str) -> Result<String, ClientError> {
    let api = &session.api;
    let request = api.request(Method::DELETE, &["tokens", token_id], &[]);
    api.fetch(request).await
}

/// The id of the valid token of this name.
async fn id_of(name: &str, session: &ClientSession) -> Result<String, ClientError> {
    let api = &session.api;
    let document = api.get(&["tokens"], &[("name", name.to_owned())]).await?;
    let page = Page::parse(&document).map_err(|error| api.bad_answer(&error))?;
    let tokens: Vec<TokenInfo> = page.read().map_err(|error| api.bad_answer(&error))?;
    match &tokens[..] {
        [token] => Ok(token.token_id.clone()),
        [] => Err(ClientError::Usage(format!(
            "There is no valid token with the id or name `{name}`; qtask token list shows them."
        ))),
        several => {
            let created = |token: &TokenInfo| {
                let at = token.created_at.as_deref().unwrap_or_default();
                format!("\n  {} created at {at}", token.token_id)
            };
            let tokens: String = several.iter().map(created).collect();
            Err(ClientError::Usage(format!(
                "Several tokens have the name `{name}`; name one by its id:{tokens}"
            )))
        }
    }
}

fn columns(session: &ClientSession, token: &TokenInfo) -> Result<(), ClientError> {
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    session.output.columns(&[
        &token.token_id,
        &token.name,
        &token.status,
        &token.scopes.join(","),
        &token.project,
        &token.backends.join(","),
        &some(&token.created_at),
        &some(&token.created_by),
        &some(&token.expires_at),
        &some(&token.revoked_at),
        &some(&token.last_used_at),
    ])
}

fn row(token: &TokenInfo) -> Vec<Cell> {
    let ago = |time: &Option<String>| {
        let time = time_format::parse_some(time.as_ref());
        time.map(|time| time_format::age(now() - time))
    };
    let expires = time_format::parse_some(token.expires_at.as_ref());
    let left = expires.map(|time| match time - now() {
        left if left.is_positive() => format!("in {}", time_format::age(left)),
        _ => "over".to_owned(),
    });
    let status = if token.status == "active" {
        Cell::from(token.status.as_str())
    } else {
        Cell::coloured(&token.status, Colour::Yellow)
    };
    vec![
        token.token_id.as_str().into(),
        token.name.as_str().into(),
        status,
        token.scopes.join(", ").into(),
        token.project.as_str().into(),
        token.backends.join(", ").into(),
        left.unwrap_or_else(|| "never".to_owned()).into(),
        ago(&token.last_used_at)
            .map_or_else(|| "never".to_owned(), |age| format!("{age} ago"))
            .into(),
        ago(&token.created_at).unwrap_or_default().into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_validity_has_a_unit() {
        assert_eq!(whole_seconds("90d"), Ok(90 * 86_400));
        assert_eq!(whole_seconds("1h 30m"), Ok(5_400));
        assert!(whole_seconds("soon").is_err() && whole_seconds("90").is_err());
    }
}
