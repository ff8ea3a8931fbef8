"""private_tmp.py in front of another program."""

import os
import unittest
from pathlib import Path

from harness import WITHOUT_NAMESPACES, Program, namespaces_work, python

FILE = Path("/tmp/qtask-test-of-a-private-tmp")


class PrivateTmp(unittest.TestCase):
    def run_program(self, script, prefix=()):
        running = Program([*prefix, *python("private_tmp.py"), "sh", "-c", script], {"task_id": "t1"})
        self.addCleanup(running.__exit__)
        return running.end()

    def test_a_program_has_its_own_tmp_and_the_directory_that_it_was_given(self):
        if not namespaces_work():
            self.skipTest("there are no mount namespaces here")
        script = f'''echo x > {FILE} && echo y > "$HOME/file" && cat >/dev/null && echo "{{\\"result\\": $(id -u)}}"'''
        self.assertEqual(self.run_program(script), {"result": os.getuid()})
        self.assertFalse(FILE.exists())

    def test_where_there_are_none_the_program_is_not_run(self):
        prefix = WITHOUT_NAMESPACES if namespaces_work() else ()
        error = self.run_program(f"echo x > {FILE}", prefix)["error"]
        self.assertEqual((error["code"], error["retry"], error["blame"]), ("environment_error", True, "worker"))
        self.assertFalse(FILE.exists())


if __name__ == "__main__":
    unittest.main()
