//! Tokens: create, list, revoke.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::api::extract::{CreateTokenRequest, JsonBody};
use crate::api::problem::ProblemBody;
use crate::api::responses::{
    BodyErrors, CreatedTokenView, QueryErrors, ReadErrors, TokenPage, TokenView, WriteErrors,
};
use crate::api::{ApiState, Problem, extract};
use crate::domain::access::Caller;
use crate::store::{MAX_TOKENS, MAX_TOKENS_OF_NAME, TokenCreation};

/// Maximum size of a token in a list, in bytes: 32 names of backends.
const MAX_TOKEN: usize = 4 << 10;

/// Create a token. The response is the only one that contains its text.
///
/// Two tokens of one name may be valid, so that the second can replace the first without an interruption. If the
/// response is lost, the token is of no use and may be revoked.
#[utoipa::path(
    post, path = "/tokens", operation_id = "create_token", tag = "tokens",
    request_body = CreateTokenRequest,
    responses(
        (status = 201, description = "The token is valid.", body = CreatedTokenView,
         headers(("Location" = String, description = "Where to revoke it."))),
        BodyErrors, WriteErrors,
        (status = 409, description = "`token_name_in_use`: two tokens of this name are valid. `too_many_tokens`: 10,000 tokens are valid.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn create_token(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    body: JsonBody<CreateTokenRequest>,
) -> Result<HttpResponse, Problem> {
    let grant = body.value.check(&caller).map_err(Problem::validation)?;
    let created = state.tokens.create(&grant).await?;
    let (created_at, expires_at) = match created.creation {
        TokenCreation::Created {
            created_at,
            expires_at,
        } => (created_at, expires_at),
        TokenCreation::NameTaken => return Err(name_in_use(&grant.name)),
        TokenCreation::Full => return Err(too_many()),
        TokenCreation::Conflict => return Err(Problem::internal_error()),
    };
    let token = created.token;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/tokens/{}", token.token_id)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(CreatedTokenView {
            token_id: token.token_id,
            token: token.text,
            name: grant.name,
            scopes: grant.scopes.into_iter().collect(),
            backends: grant.backends,
            project: grant.project,
            created_at,
            expires_at,
        }))
}

fn name_in_use(name: &str) -> Problem {
    let detail = format!(
        "{MAX_TOKENS_OF_NAME} tokens `{name}` are valid. Revoke the older one first, or use another name."
    );
    Problem::new(StatusCode::CONFLICT, "token_name_in_use", detail)
}

fn too_many() -> Problem {
    let detail = format!("{MAX_TOKENS} tokens are valid. Revoke those that are not needed.");
    Problem::new(StatusCode::CONFLICT, "too_many_tokens", detail)
}

/// List tokens by name, without their texts.
#[utoipa::path(
    get, path = "/tokens", operation_id = "list_tokens", tag = "tokens",
    params(
        ("name" = Option<String>, Query, description = "Only tokens of this name.", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
        ("all" = Option<bool>, Query, description = "Whether to list revoked and expired tokens, too; the last 10,000 of them are kept."),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The most tokens on a page; 100 if not given."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before: the name and the id that it ended with.", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}:[0-9a-f]{12}$"),
    ),
    responses(
        (status = 200, description = "The tokens.", body = TokenPage),
        QueryErrors, ReadErrors,
    )
)]
pub async fn list_tokens(
    state: web::Data<ApiState>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let search = extract::token_search(request.query_string())?;
    let reading = state
        .answer_memory
        .read_permit(search.limit * MAX_TOKEN)
        .await?;
    let page = state.store.tokens(&search).await?;
    reading.json(&TokenPage::from(page))
}

/// Revoke a token: it is not accepted any more.
///
/// Other processes of the service refuse it within 30 seconds, usually at once. The request is idempotent.
#[utoipa::path(
    delete, path = "/tokens/{token_id}", operation_id = "revoke_token", tag = "tokens",
    params(("token_id" = String, Path, description = "The part of the token between `qtk_` and the next `_`.")),
    responses(
        (status = 200, description = "The token is revoked.", body = TokenView),
        (status = 404, description = "There is no such token.", body = ProblemBody, content_type = "application/problem+json"),
        WriteErrors,
    )
)]
pub async fn revoke_token(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    token_id: web::Path<String>,
) -> Result<web::Json<TokenView>, Problem> {
    let token_id = extract::token_id(&token_id)?;
    let revoked = state.tokens.revoke(token_id, caller.token_name()).await?;
    let token = revoked.ok_or_else(Problem::token_not_found)?;
    Ok(web::Json(token.into()))
}
