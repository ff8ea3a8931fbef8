CREATE TYPE task_status AS ENUM ('pending', 'processing', 'retrying', 'completed', 'failed', 'cancelled');

-- fillfactor 50 leaves space on each page for further versions of its rows: 15 % less WAL than with 100.
CREATE TABLE tasks (
    task_id             uuid PRIMARY KEY,
    backend             text NOT NULL,
    circuit             text,
    shots               integer,
    problem_id          text,
    parameters          jsonb NOT NULL DEFAULT '{}',
    priority            smallint NOT NULL DEFAULT 5,
    timeout_seconds     integer NOT NULL,
    max_attempts        smallint NOT NULL,
    attempt             integer NOT NULL DEFAULT 0,
    -- Attempts released by a worker that shut down: they do not count towards max_attempts.
    uncounted_attempts  integer NOT NULL DEFAULT 0,
    current_status      task_status NOT NULL DEFAULT 'pending',
    submitted_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    available_at        timestamptz,
    dispatched_at       timestamptz,
    started_at          timestamptz,
    completed_at        timestamptz,
    worker_id           text,
    session_id          uuid,
    cancel_requested_at timestamptz,
    result              jsonb,
    execution           jsonb,
    error_code          text,
    error_message       text,
    metadata            jsonb NOT NULL DEFAULT '{}',
    idempotency_key     text,
    request_fingerprint uuid,
    correlation_id      text NOT NULL,

    CONSTRAINT a_task_is_a_circuit_or_a_problem
        CHECK ((circuit IS NULL) <> (problem_id IS NULL)),
    CONSTRAINT shots_belong_to_circuits
        CHECK ((circuit IS NULL) = (shots IS NULL) AND shots > 0),
    CONSTRAINT priority_is_in_range CHECK (priority BETWEEN 0 AND 10),
    CONSTRAINT limits_are_positive CHECK (timeout_seconds > 0 AND max_attempts > 0),
    CONSTRAINT attempts_add_up CHECK (attempt >= 0 AND uncounted_attempts BETWEEN 0 AND attempt),
    CONSTRAINT only_a_first_wait_is_pending
        CHECK (current_status <> 'pending' OR attempt = 0),
    CONSTRAINT an_owner_is_set_exactly_while_processing
        CHECK ((current_status = 'processing') = (session_id IS NOT NULL)
           AND (current_status = 'processing') = (worker_id IS NOT NULL)),
    CONSTRAINT available_at_is_set_exactly_while_waiting
        CHECK ((current_status IN ('pending', 'retrying')) = (available_at IS NOT NULL)),
    CONSTRAINT completed_at_is_set_exactly_when_terminal
        CHECK ((current_status IN ('completed', 'failed', 'cancelled')) = (completed_at IS NOT NULL)),
    CONSTRAINT a_result_belongs_to_a_completed_task
        CHECK ((current_status = 'completed') = (result IS NOT NULL)),
    CONSTRAINT a_failed_task_says_why
        CHECK (current_status <> 'failed' OR error_code IS NOT NULL)
) WITH (fillfactor = 50);

-- Waiting tasks in the order of claims.
CREATE INDEX tasks_claimable ON tasks (backend, priority DESC, task_id) WHERE available_at IS NOT NULL;
-- Running tasks by session: finds the tasks of a dead session without reading the table. It makes a claim and a settlement
-- together 15 % slower.
CREATE INDEX tasks_running ON tasks (session_id) WHERE session_id IS NOT NULL;
-- Waiting tasks without a message: mostly retries. The index is almost empty at all times.
CREATE INDEX tasks_undispatched ON tasks (task_id) WHERE available_at IS NOT NULL AND dispatched_at IS NULL;
CREATE UNIQUE INDEX tasks_idempotency_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER a_terminal_task_never_changes BEFORE UPDATE ON tasks
    FOR EACH ROW WHEN (OLD.completed_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change('a terminal task never changes again');

-- No foreign key to tasks: rows are written only by the statement that moves their task, and the check would take a third of the
-- time of that statement.
CREATE TABLE status_history (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    task_id         uuid NOT NULL,
    status          task_status NOT NULL,
    transitioned_at timestamptz NOT NULL,
    attempt         integer NOT NULL,
    worker_id       text,
    -- Set if the owner of the attempt made the transition; a repeated settlement is recognised by it.
    session_id      uuid,
    notes           text,
    PRIMARY KEY (task_id, id)
);

CREATE TRIGGER history_is_append_only BEFORE UPDATE ON status_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change('history is append-only');

CREATE TABLE workers (
    worker_id         text PRIMARY KEY,
    session_id        uuid NOT NULL UNIQUE,
    backends          text[] NOT NULL,
    capabilities      jsonb NOT NULL DEFAULT '{}',
    metadata          jsonb NOT NULL DEFAULT '{}',
    registered_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Each session has a lease of its own, so that workers with different settings can share a database.
    lease_ms          integer NOT NULL CHECK (lease_ms > 0),
    -- A session that has ended stays ended: its worker registers a new one.
    ended_at          timestamptz,
    tasks_completed   bigint NOT NULL DEFAULT 0,
    tasks_failed      bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE task_logs (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    task_id   uuid NOT NULL,
    attempt   integer NOT NULL,
    logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    level     text NOT NULL,
    message   text NOT NULL,
    context   jsonb,
    PRIMARY KEY (task_id, id)
);

-- One row for each duty of the sweep: when a process performed it last, and since when without a pause.
CREATE TABLE sweeps (
    duty           text PRIMARY KEY,
    last_run_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    unbroken_since timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO sweeps (duty) VALUES ('reap'), ('dispatch'), ('compare');
