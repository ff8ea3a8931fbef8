"""Which agent a task asks for, checked before anything is deployed."""

import importlib
import inspect
import re

from qtask_command import Failure

# The clients of AIOpsLab, by the modules that hold them.
NAMED = {
    "gpt": "clients.gpt",
    "react": "clients.react",
    "flash": "clients.flash",
    "deepseek": "clients.deepseek",
    "qwen": "clients.qwen",
    "vllm": "clients.vllm",
    "openrouter": "clients.openrouter",
    "litellm": "clients.litellm_agent",
    "generic-openai": "clients.generic_openai",
}
# What a task may hand to an agent's constructor. Neither keys nor addresses: whoever may choose the
# address that a worker's key is sent to has the key.
OPTIONS = ("model", "temperature", "top_p", "max_tokens", "repetition_penalty")


def choose(config, default="gpt", packages=("clients",), options=OPTIONS):
    """The name and a new instance of the agent of a task's agent_config."""
    if not isinstance(config, dict):
        raise invalid("agent_config is no JSON object")
    name = config.get("agent", default)
    if not isinstance(name, str):
        raise invalid("agent is no text")
    given = {key: value for key, value in config.items() if key != "agent"}
    check_options(given, options)
    found = find_class(name, packages)
    check_constructor(name, found, given)
    try:
        return name, found(**given)
    except Exception as error:
        # Most often a key that this worker does not have.
        raise Failure("agent_error", f"agent {name} does not start: {error}", retry=True) from error


def invalid(message):
    """The task asks for what cannot be had; no other attempt will get it."""
    return Failure("invalid_agent_config", message)


def check_options(given, options):
    """Each option is one that tasks may set, and a plain value."""
    for key, value in given.items():
        if key not in options:
            raise invalid(f"{key} cannot be set by a task; agent and {', '.join(options)} can")
        if not isinstance(value, (str, int, float)):
            raise invalid(f"{key} is neither a text nor a number")


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
        raise Failure("missing_package", say, retry=True) from error
    except Exception as error:
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


def check_constructor(name, found, given):
    """Whether the constructor takes what the task gives it."""
    try:
        inspect.signature(found).bind(**given)
    except TypeError as error:
        takes = ", ".join(inspect.signature(found).parameters) or "no options"
        raise invalid(f"agent {name}: {error}; it takes {takes}") from None
