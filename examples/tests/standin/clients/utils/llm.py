"""Models. The client of the agents gpt, react and flash has its model from a constant."""

GPT_MODEL = "gpt-4o"


class RateLimitError(Exception):
    """By this name the model's service asks for patience."""


class GPTClient:
    def __init__(self):
        self.actions = iter([
            'I look first.\nAction:\n```\nexec_shell("look at pods")\n```',
            f'```\nexec_shell("look at logs with {GPT_MODEL}")\n```',
            '```\nsubmit("Yes")\n```',
        ])

    def run(self, payload):
        return [next(self.actions)]


class OpenRouterClient:
    """`model` says how it behaves."""

    def __init__(self, model):
        self.model = model

    def run(self, payload):
        if self.model == "busy":
            raise RateLimitError("Error code: 429")
        if self.model == "unknown":
            raise ValueError("Error code: 404 - no such model")
        return ['```\nsubmit("Yes")\n```']
