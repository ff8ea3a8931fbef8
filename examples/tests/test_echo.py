"""echo.sh."""

import unittest

from harness import EXAMPLES, Program


class Echo(unittest.TestCase):
    def test_it_answers_with_the_task(self):
        task = {"task_id": "t1", "kind": "circuit", "circuit": 'OPENQASM 3;\n"\\%s\u00e4', "shots": 7}
        with Program(["/bin/sh", str(EXAMPLES / "echo.sh")], task) as running:
            self.assertEqual(running.end(), {"result": {"task": task}})
            self.assertEqual(running.lines[0], {"log": "attempt 1 of task t1"})


if __name__ == "__main__":
    unittest.main()
