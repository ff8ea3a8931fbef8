//! Blocks a transition in the middle of its statement.

use tokio_postgres::Client;

use super::TestDatabase;
use super::wait::{DEADLINE, eventually};

/// Blocks every transition to one status, in the middle of its statement, until the gate is opened.
pub struct Gate(Client);

impl Gate {
    /// Creates a closed gate before transitions to this status; at most one per database.
    pub async fn closed(database: &TestDatabase, status: &str) -> Self {
        let client = database.connect().await;
        let build = format!(
            "SELECT pg_advisory_lock(1);
             CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
             CREATE TRIGGER gate BEFORE INSERT ON status_history
                 FOR EACH ROW WHEN (NEW.status = '{status}') EXECUTE FUNCTION gate();"
        );
        client.batch_execute(&build).await.expect("a gate");
        Self(client)
    }

    /// Waits until a statement is blocked at the gate.
    pub async fn wait_for_a_comer(&self) {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let someone = || async {
            let row = self.0.query_one(waiting, &[]).await.expect("pg_locks");
            (row.get::<_, i64>(0) > 0).then_some(())
        };
        eventually(DEADLINE, "a statement at the gate", someone).await;
    }

    /// Opens the gate for all statements, blocked and later ones.
    pub async fn open(&self) {
        self.0
            .batch_execute("SELECT pg_advisory_unlock(1)")
            .await
            .expect("an open gate");
    }
}
