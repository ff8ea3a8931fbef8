#!/bin/sh
# The smallest program for `qtask work --command`: it logs one line and answers with the task it was given.
#
#   qtask work --command 'echo=/opt/qtask/examples/echo.sh'
#
# Tried with dash 0.5.12 and bash 5.2.
set -eu

# The task comes as one JSON document on stdin. In JSON a newline can only stand between two words, so
# without its newlines the document means the same and fits on the one line that an answer has.
task=$(tr -d '\r\n')

printf '{"log":"attempt %s of task %s"}\n' "$QTASK_ATTEMPT" "$QTASK_TASK_ID"
printf '{"result":{"task":%s}}\n' "$task"
