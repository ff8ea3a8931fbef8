"""What the agent did and what it saw: in the log, as progress and output, and in the result."""

import re
import time

import qtask_command
from aiopslab_support.stopping import Stopped, is_stop

# Characters of one action or observation: in a log line, and at most in the result.
LOG_CHARACTERS = 2000
KEPT_CHARACTERS = 16000
# Bytes of all steps in the log, which has 8 MiB.
LOG_BYTES = 5 << 20
# Half of what the worker takes.
RESULT_BYTES = 4 << 20
# One output, and seconds from one to the next: three hours of them stay below the 256 MiB of all that a
# program may write.
OUTPUT_BYTES = 256 << 10
OUTPUT_SECONDS = 30
# The prefix of error messages that some agents of AIOpsLab return as their action.
ERROR_AS_ACTION = re.compile(r"Error occurred while calling \w+ API: ")

SETUP, AGENT, ACTION, EVALUATION = "setup", "agent", "action", "evaluation"


class ModelError(Exception):
    """An error of the agent's model of which only the text is known."""


class Steps:
    """Follows an orchestrator through its steps."""

    def __init__(self, max_steps, stopper):
        self.taken = []
        # The current phase; the first failure, with its phase.
        self.phase = SETUP
        self.failure = None
        # Members of the output beside the steps.
        self.about = {}
        self._begun = 0
        self._max_steps = max_steps
        self._stopper = stopper
        self._model_error = None
        self._said = time.monotonic()

    def watch(self, orchestrator, agent):
        """Wraps the orchestrator's calls of the agent and of the environment."""
        ask_agent, ask_env = orchestrator.ask_agent, orchestrator.ask_env
        self._watch_model(agent)

        async def asked_agent(observation):
            self._begin()
            with self.within(AGENT):
                action = await ask_agent(observation)
                self._stopper.check()
                self._refuse_error(action)
            self._acted(action)
            return action

        async def asked_environment(action):
            with self.within(ACTION):
                observation = await ask_env(action)
            self._stopper.check()
            self._saw(observation)
            return observation

        orchestrator.ask_agent, orchestrator.ask_env = asked_agent, asked_environment

    def watch_problem(self, problem):
        """Wraps the problem's evaluation."""
        evaluate = problem.eval

        def watched(*args, **kwargs):
            with self.within(EVALUATION):
                return evaluate(*args, **kwargs)

        problem.eval = watched
        return problem

    def within(self, phase):
        """A context that sets the phase, and records the first failure with it."""
        return _Within(self, phase)

    def place(self):
        """Where the task is, for messages."""
        return f" in step {self._begun}" if self._begun else " before the first step"

    def say_output(self):
        """Writes the steps so far as output, which is kept if the attempt fails."""
        if self.taken:
            self._said = time.monotonic()
            qtask_command.output(as_output(self.about, self.taken))

    def _watch_model(self, agent):
        model = getattr(agent, "llm", None)
        run = getattr(model, "run", None)
        if not callable(run):
            return

        def watched(*args, **kwargs):
            self._model_error = None
            try:
                return run(*args, **kwargs)
            except Exception as error:
                self._model_error = error
                raise

        try:
            model.run = watched
        except AttributeError:
            pass  # Nothing more is known of its errors than their text.

    def _refuse_error(self, action):
        # AIOpsLab would score the error as the agent's answer.
        if isinstance(action, str) and ERROR_AS_ACTION.match(action):
            raise self._model_error or ModelError(first_line(action))

    def _begin(self):
        self._stopper.check()
        if qtask_command.is_cut_off():
            raise Stopped("the worker has closed its end of stdout")
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
        share = LOG_BYTES // self._max_steps // 2
        words = {key: shorten(in_bytes(value, share), LOG_CHARACTERS) for key, value in step.items()}
        qtask_command.log(f"step {step['step']}: {summary(step['action'])}", context=words)
        if time.monotonic() - self._said >= OUTPUT_SECONDS:
            self.say_output()

    def _lap(self):
        now = time.monotonic()
        seconds, self._since = round(now - self._since, 3), now
        return seconds


class _Within:
    def __init__(self, steps, phase):
        self._steps, self._phase = steps, phase

    def __enter__(self):
        self._steps.phase = self._phase

    def __exit__(self, _kind, error, _trace):
        steps = self._steps
        if error is not None and not is_stop(error) and steps.failure is None:
            steps.failure = (self._phase, error)


def clip(value):
    """As much of a text as is kept in memory."""
    return shorten(str(value), KEPT_CHARACTERS)


def shorten(value, characters):
    """A text's beginning, with a word on what is missing; anything else as it is."""
    if not isinstance(value, str) or len(value) <= characters:
        return value
    return f"{value[:characters]}... ({len(value) - characters} characters more)"


def in_bytes(value, limit):
    """A text's beginning in so many bytes; anything else as it is."""
    if not isinstance(value, str):
        return value
    data = value.encode("utf-8", "replace")
    return value if len(data) <= limit else shorten(value, len(data[:limit].decode("utf-8", "ignore")))


def first_line(text):
    """Enough of a text to tell it from others."""
    lines = (line.strip() for line in text.splitlines())
    return shorten(next(filter(None, lines), ""), 120)


def summary(action):
    """The call that an action makes, without the thoughts and labels around it."""
    block = re.search(r"```[^\n`]*\n(.*?)(?:```|\Z)", action, re.DOTALL)
    return first_line(block[1]) if block and block[1].strip() else first_line(action)


def as_text(observation):
    """An observation in words; AIOpsLab's submission states are an enum."""
    return getattr(observation, "name", observation)


def as_result(metrics, output, steps):
    """The result in the form of problem tasks, small enough for one line."""
    logs = [f"step {step['step']}: {summary(step['action'])}" for step in steps]
    characters = KEPT_CHARACTERS
    while True:
        trajectory = shortened(steps, characters)
        value = {"logs": logs, "metrics": metrics, "output": {**output, "trajectory": trajectory}}
        if characters < 50 or len(qtask_command.encoded(value)) <= RESULT_BYTES:
            return value
        characters //= 2


def as_output(about, steps):
    """The steps so far in at most OUTPUT_BYTES: texts are shortened first, then the earliest steps left out."""
    kept = steps
    characters = min(KEPT_CHARACTERS, OUTPUT_BYTES // (2 * len(kept)))
    while True:
        trajectory = shortened(kept, characters)
        value = {**about, "steps": len(steps), "trajectory": trajectory}
        if len(kept) < len(steps):
            value["left_out"] = len(steps) - len(kept)
        if len(kept) == 1 or len(qtask_command.encoded(value)) <= OUTPUT_BYTES:
            return value
        if characters > 100:
            characters //= 2
        else:
            kept = kept[(len(kept) + 1) // 2 :]


def shortened(steps, characters):
    """The steps with shorter texts."""
    return [{key: shorten(value, characters) for key, value in step.items()} for step in steps]
