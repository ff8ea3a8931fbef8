"""What aiopslab.py says of its steps, however many and long they are."""

import sys
import unittest

from harness import EXAMPLES

sys.path.insert(0, str(EXAMPLES))

from aiopslab_support import steps  # noqa: E402


class Summary(unittest.TestCase):
    def test_it_is_the_call(self):
        call = 'exec_shell("kubectl get pods -A")'
        for action in (
            f"```\n{call}\n```",
            f"Action:\n```\n{call}\n```",
            f"Thought: a look.\nAction: ```bash\n\n  {call}\n```\nand then more",
            f"```\n{call}",
            f"\n\n{call}\n",
        ):
            self.assertEqual(steps.summary(action), call)
        self.assertEqual(steps.summary("```\n```"), "```")
        self.assertEqual(steps.summary(""), "")


if __name__ == "__main__":
    unittest.main()
