"""An agent whose `model` says how it behaves."""

import asyncio
import os
import signal
import sys
import threading
import time

from aiopslab.journal import note
from aiopslab.problems import hang
from clients.gpt import Agent
from clients.utils.llm import RateLimitError


def note_sleep(thread):
    """Notes that a thread has slept for a while."""
    asleep = 0
    while asleep < 50:
        with open(f"/proc/self/task/{thread}/stat", encoding="ascii") as file:
            asleep = asleep + 1 if file.read().rpartition(")")[2].split()[0] == "S" else 0
        time.sleep(0.001)
    note("thinking")


class vLLMAgent(Agent):
    def __init__(self, model="good", repetition_penalty=1.0, temperature=1.0, top_p=1.0, max_tokens=1024):
        if model == "keyless":
            raise ValueError("API key must be provided")
        super().__init__()
        self.model = model

    def init_context(self, problem_desc, instructions, apis):
        if self.model == "no_context":
            sys.exit("no template")

    async def get_action(self, input):
        return getattr(self, self.model)()

    def good(self):
        return self.llm.run([])[0]

    def endless(self):
        return '```\nexec_shell("look at it")\n```'

    def number(self):
        return "```\nsubmit(5)\n```"

    def lonely(self):
        """As number(), and by then the cluster is gone."""
        os.environ["STANDIN_CLUSTER"] = "gone"
        return self.number()

    def measure(self):
        return "```\nget_metrics()\n```"

    def trace(self):
        return "```\nget_traces()\n```"

    def dunder(self):
        # A call that the environment has, and that gives no text.
        return "```\nget_available_actions()\n```"

    def broken(self):
        raise KeyError("no such tool")

    def exiting(self):
        sys.exit("no more credit")

    def cancelled(self):
        raise asyncio.CancelledError("by the client's library")

    def nothing(self):
        return None

    def limited(self):
        raise RateLimitError("429")

    def slow(self):
        note("thinking")
        hang()

    def slow_later(self):
        self.model = "slow"
        return self.endless()

    def deaf(self):
        # A signal is another thread's to receive, and the main thread waits without noticing.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=note_sleep, args=[os.getpid()], daemon=True).start()
        hang()

    def late(self):
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        note(f"{left:.0f} s left")
        # The time limit comes now, however fast the machine is.
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        hang()

    def stubborn(self):
        try:
            self.slow()
        except BaseException:
            return "look away"

    def retrying(self):
        while True:
            try:
                self.slow()
            except Exception:
                continue
