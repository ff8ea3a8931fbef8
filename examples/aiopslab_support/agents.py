"""Which agent a task asks for, checked before anything is deployed."""

import importlib
import inspect
import re

from aiopslab_support.stopping import is_stop
from qtask_command import Failure

# The agents of AIOpsLab, by the modules that hold them.
NAMED = {
    "gpt": "clients.gpt",
    "react": "clients.react",
    "flash": "clients.flash",
    "deepseek": "clients.deepseek",
    "qwen": "clients.qwen",
    "llama": "clients.llama",
    "vllm": "clients.vllm",
    "openrouter": "clients.openrouter",
    "generic-openai": "clients.generic_openai",
}
# What a task may hand to an agent's constructor. Neither keys nor addresses: whoever may choose the
# address that a worker's key is sent to has the key.
OPTIONS = ("model", "temperature", "top_p", "max_tokens", "repetition_penalty")
# Those of NAMED for which a task may choose the model.
WITH_MODEL = "gpt, react, flash, vllm, openrouter, generic-openai"


class Chosen:
    """A new agent, its name, the options that it was given and the names of those that it ignores."""

    def __init__(self, name, agent, options, ignored):
        self.name = name
        self.agent = agent
        self.options = options
        self.ignored = ignored


def check(config, default, options=OPTIONS):
    """The agent's name and its options in a task's agent_config; loads nothing."""
    if not isinstance(config, dict):
        raise invalid("agent_config is no JSON object")
    name = config.get("agent", default)
    if not isinstance(name, str):
        raise invalid("agent is no text")
    given = {key: value for key, value in config.items() if key != "agent"}
    for key, value in given.items():
        if key not in options:
            raise invalid(f"{key} cannot be set by a task; agent and {', '.join(options)} can")
        if not isinstance(value, (str, int, float)):
            raise invalid(f"{key} is neither a text nor a number")
    return name, given


def choose(name, given, packages=("clients",)):
    """A new instance of the agent, with those of the given options that it takes."""
    found = find_class(name, packages)
    taken, ignored = fitting(name, found, given)
    try:
        agent = found(**taken)
    except (Exception, SystemExit) as error:
        if is_stop(error):
            raise
        # Most often a key that this worker does not have.
        raise Failure("agent_error", f"agent {name} does not start: {error}", retry=True) from error
    return Chosen(name, agent, {key: given[key] for key in given if key not in ignored}, ignored)


def fitting(name, found, given):
    """The options for the constructor, and the names of those that the agent has no use for.

    A model is never left out: the result would be taken for that model's.
    """
    parameters = inspect.signature(found).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    taken = {key: value for key, value in given.items() if takes_all or key in parameters}
    ignored = [key for key in given if key not in taken]
    if "model" in ignored:
        if not use_model(found, given["model"]):
            raise invalid(f"agent {name} has one model, which a task cannot choose; {WITH_MODEL} take model")
        ignored.remove("model")
    try:
        inspect.signature(found).bind(**taken)
    except TypeError as error:
        raise invalid(f"agent {name}: {error}; it takes {', '.join(parameters) or 'no options'}") from None
    return taken, ignored


def use_model(found, model):
    """Sets the model of an agent that asks through AIOpsLab's GPTClient, which has it from a constant."""
    client = getattr(inspect.getmodule(found), "GPTClient", None)
    module = inspect.getmodule(client)
    if module is None or not hasattr(module, "GPT_MODEL"):
        return False
    # The process runs one task: no other one is affected.
    module.GPT_MODEL = model
    return True


def invalid(message):
    """The task asks for what cannot be had; no other attempt will get it."""
    return Failure("invalid_agent_config", message)


def find_class(name, packages):
    """The class behind a name of NAMED or behind "module:Class"."""
    if ":" not in name:
        if name not in NAMED:
            raise invalid(f"unknown agent {name!r}; there are {', '.join(sorted(NAMED))}, or module:Class")
        return only_agent_of(load(NAMED[name]))
    module_name, _, class_name = name.partition(":")
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", module_name):
        raise invalid(f"{module_name!r} is no module's name")
    if not any(module_name == each or module_name.startswith(f"{each}.") for each in packages):
        raise invalid(f"module {module_name} is not among those that this worker allows: {', '.join(packages)}")
    found = getattr(load(module_name), class_name, None)
    if not is_agent(found):
        raise invalid(f"{name} is no agent: a class with init_context and get_action")
    return found


def load(module_name):
    """The module, or an error that says whether it is unknown or cannot run on this worker."""
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}.") and error.name != "clients":
            raise invalid(f"there is no module {module_name}") from None
        say = f"{module_name} cannot be imported: {error}; install AIOpsLab with its packages, and give --root"
        blame = "worker" if error.name == "clients" else None
        raise Failure("missing_package", say, retry=True, blame=blame) from error
    except (Exception, SystemExit) as error:
        if is_stop(error):
            raise
        say = f"{module_name} cannot be imported: {type(error).__name__}: {error}"
        raise Failure("agent_error", say, retry=True) from error


def only_agent_of(module):
    """The one agent that a module defines; its class has another name in each."""
    found = [each for each in vars(module).values() if is_agent(each) and each.__module__ == module.__name__]
    if len(found) != 1:
        raise invalid(f"{module.__name__} defines {len(found)} agents; name one as {module.__name__}:Class")
    return found[0]


def is_agent(value):
    """What AIOpsLab's orchestrator takes for an agent."""
    calls = ("init_context", "get_action")
    return inspect.isclass(value) and all(callable(getattr(value, call, None)) for call in calls)
