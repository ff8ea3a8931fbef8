#!/usr/bin/env python3
"""Runs one problem of AIOpsLab (github.com/microsoft/AIOpsLab) for `qtask work --command`.

    qtask work --command "aiopslab=/opt/AIOpsLab/.venv/bin/python $EXAMPLES/aiopslab.py --root /opt/AIOpsLab" \\
        --command-env OPENAI_API_KEY --concurrency 1

Each step of the agent becomes a log line and progress; the evaluation becomes the result. SIGTERM and
the task's timeout end it in order: the injected fault is taken back first.

Written against AIOpsLab 0.1.0 as of commit ddf7e40. README.md says what was tried with it.
"""

import argparse
import asyncio
import difflib
import os
import sys

import private_tmp
import qtask_command
from aiopslab_support import agents, cluster, ports, surroundings
from aiopslab_support.endings import environment, explained
from aiopslab_support.noise import Noise
from aiopslab_support.steps import AGENT, Steps, as_result, as_text, clip
from aiopslab_support.stopping import Fault, GraceOver, Stopped, Stopper, is_stop
from qtask_command import Failure


# The lock of tasks that share /tmp.
LOCK = f"{private_tmp.TMP}/qtask-aiopslab.lock"


def main():
    """Runs the one task on stdin."""
    settings = arguments()
    # Before there are threads.
    shared = share_of_tmp(settings.shared_tmp, settings.lock)
    stopper = Stopper(settings.grace)
    fault = Fault(stopper)
    run = Run(settings, stopper, fault)
    try:
        task = checked(qtask_command.start())
        run.noise = Noise()
        if shared is not None:
            raise environment(shared)
        with surroundings.own_directory() as directory:
            value = run.attempt(task, directory)
    except Failure as failure:
        run.fail(failure)
    except Stopped as stopped:
        # It came between the last step and the end.
        run.fail(Failure("stopped", f"{stopped}{recover(fault)}", retry=True))
    except GraceOver as over:
        left = "; the fault may still be injected" if fault.injected else ""
        say = f"{over} and could not end within {settings.grace:g} s{left}"
        run.fail(Failure("stopped", say, retry=True))
    qtask_command.result(value)
    # A thread that an agent left behind must not hold the result back.
    stopper.finish(run.leave, seconds=30)


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
    parser.add_argument("--shared-tmp", action="store_true",
                        help="leave tasks the machine's /tmp, one task at a time: sudo does not work in a user namespace")
    parser.add_argument("--lock", default=LOCK, metavar="FILE",
                        help="the lock of tasks that share /tmp")
    return parser.parse_args()


def share_of_tmp(is_wanted, lock):
    """None if no other task can use the same /tmp; otherwise why this one cannot run."""
    why = "--shared-tmp was given"
    if not is_wanted:
        try:
            private_tmp.isolate()
            return None
        except OSError as error:
            why = f"it cannot be had here: {error}"
    try:
        if private_tmp.lock(lock):
            return None
        busy = f"another problem of AIOpsLab runs on this machine and holds {lock}"
    except OSError as error:
        busy = f"{lock} cannot be locked: {error}"
    return (f"{busy}. Both would write the same files in {private_tmp.TMP}, and no task has a mount namespace with a "
            f"{private_tmp.TMP} of its own ({why}): run one worker for AIOpsLab on each machine")


class Run:
    """One attempt at one task."""

    def __init__(self, settings, stopper, fault):
        self.noise = None
        self._settings = settings
        self._stopper = stopper
        self._fault = fault
        self._steps = None
        self._orchestrator = None

    def attempt(self, task, directory):
        """The result of the task."""
        settings, timeout = self._settings, task["timeout_seconds"]
        self._stopper.install(max(timeout - 2 * settings.grace, timeout / 2))
        steps = self._steps = Steps(task["max_steps"], self._stopper)
        try:
            name, options = agents.check(task["agent_config"], settings.agent, settings.agent_option)
            surroundings.own_kubeconfig(settings.kubeconfig)
            surroundings.keep_tokenizer()
            surroundings.make_importable(settings.root, os.path.dirname(os.path.abspath(__file__)))
            orchestrator = self._orchestrator = made(directory)
            chosen = agents.choose(name, options, settings.agent_package)
            about = describe(task, chosen)
            steps.about = about
            prepare(orchestrator, task["problem_id"], chosen, self._fault, steps)
            solve(orchestrator, chosen.agent, task, steps)
            self._stopper.close()
        except (Failure, GraceOver):
            raise
        # An agent may raise SystemExit too.
        except BaseException as error:
            self._stopper.close()
            trouble = recover(self._fault)
            if not evaluated(self._orchestrator):
                solution = getattr(getattr(self._orchestrator, "session", None), "solution", None)
                raise explained(error, steps, timeout, solution, trouble) from error
            # The evaluation is what the task is for; what failed behind it is the cleaning up.
            qtask_command.log(f"after the evaluation: {error!r}{trouble}", "warning")
        return result_of(orchestrator, about, steps)

    def fail(self, failure):
        """Writes the output so far and the failure, and exits at once: a thread of an agent may hang."""
        self._stopper.finish(lambda: os._exit(0), seconds=30)
        if self._steps is not None:
            self._steps.say_output()
        qtask_command.fail(failure)
        self.leave()

    def leave(self):
        """Exits once every line is written."""
        if self.noise is not None:
            self.noise.finish()
        qtask_command.finish()
        os._exit(0)


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


