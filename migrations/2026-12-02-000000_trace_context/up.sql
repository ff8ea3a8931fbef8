-- The trace context (W3C) of the request that submitted the task: its attempts and its webhook continue that trace. An older executable
-- neither reads nor writes it.
-- The constraints are NOT VALID, which holds for all rows to come: no row has a value yet, so that reading them all would find none.
-- Locks: tasks, for milliseconds; no row is read or written.
ALTER TABLE tasks
    ADD traceparent text,
    ADD tracestate text,
    ADD CONSTRAINT traceparent_is_version_00 CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$') NOT VALID,
    ADD CONSTRAINT tracestate_is_short CHECK (
        tracestate IS NULL OR (octet_length(tracestate) BETWEEN 1 AND 512 AND traceparent IS NOT NULL)
    ) NOT VALID;

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261202000000', '20261130000000');
