#!/usr/bin/env python3
"""Runs one problem of AIOpsLab (github.com/microsoft/AIOpsLab) for `qtask work --command`.

    qtask work --command "aiopslab=/opt/AIOpsLab/.venv/bin/python $EXAMPLES/aiopslab.py --root /opt/AIOpsLab" \\
        --command-env OPENAI_API_KEY --concurrency 1

Each step of the agent becomes a log line and progress; the evaluation becomes the result. SIGTERM and
the task's timeout end it in order: the injected fault is taken back first.

Written against AIOpsLab 0.1.0 as of commit 04c74bc (orchestrator) and 99bc831 (clients). Tried with Python
3.11 against a stand-in with the same calls (tests/standin); not yet with AIOpsLab, a cluster and a model.
"""

import argparse
import asyncio
import difflib
import os
import sys

import qtask_command
from aiopslab_support import agents, surroundings
from aiopslab_support.steps import Steps, as_result, as_text, clip
from aiopslab_support.stopping import Fault, GraceOver, Stopped, Stopper
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


def main():
    """Runs the one task on stdin."""
    settings = arguments()
    stopper = Stopper(settings.grace)
    fault = Fault(stopper)
    try:
        with surroundings.own_directory() as directory:
            value = attempt(settings, directory, stopper, fault)
    except Failure as failure:
        end_as_failed(failure)
    except Stopped as stopped:
        # It came between the last step and the end.
        end_as_failed(Failure("stopped", f"{stopped}{recover(fault)}", retry=True))
    except GraceOver as over:
        left = "; the fault may still be injected" if fault.injected else ""
        say = f"{over} and could not end within {settings.grace:g} s{left}"
        end_as_failed(Failure("stopped", say, retry=True))
    # A thread that an agent left behind must not hold the result back.
    stopper.finish(lambda: os._exit(0), seconds=30)
    qtask_command.result(value)


def end_as_failed(failure):
    """Says why and leaves at once: threads of an agent that hangs must not keep the process."""
    qtask_command.fail(failure)
    sys.stderr.flush()
    os._exit(0)


