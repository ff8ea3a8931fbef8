"""An agent that hands its model's errors on as its actions."""

from clients.utils.llm import OpenRouterClient


class OpenRouterAgent:
    def __init__(self, model="anthropic/claude-3.5-sonnet"):
        self.llm = OpenRouterClient(model=model)

    def init_context(self, problem_desc, instructions, apis):
        if self.llm.model == "tokens":
            # Whatever fails before the model is asked is handed on too.
            self.llm.run = None

    async def get_action(self, input):
        try:
            return self.llm.run([input])[0]
        except Exception as error:
            print(f"OpenRouter API error: {error}")
            return f"Error occurred while calling OpenRouter API: {error}"
