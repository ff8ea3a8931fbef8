"""Keeps to what the real orchestrator promises its callers: when it recovers the fault and when not."""

import atexit
import os
import time
import uuid
from types import SimpleNamespace

from .. import problems
from ..journal import note
from ..problems import SubmissionStatus


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
        problem.app.delete()
        problem.app.deploy()
        problem.inject_fault()
        atexit.register(recover_at_exit, problem)
        problem.start_workload()
        return problem.get_task_description(), problem.get_instructions(), problem.get_available_actions()

    async def ask_agent(self, observation):
        action = await self.agent.get_action(observation)
        self.session.history.append({"role": "assistant", "content": action})
        return action

    async def ask_env(self, action):
        if action.startswith("submit"):
            self.session.solution = action
        try:
            observation = self.session.problem.perform_action(action)
        except Exception as error:
            observation = str(error)
        self.session.history.append({"role": "env", "content": observation})
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
        return {"history": self.session.history, "final_state": observation, "results": results}


def recover_at_exit(problem):
    note("at exit")
    problem.recover_fault()
