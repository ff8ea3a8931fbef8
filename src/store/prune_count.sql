-- Counts the tasks of {{over}}.
{{over}}
SELECT EXISTS (SELECT FROM clock) AS is_steady, (SELECT count(*) FROM examined) AS examined,
       (SELECT count(*) FROM over) AS tasks, (SELECT task_id FROM examined ORDER BY task_id DESC LIMIT 1) AS last
