"""An agent without options that looks twice and then submits."""


class Agent:
    def __init__(self):
        self.actions = iter(["look at\npods", "look at logs", "submit Yes"])

    def init_context(self, problem_desc, instructions, apis):
        self.context = problem_desc, instructions, apis

    async def get_action(self, input):
        return next(self.actions)
