//! A clock of PostgreSQL that a test can set: of one database, without touching the server.

use super::TestDatabase;

/// Functions that are found before the server's own, and add what the clock was set by. The server's own sort first
/// unless the path names them; defaults of columns were bound when their tables were made.
const SHADOW: &str = "
CREATE SCHEMA steps;
CREATE TABLE steps.step (length interval NOT NULL);
INSERT INTO steps.step VALUES ('0');
CREATE FUNCTION steps.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + length FROM steps.step';
CREATE FUNCTION steps.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.now() + length FROM steps.step';
DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT table_name, column_name FROM information_schema.columns
             WHERE table_schema = 'public' AND column_default LIKE '%clock_timestamp()'
    LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER %I SET DEFAULT steps.clock_timestamp()', c.table_name, c.column_name);
    END LOOP;
    EXECUTE format('ALTER DATABASE %I SET search_path = steps, public, pg_catalog', current_database());
END $$;";

impl TestDatabase {
    /// Makes a database whose clock [`set_clock`](Self::set_clock) can set.
    pub async fn create_with_clock() -> Self {
        let database = Self::create().await;
        let client = database.connect().await;
        client.batch_execute(SHADOW).await.expect("a clock");
        database
    }

    /// Sets the clock, in one step and for every statement from now on: forward by so many hours, or back.
    pub async fn set_clock(&self, hours: i32) {
        let step = "UPDATE steps.step SET length = length + $1::int * interval '1 hour'";
        assert_eq!(self.execute(step, &[&hours]).await, 1);
    }
}
