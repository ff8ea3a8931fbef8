//! A database without room, and one that is away.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::operations::{Operation, codes};
use super::refusals::send;
use super::scene::{BACKEND, Scene};
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, id_of};
use crate::support::wait::{DEADLINE, eventually};

/// Lets every write fail as PostgreSQL itself does when its disk is full, even one that finds no row to change.
const FILL_DISK: &str = "
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON tasks EXECUTE FUNCTION full_disk();
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON task_logs EXECUTE FUNCTION full_disk();
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON workers EXECUTE FUNCTION full_disk();
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON paused_backends EXECUTE FUNCTION full_disk();
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON tokens EXECUTE FUNCTION full_disk();";

/// Lets every operation fail for want of its database.
pub async fn provoke(scene: &Scene, api: &Contract<'_>, completed: &Value) {
    let w = HttpWorker::register(&scene.app, "outages", BACKEND).await;
    let owner = json!({"worker_id": w.name, "session_id": w.session, "attempt": 1});
    let client = scene.app.database.connect().await;
    client.batch_execute(FILL_DISK).await.expect("no room");
    all_answer(api, "507", "storage_full", completed, &owner).await;
    let free = "DROP FUNCTION full_disk CASCADE";
    client.batch_execute(free).await.expect("room");

    scene.postgres.cut();
    // A statement on a connection whose end is not known yet has an unknown outcome.
    eventually(DEADLINE, "a service without its database", async || {
        let reply = api.get("/readyz").await;
        (reply.status == 503).then_some(())
    })
    .await;
    all_answer(api, "503", "database_unavailable", completed, &owner).await;
    scene.postgres.resume();
}

/// All operations at once: those that may answer so do, and the others as if nothing had happened.
async fn all_answer(api: &Contract<'_>, status: &str, code: &str, task: &Value, owner: &Value) {
    let task_id = id_of(task).to_string();
    let worker_id = owner["worker_id"].as_str().expect("a name");
    let number: u16 = status.parse().expect("a status");
    let operations = Operation::all(api.document()).into_iter();
    let answers = operations.map(async |operation| {
        let path = operation.at(&task_id, worker_id);
        let reply = send(api, &operation, &path, owner).await;
        // Where codes are named, the database is only meant by its own.
        let named = codes(operation.answer(status));
        let is_meant = named.is_empty() || named.iter().any(|it| it == code);
        if operation.answers(status) && is_meant {
            assert_eq!(reply.headers["retry-after"], "2", "{operation:?}");
            assert_eq!(reply.expect_problem(number), code, "{operation:?}");
        } else {
            reply.expect(200);
        }
    });
    join_all(answers).await;
}
