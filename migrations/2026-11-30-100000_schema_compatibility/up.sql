-- Which executables may serve a version of the schema: those whose newest known version is at least serves_since. An executable
-- that does not know a version without a row does not serve it.
-- Locks: nothing; the table is new.
-- Deferrable: without the table, no version has a row.
CREATE TABLE schema_compatibility (
    version      text PRIMARY KEY CHECK (version ~ '^[0-9]{14}$'),
    serves_since text NOT NULL CHECK (serves_since ~ '^[0-9]{14}$'),
    CONSTRAINT a_version_serves_itself CHECK (serves_since <= version)
);

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261130100000', '20261130000000');
