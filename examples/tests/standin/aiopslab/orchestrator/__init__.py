"""Keeps to what the real orchestrator promises its callers: when it recovers the fault and when not."""

import ast
import atexit
import os
import re
import time
import uuid
from types import SimpleNamespace

import tiktoken

from .. import observer, problems
from ..journal import note
from ..problems import SubmissionStatus
from ..service import helm

# AIOpsLab's evaluators do this when they are imported.
tiktoken.encoding_for_model("gpt-3.5-turbo")


class Registry:
    def get_problem_ids(self):
        return list(problems.ALL)

    def get_problem_instance(self, problem_id):
        return problems.ALL[problem_id]()


class Orchestrator:
    def __init__(self, results_dir=None):
        if not os.path.exists(os.environ["KUBECONFIG"]):
            raise RuntimeError("Invalid kube-config file. No configuration found.")
        self.probs = Registry()
        self.agent = self.agent_name = self.session = None

    def register_agent(self, agent, name="agent"):
        self.agent, self.agent_name = agent, name

    def init_problem(self, problem_id):
        problem = self.probs.get_problem_instance(problem_id)
        self.session = SimpleNamespace(
            session_id=uuid.uuid4(), problem=problem, solution=None, results={}, history=[]
        )
        if problem.needs_helm:
            helm.deploy()
        problem.app.delete()
        problem.app.deploy()
        problem.inject_fault()
        atexit.register(recover_at_exit, problem)
        problem.start_workload()
        return problem.get_task_description(), problem.get_instructions(), problem.get_available_actions()

    def add(self, role, content):
        """The real history takes texts, and enums for them."""
        if not isinstance(content, (str, SubmissionStatus)):
            raise ValueError(f"1 validation error for SessionItem: Input should be a valid string, not {content!r}")
        self.session.history.append({"role": role, "content": content})

    async def ask_agent(self, observation):
        action = await self.agent.get_action(observation)
        self.add("assistant", action)
        return action

    async def ask_env(self, action):
        try:
            name, arguments = parse(action)
        except ValueError as error:
            self.add("env", str(error))
            return str(error)
        if name == "submit":
            self.session.solution = arguments[0] if len(arguments) == 1 else arguments
        try:
            observation = self.session.problem.perform_action(name, *arguments)
        except Exception as error:
            observation = str(error)
        self.add("env", observation)
        return observation

    async def start_problem(self, max_steps):
        problem, begun, observation = self.session.problem, time.monotonic(), ""
        try:
            for _ in range(max_steps):
                action = await self.ask_agent(f"{observation}\nPlease take the next action")
                observation = await self.ask_env(action)
                if observation == SubmissionStatus.VALID_SUBMISSION:
                    break
                if observation == SubmissionStatus.INVALID_SUBMISSION:
                    raise ValueError("Invalid submission!")
        except Exception:
            problem.recover_fault()
            atexit.unregister(recover_at_exit)
            raise
        results = problem.eval(self.session.solution, self.session.history, time.monotonic() - begun)
        self.session.results = results
        problem.recover_fault()
        atexit.unregister(recover_at_exit)
        problem.app.cleanup()
        if problem.needs_helm:
            helm.teardown()
        return {"history": self.session.history, "final_state": observation, "results": results}


def parse(action):
    """The call in the one block of the action."""
    blocks = re.findall(r"```\s*\n(.*?)\n```", action, re.DOTALL)
    if len(blocks) != 1:
        raise ValueError("Error parsing response: Only have one pair of three ticks in your block")
    try:
        call = ast.parse(blocks[0]).body[0].value
        return call.func.id, [ast.literal_eval(each) for each in call.args]
    except (SyntaxError, AttributeError, IndexError) as error:
        raise ValueError(f"Error parsing response: {error}") from None


def recover_at_exit(problem):
    note("at exit")
    problem.recover_fault()
