"""Maps an exception to the failure that the task ends with."""

from aiopslab_support import cluster
from aiopslab_support.steps import ACTION, AGENT, EVALUATION, SETUP, shorten
from aiopslab_support.stopping import Stopped
from qtask_command import Failure

# Errors of a model's service after which another attempt may succeed, by their classes' names, since
# each client has its own library.
PASSING = {
    "APIConnectionError",
    "APITimeoutError",
    "ConnectionError",
    "InternalServerError",
    "RateLimitError",
    "ServiceUnavailableError",
    "TimeoutError",
}


def explained(error, steps, timeout, solution, trouble):
    """The failure of the first error: a later one came from AIOpsLab's own recovery."""
    at = steps.place()
    if isinstance(error, Stopped):
        return of_stop(error, steps, timeout, at, trouble)
    if isinstance(error, KeyboardInterrupt):
        # AIOpsLab catches SIGINT while it injects and recovers, and raises it afterwards.
        return Failure("stopped", f"stopped by SIGINT{at}{trouble}", retry=True)
    phase, error = steps.failure or (steps.phase, error)
    say = f"{type(error).__name__}: {error}"
    if phase == AGENT:
        return Failure("agent_error", f"the agent failed{at}: {say}{trouble}", is_passing(error))
    if phase == ACTION:
        return Failure("agent_error", f"the agent's action{at} cannot be carried out: {say}{trouble}")
    if phase == EVALUATION and not cluster.why_unreachable():
        answer = "without a submission" if solution is None else f"of {shorten(repr(solution), 200)}"
        return Failure("evaluation_error", f"the evaluation {answer} failed: {say}{trouble}")
    return environment(f"{say}{trouble}")


def of_stop(error, steps, timeout, at, trouble):
    """The failure of a task after a signal or at its time limit."""
    if str(error) != "timeout":
        return Failure("stopped", f"{error}{at}{trouble}", retry=True)
    if steps.phase == SETUP:
        return environment(f"the set-up took too long for the timeout of {timeout:g} s{trouble}")
    return Failure("timeout", f"ended{at}, before its timeout of {timeout:g} s{trouble}")


def environment(message):
    """The cluster's failure, or this machine's: the attempt should be made elsewhere."""
    return Failure("environment_error", message, retry=True, blame="worker")


def is_passing(error):
    """Whether another attempt may go better."""
    return any(each.__name__ in PASSING for each in type(error).__mro__)
