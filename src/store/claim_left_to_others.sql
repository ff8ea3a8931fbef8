-- Condition: the worker `s` failed an earlier attempt of the task `t` and leaves it to another living worker for now. Bind $3:
-- the length of the window in milliseconds.
--
-- The window begins when the task is due: a worker that is busy for longer must not delay the task. A clock that was set back
-- ends it. `o.worker_id > ''` always holds and lets the planner use the primary key: a sequential scan is disabled, and its
-- cost would dominate all others in the choice of a plan.
(t.blamed_at IS NOT NULL AND coalesce(s.worker_id = ANY (t.blamed_workers)
      AND now() BETWEEN t.blamed_at AND t.available_at + $3 * interval '1 millisecond'
      AND EXISTS (
          SELECT FROM workers o
          WHERE o.worker_id > '' AND t.backend = ANY (o.backends) AND o.worker_id <> ALL (t.blamed_workers)
            AND o.ended_at IS NULL AND o.draining_since IS NULL AND o.quarantined_at IS NULL
            AND o.last_heartbeat_at > now() - o.lease_ms * interval '1 millisecond'
            AND {{accepts_problem}}
      ), false))