def made(directory):
    """AIOpsLab's orchestrator, before it knows a problem."""
    try:
        from aiopslab.orchestrator import Orchestrator
    except ImportError as error:
        say = f"AIOpsLab cannot be imported: {error}; run this program with the Python that it is installed for"
        raise Failure("missing_package", say, retry=True, blame="worker") from error
    except (Exception, SystemExit) as error:
        if is_stop(error):
            raise
        say = f"AIOpsLab cannot be imported: {type(error).__name__}: {error}"
        cache = os.environ.get("TIKTOKEN_CACHE_DIR")
        if is_of_network(error):
            say = f"{say}. It fetches its tokenizer's file, unless that is in TIKTOKEN_CACHE_DIR ({cache})"
        raise environment(say) from error
    ports.use_own()
    return Orchestrator(results_dir=directory / "results")


def is_of_network(error):
    """Whether it is an error of the network: those of requests are OSErrors, too."""
    return isinstance(error, OSError) and not isinstance(error, (FileNotFoundError, PermissionError))


def prepare(orchestrator, problem_id, chosen, fault, steps):
    """Registers the agent, and wraps the problem once it is made; deploys nothing."""
    known = orchestrator.probs.get_problem_ids()
    if problem_id not in known:
        near = difflib.get_close_matches(problem_id, known, n=3)
        like = f"; near to it: {', '.join(near)}" if near else ""
        raise Failure("unknown_problem", f"AIOpsLab has no problem {problem_id}{like}")
    make = orchestrator.probs.get_problem_instance
    orchestrator.probs.get_problem_instance = lambda name: steps.watch_problem(fault.watch(make(name)))
    orchestrator.register_agent(chosen.agent, name=chosen.name)
    if chosen.ignored:
        qtask_command.log(f"agent {chosen.name} has no use for {', '.join(chosen.ignored)}", "warning")


def solve(orchestrator, agent, task, steps):
    """Deploys the problem, injects its fault, and lets the agent work on it."""
    qtask_command.progress(phase="setup", step=0, max_steps=task["max_steps"])
    qtask_command.log(f"setting up {task['problem_id']}")
    import aiopslab

    if trouble := cluster.why_unreachable():
        # AIOpsLab would wait five minutes for it.
        raise environment(f"the cluster cannot be used: {trouble}")
    cluster.uninstall_stuck(aiopslab)
    description, instructions, actions = orchestrator.init_problem(task["problem_id"])
    with steps.within(AGENT):
        agent.init_context(description, instructions, actions)
    steps.watch(orchestrator, agent)
    # Not asyncio.run, which waits for the agent's threads before it hands on what was raised.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    orchestrator.final = loop.run_until_complete(orchestrator.start_problem(max_steps=task["max_steps"]))


def recover(fault):
    """Takes the fault back; returns what to say if that failed."""
    try:
        fault.recover()
    except (Exception, KeyboardInterrupt) as error:
        qtask_command.log(f"the fault could not be taken back: {error!r}", "error")
        return f"; the fault could not be taken back: {error}"
    return ""


def evaluated(orchestrator):
    """The metrics, once the orchestrator has made them."""
    session = getattr(orchestrator, "session", None)
    return getattr(session, "results", None)


def describe(task, chosen):
    """What the result says of the task."""
    about = {"problem_id": task["problem_id"], "agent": chosen.name, "agent_options": chosen.options}
    return {**about, "ignored_options": chosen.ignored} if chosen.ignored else about


def result_of(orchestrator, about, steps):
    """The task's result."""
    final = getattr(orchestrator, "final", None) or {}
    session = orchestrator.session
    last = steps.taken[-1]["observation"] if steps.taken else None
    submitted = as_text(final.get("final_state", last)) == "VALID_SUBMISSION"
    output = {
        **about,
        "ended": "submitted" if submitted else "max_steps",
        "steps": len(steps.taken),
        "solution": clip(session.solution) if session.solution is not None else None,
        "session_id": str(getattr(session, "session_id", "")),
    }
    return as_result(final.get("results") or session.results, output, steps.taken)


if __name__ == "__main__":
    main()
