"""What aiopslab.py says of its steps, however many and long they are."""

import asyncio
import sys
import unittest
from types import SimpleNamespace
from unittest import mock

from harness import EXAMPLES

sys.path.insert(0, str(EXAMPLES))

import qtask_command  # noqa: E402
from aiopslab_support import steps, stopping  # noqa: E402


def taken(count, text):
    return [{"step": number, "action": text, "observation": text} for number in range(1, count + 1)]


class Output(unittest.TestCase):
    def test_it_stays_small_and_says_what_is_left_out(self):
        for count, text in ((1, "\u4e2d" * 100_000), (20, "a" * 16_000), (1000, "\u4e2d" * 16_000)):
            with self.subTest(count):
                output = steps.as_output({"agent": "gpt"}, taken(count, text))
                self.assertLessEqual(len(qtask_command.encoded(output)), steps.OUTPUT_BYTES)
                self.assertEqual((output["agent"], output["steps"]), ("gpt", count))
                kept = output["trajectory"]
                self.assertEqual(len(kept) + output.get("left_out", 0), count)
                self.assertEqual(kept[-1]["step"], count)
        self.assertGreater(output["left_out"], 0)

    def test_it_is_said_now_and_then(self):
        followed, said = steps.Steps(9, stopping.Stopper(1)), []

        async def act(_words):
            return "look"

        orchestrator = SimpleNamespace(ask_agent=act, ask_env=act)
        followed.watch(orchestrator, None)
        now = iter(range(0, 1000, 4))
        with mock.patch.multiple(qtask_command, log=mock.DEFAULT, progress=mock.DEFAULT), \
                mock.patch.object(qtask_command, "output", lambda value: said.append(value["steps"])), \
                mock.patch.object(steps, "time", SimpleNamespace(monotonic=lambda: next(now))):
            followed._said = 0
            for _ in range(9):
                asyncio.run(orchestrator.ask_agent("go on"))
                asyncio.run(orchestrator.ask_env("look"))
        self.assertEqual(said, [3, 5, 7, 9])


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
