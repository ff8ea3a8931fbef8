"""An agent whose model cannot be chosen."""

from clients.utils.llm import OpenRouterClient


class DeepSeekAgent:
    def __init__(self):
        self.llm = OpenRouterClient("deepseek-reasoner")

    def init_context(self, problem_desc, instructions, apis):
        pass

    async def get_action(self, input):
        return self.llm.run([input])[0]
