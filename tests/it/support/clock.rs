//! A PostgreSQL clock that a test can set, for one database, without changing the server.

use super::TestDatabase;

/// Functions that shadow the built-in ones and add an offset. The built-in functions are found first unless
/// `search_path` lists `pg_catalog`; column defaults were bound when their tables were created, so they are
/// replaced.
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
    /// Creates a database whose clock [`set_clock`](Self::set_clock) can set.
    pub async fn create_with_clock() -> Self {
        let database = Self::create().await;
        let client = database.connect().await;
        client.batch_execute(SHADOW).await.expect("a clock");
        database
    }

    /// Shifts the clock by this many hours, forward or back, at once for all later statements.
    pub async fn set_clock(&self, hours: i32) {
        let step = "UPDATE steps.step SET length = length + $1::int * interval '1 hour'";
        assert_eq!(self.execute(step, &[&hours]).await, 1);
    }
}
