-- Loses: which workers failed which tasks, and quarantines: those workers claim again; workers that accept only some problems get
--   any
ALTER TABLE workers
    DROP CONSTRAINT a_quarantine_has_an_end_and_a_reason,
    DROP COLUMN problems, DROP COLUMN claims, DROP COLUMN blamed_in_row, DROP COLUMN quarantined_at,
    DROP COLUMN quarantine_ends_at, DROP COLUMN quarantine_round, DROP COLUMN quarantine_reason;
ALTER TABLE tasks DROP COLUMN blamed_workers, DROP COLUMN blamed_at;
