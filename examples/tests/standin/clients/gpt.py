"""An agent without options that looks twice and then submits."""

from clients.utils.llm import GPTClient


class Agent:
    def __init__(self):
        self.llm = GPTClient()

    def init_context(self, problem_desc, instructions, apis):
        self.context = problem_desc, instructions, apis

    async def get_action(self, input):
        return self.llm.run([input])[0]