def arguments():
    """The settings of the worker's operator; what a task may set is in agent_config."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="checkout of AIOpsLab, which holds its package clients")
    parser.add_argument("--kubeconfig", help="copied for each task; {worker} stands for the worker's name")
    parser.add_argument("--agent", default="gpt", help="agent of a task that names none")
    parser.add_argument("--agent-package", action="append", default=["clients"], metavar="NAME",
                        help="a package whose agents tasks may name as module:Class, beside clients")
    parser.add_argument("--agent-option", action="append", default=[*agents.OPTIONS], metavar="NAME",
                        help="one more argument of agents' constructors that tasks may set")
    parser.add_argument("--grace", type=float, default=8, metavar="SECONDS",
                        help="for taking the fault back after a stop; a little less than --command-grace")
    return parser.parse_args()


def attempt(settings, directory, stopper, fault):
    """The result of the task on stdin."""
    task = checked(qtask_command.start())
    timeout = task["timeout_seconds"]
    stopper.install(max(timeout - 2 * settings.grace, timeout / 2))
    steps = Steps(task["max_steps"], stopper)
    orchestrator = None
    try:
        surroundings.own_kubeconfig(settings.kubeconfig, directory)
        surroundings.make_importable(settings.root, os.path.dirname(os.path.abspath(__file__)))
        name, agent = agents.choose(
            task["agent_config"], settings.agent, settings.agent_package, settings.agent_option
        )
        orchestrator = prepared(task["problem_id"], name, agent, directory, fault)
        solve(orchestrator, agent, task, steps)
        stopper.close()
    except Failure:
        raise
    except (Stopped, Exception) as error:
        stopper.close()
        trouble = recover(fault)
        if not evaluated(orchestrator):
            raise explained(error, steps, timeout, trouble) from error
        # The evaluation is what the task is for; what failed behind it is the cleaning up.
        qtask_command.log(f"after the evaluation: {error!r}{trouble}", "warning")
    return result_of(orchestrator, task, name, steps)


def checked(task):
    """The members of the task that are used, or why they cannot be."""
    if task.get("kind") != "problem":
        raise Failure("unsupported_task", "this program runs problems only")
    problem_id, max_steps = task.get("problem_id"), task.get("max_steps", 30)
    if not isinstance(problem_id, str) or not isinstance(max_steps, int) or max_steps < 1:
        raise Failure("invalid_task", "the task needs a problem_id, and max_steps of at least 1")
    return {
        "problem_id": problem_id,
        "max_steps": max_steps,
        "agent_config": task.get("agent_config") or {},
        "timeout_seconds": task.get("timeout_seconds") or 1800,
    }


def prepared(problem_id, agent_name, agent, directory, fault):
    """An orchestrator that knows the problem and the agent; nothing is deployed yet."""
    try:
        from aiopslab.orchestrator import Orchestrator
    except ImportError as error:
        say = f"AIOpsLab cannot be imported: {error}; run this program with the Python that it is installed for"
        raise Failure("missing_package", say, retry=True) from error
    orchestrator = Orchestrator(results_dir=directory / "results")
    known = orchestrator.probs.get_problem_ids()
    if problem_id not in known:
        near = difflib.get_close_matches(problem_id, known, n=3)
        like = f"; near to it: {', '.join(near)}" if near else ""
        raise Failure("unknown_problem", f"AIOpsLab has no problem {problem_id}{like}")
    make = orchestrator.probs.get_problem_instance
    orchestrator.probs.get_problem_instance = lambda name: fault.watch(make(name))
    orchestrator.register_agent(agent, name=agent_name)
    return orchestrator


def solve(orchestrator, agent, task, steps):
    """Deploys the problem, injects its fault, and lets the agent work on it."""
    qtask_command.progress(phase="setup", step=0, max_steps=task["max_steps"])
    qtask_command.log(f"setting up {task['problem_id']}")
    description, instructions, actions = orchestrator.init_problem(task["problem_id"])
    agent.init_context(description, instructions, actions)
    steps.watch(orchestrator)
    # Not asyncio.run, which waits for the agent's threads before it hands on what was raised.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    orchestrator.final = loop.run_until_complete(orchestrator.start_problem(max_steps=task["max_steps"]))


def recover(fault):
    """Takes the fault back; returns what to say if that failed."""
    try:
        fault.recover()
    except Exception as error:
        qtask_command.log(f"the fault could not be taken back: {error!r}", "error")
        return f"; the fault could not be taken back: {error}"
    return ""


def evaluated(orchestrator):
    """The metrics, once the orchestrator has made them."""
    session = getattr(orchestrator, "session", None)
    return getattr(session, "results", None)


def explained(error, steps, timeout, trouble):
    """The failure that stands for an exception."""
    at = steps.place()
    if isinstance(error, Stopped):
        if str(error) == "timeout":
            return Failure("timeout", f"ended{at}, before its timeout of {timeout:g} s{trouble}")
        return Failure("stopped", f"{error}{at}{trouble}", retry=True)
    say = f"{type(error).__name__}: {error}"
    if steps.agent_failure is not None:
        return Failure("agent_error", f"the agent failed{at}: {say}{trouble}", is_passing(error))
    if str(error) == "Invalid submission!":
        return Failure("invalid_submission", f"the agent's submission{at} was invalid{trouble}")
    return Failure("environment_error", f"{say}{trouble}", retry=True)


def is_passing(error):
    """Whether another attempt may go better."""
    return any(each.__name__ in PASSING for each in type(error).__mro__)


def result_of(orchestrator, task, agent_name, steps):
    """The task's result."""
    final = getattr(orchestrator, "final", None) or {}
    session = orchestrator.session
    last = steps.taken[-1]["observation"] if steps.taken else None
    submitted = as_text(final.get("final_state", last)) == "VALID_SUBMISSION"
    output = {
        "problem_id": task["problem_id"],
        "agent": agent_name,
        "ended": "submitted" if submitted else "max_steps",
        "steps": len(steps.taken),
        "solution": clip(session.solution) if session.solution is not None else None,
        "session_id": str(getattr(session, "session_id", "")),
    }
    return as_result(final.get("results") or session.results, output, steps.taken)


if __name__ == "__main__":
    main()
