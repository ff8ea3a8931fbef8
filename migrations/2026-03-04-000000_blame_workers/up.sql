-- Columns without a default, or with a constant one: no table is rewritten, each lock is held for milliseconds.
ALTER TABLE tasks
    -- The workers whose environment failed an attempt, the latest first, at most 8.
    ADD blamed_workers text[],
    -- When the latest of them was blamed.
    ADD blamed_at      timestamptz;

ALTER TABLE workers
    -- The problems that the worker takes, as LIKE patterns; all where it is NULL.
    ADD problems             text[],
    -- Grows with each claim that is limited by what the session has in hand: of two claims at once, one repeats.
    ADD claims               bigint NOT NULL DEFAULT 0,
    -- Attempts in a row that failed for the worker's environment.
    ADD blamed_in_row        integer NOT NULL DEFAULT 0,
    -- The present quarantine: when its backoff began and ends. Afterwards one task at a time is a probe.
    ADD quarantined_at       timestamptz,
    ADD quarantine_ends_at   timestamptz,
    -- How often the backoff was doubled.
    ADD quarantine_round     integer NOT NULL DEFAULT 0,
    ADD quarantine_reason    text,
    ADD CONSTRAINT a_quarantine_has_an_end_and_a_reason
        CHECK ((quarantined_at IS NULL) = (quarantine_ends_at IS NULL)
           AND (quarantined_at IS NULL) = (quarantine_reason IS NULL));
