//! The problems that several operations return, for the OpenAPI document.
//!
//! If an operation lists several groups, descriptions of later groups replace those of earlier ones.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// Defines a group of problems for each name: statuses and their descriptions.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal => $description:literal,)+ })+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$((stringify!($status).to_owned(), problem($description))),+])
            }
        }
    )+};
}

problems! {
    /// Problems of operations that read a JSON body.
    BodyErrors {
        400 => "The body is not JSON, or nested deeper than 120 levels.",
        408 => "The body did not arrive in time.",
        413 => "The body is too large.",
        415 => "The body is not sent as JSON.",
        422 => "Fields that cannot be used.",
    }

    /// Problems of operations that submit tasks.
    SubmissionErrors {
        400 => "The body is not JSON, or the key is empty or too long.",
        409 => "`idempotency_key_reused`: the key was used for another request.",
        429 => "`rate_limited`: the caller has submitted too many tasks. `backlog_full`: too many tasks of the backend wait. Nothing was accepted; repeat after `Retry-After` seconds.",
        503 => "Not accepted: the database or the queue is away.",
        507 => "Not accepted: the database is full.",
    }

    /// Problems of operations on the task that the path names.
    TaskErrors {
        400 => "Not a UUID.",
        404 => "There is no such task.",
    }

    /// Problems of reports of a task's owner.
    OwnerErrors {
        400 => "The body is not JSON, or the id is not a UUID.",
        404 => "There is no such task.",
        409 => "`lease_lost`: the worker does not own the task any more; nothing was changed.",
    }

    /// Problems of operations on the worker that the path names.
    WorkerErrors {
        404 => "There is no such worker.",
    }

    /// Problems of operations on the backend that the path names.
    BackendErrors {
        404 => "No backend can have this name.",
    }

    /// Problems of operations that read a query.
    QueryErrors {
        422 => "A parameter is not valid.",
    }

    /// Problems of operations that write to the database.
    WriteErrors {
        503 => "The database is away.",
        507 => "The database is full.",
    }

    /// Problems of operations that only read the database.
    ReadErrors {
        503 => "The database is away.",
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content.build())
        .build()
        .into()
}
