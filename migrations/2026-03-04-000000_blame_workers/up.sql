-- Columns without a default, or with a constant one: no table is rewritten, and each lock is held for milliseconds.
ALTER TABLE tasks
    -- The workers whose environment failed an attempt, the last one first, at most 8.
    ADD blamed_workers text[],
    -- When the last of them was blamed.
    ADD blamed_at      timestamptz;

ALTER TABLE workers
    -- The problems that the worker accepts, as LIKE patterns; NULL for all.
    ADD problems             text[],
    -- Incremented by each claim that is limited by the number of tasks that the session owns: of two concurrent claims, one is
    -- repeated.
    ADD claims               bigint NOT NULL DEFAULT 0,
    -- The number of attempts in a row that failed because of the environment of the worker.
    ADD blamed_in_row        integer NOT NULL DEFAULT 0,
    -- The backoff of the quarantine. After its end, the worker gets one task at a time as a probe.
    ADD quarantined_at       timestamptz,
    ADD quarantine_ends_at   timestamptz,
    -- How often the backoff was doubled.
    ADD quarantine_round     integer NOT NULL DEFAULT 0,
    ADD quarantine_reason    text,
    ADD CONSTRAINT a_quarantine_has_an_end_and_a_reason
        CHECK ((quarantined_at IS NULL) = (quarantine_ends_at IS NULL)
           AND (quarantined_at IS NULL) = (quarantine_reason IS NULL));
