-- A circuit may run without shots, for exact results only. An older executable neither writes such a task nor refuses to read one; its
-- simulator refuses a task with observables or a sweep.
-- The constraint is NOT VALID, which holds for all rows to come: the previous one allowed less, so that reading all rows would find none.
-- Locks: tasks, for milliseconds; no row is read or written.
ALTER TABLE tasks
    DROP CONSTRAINT shots_belong_to_circuits,
    ADD CONSTRAINT shots_belong_to_circuits
        CHECK ((circuit IS NULL) = (shots IS NULL) AND shots >= 0) NOT VALID;

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261202100000', '20261130000000');
