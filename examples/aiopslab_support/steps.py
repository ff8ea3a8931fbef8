"""What the agent did and what it saw: in the log, as progress, and in the result."""

import time

import qtask_command

# Characters of one action or observation: in a log line, and at most in the result.
LOG_CHARACTERS = 2000
KEPT_CHARACTERS = 16000
# Half of what the worker takes.
RESULT_BYTES = 4 << 20


class Steps:
    """Follows an orchestrator through its steps."""

    def __init__(self, max_steps, stopper):
        self.taken = []
        self.agent_failure = None
        self._begun = 0
        self._max_steps = max_steps
        self._stopper = stopper

    def watch(self, orchestrator):
        """Puts itself around the orchestrator's question to the agent and to the environment."""
        ask_agent, ask_env = orchestrator.ask_agent, orchestrator.ask_env

        async def agent(observation):
            self._begin()
            try:
                action = await ask_agent(observation)
            except Exception as error:
                self.agent_failure = error
                raise
            self._stopper.check()
            self._acted(action)
            return action

        async def environment(action):
            observation = await ask_env(action)
            self._stopper.check()
            self._saw(observation)
            return observation

        orchestrator.ask_agent, orchestrator.ask_env = agent, environment

    def place(self):
        """Where the task is, for messages."""
        return f" in step {self._begun}" if self._begun else " before the first step"

    def _begin(self):
        self._stopper.check()
        self._begun += 1
        self._since = time.monotonic()
        qtask_command.progress(phase="running", step=self._begun, max_steps=self._max_steps)

    def _acted(self, action):
        step = {"step": self._begun, "action": clip(action), "observation": None}
        step["agent_seconds"] = self._lap()
        self.taken.append(step)

    def _saw(self, observation):
        step = self.taken[-1]
        step["observation"] = clip(as_text(observation))
        step["environment_seconds"] = self._lap()
        words = {key: shorten(value, LOG_CHARACTERS) for key, value in step.items()}
        qtask_command.log(f"step {step['step']}: {first_line(step['action'])}", context=words)

    def _lap(self):
        now = time.monotonic()
        seconds, self._since = round(now - self._since, 3), now
        return seconds


def clip(value):
    """As much of a text as is kept in memory."""
    return shorten(str(value), KEPT_CHARACTERS)


def shorten(value, characters):
    """A text's beginning, with a word on what is missing; anything else as it is."""
    if not isinstance(value, str) or len(value) <= characters:
        return value
    return f"{value[:characters]}... ({len(value) - characters} characters more)"


def first_line(text):
    """Enough of an action to tell it from others."""
    return shorten(next(iter(text.strip().splitlines()), ""), 120)


def as_text(observation):
    """An observation in words; AIOpsLab's submission states are an enum."""
    return getattr(observation, "name", observation)


def as_result(metrics, output, steps):
    """The result in the form of problem tasks, small enough for one line."""
    logs = [f"step {step['step']}: {first_line(step['action'])}" for step in steps]
    characters = KEPT_CHARACTERS
    while True:
        trajectory = [{key: shorten(value, characters) for key, value in step.items()} for step in steps]
        value = {"logs": logs, "metrics": metrics, "output": {**output, "trajectory": trajectory}}
        if characters < 50 or len(qtask_command.encoded(value)) <= RESULT_BYTES:
            return value
        characters //= 2
