"""Agents whose `model` says how they behave."""

import signal

from aiopslab.journal import note
from aiopslab.problems import hang
from clients.gpt import Agent


class RateLimitError(Exception):
    """By this name the model's service asks for patience."""


class OpenRouterAgent(Agent):
    def __init__(self, model="good"):
        if model == "keyless":
            raise ValueError("API key must be provided")
        super().__init__()
        self.model = model

    async def get_action(self, input):
        return getattr(self, self.model)()

    def good(self):
        return next(self.actions)

    def endless(self):
        return "look at it"

    def wrong(self):
        return "submit Perhaps"

    def broken(self):
        raise KeyError("no such tool")

    def limited(self):
        raise RateLimitError("429")

    def slow(self):
        note("thinking")
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
