//! The columns of `tasks` that the typed queries of `read` use. More than 32 columns would lengthen each build of diesel by
//! minutes.
#![allow(missing_docs, reason = "the columns are explained in the migrations")]
#![allow(clippy::wildcard_imports, reason = "as diesel prints it")]

pub mod sql_types {
    #[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(name = "task_status"))]
    pub struct TaskStatus;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::TaskStatus;

    tasks (task_id) {
        task_id -> Uuid,
        backend -> Text,
        shots -> Nullable<Integer>,
        problem_id -> Nullable<Text>,
        parameters -> Jsonb,
        priority -> SmallInt,
        timeout_seconds -> Integer,
        max_attempts -> SmallInt,
        attempt -> Integer,
        current_status -> TaskStatus,
        submitted_at -> Timestamptz,
        available_at -> Nullable<Timestamptz>,
        started_at -> Nullable<Timestamptz>,
        completed_at -> Nullable<Timestamptz>,
        worker_id -> Nullable<Text>,
        session_id -> Nullable<Uuid>,
        cancel_requested_at -> Nullable<Timestamptz>,
        result -> Nullable<Jsonb>,
        execution -> Nullable<Jsonb>,
        error_code -> Nullable<Text>,
        error_message -> Nullable<Text>,
        metadata -> Jsonb,
        correlation_id -> Text,
        name -> Nullable<Text>,
        tags -> Jsonb,
        callback_url -> Nullable<Text>,
        progress -> Nullable<Jsonb>,
        last_worker_id -> Nullable<Text>,
        queue_rank -> Nullable<Timestamptz>,
        rerun_of -> Nullable<Uuid>,
        project -> Text,
    }
}
