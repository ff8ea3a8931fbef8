-- Loses: nothing; lists read whole tables again
DROP TABLE task_tags;
DROP INDEX tasks_by_status, tasks_by_worker, tasks_by_backend, tasks_by_name, tasks_by_problem, problem_tasks;
