"""Problems that go well, and each in its way not."""

import os
import subprocess
import sys
import threading
from enum import Enum

from .journal import note

SubmissionStatus = Enum("SubmissionStatus", ["VALID_SUBMISSION", "INVALID_SUBMISSION"])


def hang():
    """Until the process is told to stop."""
    threading.Event().wait(120)


class App:
    """What a problem deploys."""

    def delete(self):
        note("delete")

    def deploy(self):
        note("deploy")

    def cleanup(self):
        note("cleanup")


class SlowApp(App):
    def deploy(self):
        note("deploy")
        hang()


class UncleanApp(App):
    def cleanup(self):
        raise RuntimeError("namespace is stuck")


class Problem:
    """A detection problem: the answer is Yes."""

    namespace = "test"
    app_class = App

    def __init__(self):
        self.app = self.app_class()

    def inject_fault(self):
        note("inject")

    def recover_fault(self):
        note("recover")

    def start_workload(self):
        note("workload")

    def get_task_description(self):
        return "something may be wrong"

    def get_instructions(self):
        return "call submit"

    def get_available_actions(self):
        return {"exec_shell": "runs a command", "submit": "ends the problem"}

    def perform_action(self, words):
        if words.startswith("submit"):
            return self.judge(words)
        return f"ran {words} in {os.getcwd()} with {os.environ['KUBECONFIG']}"

    def judge(self, words):
        known = words in ("submit Yes", "submit No")
        return SubmissionStatus.VALID_SUBMISSION if known else SubmissionStatus.INVALID_SUBMISSION

    def eval(self, solution, history, duration):
        return {"success": solution == "submit Yes", "steps": len(history) // 2, "TTD": duration}


class Noisy(Problem):
    def perform_action(self, words):
        print('{"result": "not this one"}')
        os.write(1, b'{"result": "nor this one"}\n')
        subprocess.run([sys.executable, "-c", "print('not JSON')"], check=True)
        return super().perform_action(words)


class Large(Problem):
    def perform_action(self, words):
        return super().perform_action(words) if words.startswith("submit") else "\0\u00e4" * 100_000


class SlowAction(Problem):
    def perform_action(self, words):
        note("acting")
        subprocess.run([sys.executable, "-c", "import time; time.sleep(120)"], check=True)


class SlowSetup(Problem):
    app_class = SlowApp


class SlowRecovery(Problem):
    def recover_fault(self):
        note("recover begins")
        # As AIOpsLab runs kubectl: a signal to the group ends it, and nobody looks at how it ended.
        done = subprocess.run(["sh", "-c", 'read -r _ < "$STANDIN_GATE"'], check=False)
        note("recover" if done.returncode == 0 else "cut off")


class NoRecovery(Problem):
    def recover_fault(self):
        note("recover begins")
        hang()


class FailedWorkload(Problem):
    def start_workload(self):
        raise RuntimeError("no wrk2 image")


class Unclean(Problem):
    app_class = UncleanApp


ALL = {
    "normal-detection-1": Problem,
    "noisy-detection-1": Noisy,
    "large-detection-1": Large,
    "slow_action-detection-1": SlowAction,
    "slow_setup-detection-1": SlowSetup,
    "slow_recovery-detection-1": SlowRecovery,
    "no_recovery-detection-1": NoRecovery,
    "failed_workload-detection-1": FailedWorkload,
    "unclean-detection-1": Unclean,
}
