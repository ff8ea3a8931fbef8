"""Problems that go well, and each in its way not."""

import json
import os
import subprocess
import sys
import threading
from enum import Enum
from pathlib import Path

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
    needs_helm = False

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

    def perform_action(self, name, *arguments):
        if name == "submit":
            return SubmissionStatus.VALID_SUBMISSION
        action = getattr(self, name, None)
        if action is None:
            raise ValueError(f"Invalid action: {name}")
        return action(*arguments)

    def exec_shell(self, command):
        """Prints what it returns."""
        seen = f"ran {command} in {os.getcwd()} with {os.environ['KUBECONFIG']}"
        print(seen)
        return seen

    def eval(self, solution, history, duration):
        return {"success": solution == "Yes", "steps": len(history) // 2, "TTD": duration}


class Localization(Problem):
    """The answer is a list of services: what is no list breaks the evaluation."""

    def eval(self, solution, history, duration):
        found = set(["user-service"]).issubset(set(solution))
        return {"success": found and len(solution) == 1, "TTL": duration}


class Noisy(Problem):
    def exec_shell(self, command):
        print('{"result": "not this one"}')
        os.write(1, b'{"result": "nor this one"}\n')
        subprocess.run([sys.executable, "-c", "print('not JSON')"], check=True)
        return super().exec_shell(command)


class Chatty(Problem):
    """Returns 12,000 lines, and prints them twice: the action does, and the session."""

    def exec_shell(self, command):
        seen = "\n".join(f"line {number} of {command}" for number in range(12_000))
        print(seen)
        print(seen)
        return seen


class Large(Problem):
    def exec_shell(self, command):
        return "\0\u00e4" * 100_000


class SlowAction(Problem):
    def exec_shell(self, command):
        note("acting")
        subprocess.run([sys.executable, "-c", "import time; time.sleep(120)"], check=True)


class SlowSetup(Problem):
    app_class = SlowApp


class LateSetup(Problem):
    """The time limit comes while it is being set up, however fast the machine is."""

    def start_workload(self):
        import signal

        signal.setitimer(signal.ITIMER_REAL, 0.01)
        hang()


class SlowRecovery(Problem):
    def recover_fault(self):
        note("recover begins")
        # As AIOpsLab runs kubectl: a signal to the group ends it, and nobody looks at how it ended.
        done = subprocess.run(["sh", "-c", 'read -r _ < "$STANDIN_GATE"'], check=False)
        note("recover" if done.returncode == 0 else "cut off")


class ChattyRecovery(Problem):
    """Prints while it takes the fault back."""

    def recover_fault(self):
        for number in range(5000):
            print(f"== Fault Recovery == {number}", flush=True)
        note("recover")


class NoRecovery(Problem):
    def recover_fault(self):
        note("recover begins")
        hang()


class FailedWorkload(Problem):
    def start_workload(self):
        raise RuntimeError("no wrk2 image")


class Unclean(Problem):
    app_class = UncleanApp


class WithHelm(Problem):
    needs_helm = True


class FixedNames(Problem):
    """Injects the fault through a file of a fixed name, and takes back what it finds there."""

    file = Path("/tmp/qtask-standin-pod-failure.yaml")

    def inject_fault(self):
        kubeconfig = Path(os.environ["KUBECONFIG"]).read_text()
        self.file.write_text(json.dumps({"namespace": kubeconfig}))
        note("inject")

    def recover_fault(self):
        note(f"recover {json.loads(self.file.read_text())['namespace']}")


class Observed(Problem):
    def get_metrics(self):
        from .observer.metric_api import PrometheusAPI

        prometheus = PrometheusAPI("http://localhost:32000", self.namespace)
        try:
            return f"metrics of {prometheus.client.query()}"
        finally:
            prometheus.cleanup()

    def get_traces(self):
        from .observer.trace_api import TraceAPI

        jaeger = TraceAPI(self.namespace)
        try:
            return f"traces of {jaeger.query()}"
        finally:
            jaeger.cleanup()


ALL = {
    "normal-detection-1": Problem,
    "normal-localization-1": Localization,
    "noisy-detection-1": Noisy,
    "chatty-detection-1": Chatty,
    "large-detection-1": Large,
    "slow_action-detection-1": SlowAction,
    "slow_setup-detection-1": SlowSetup,
    "late_setup-detection-1": LateSetup,
    "slow_recovery-detection-1": SlowRecovery,
    "chatty_recovery-detection-1": ChattyRecovery,
    "no_recovery-detection-1": NoRecovery,
    "failed_workload-detection-1": FailedWorkload,
    "unclean-detection-1": Unclean,
    "with_helm-detection-1": WithHelm,
    "fixed_names-detection-1": FixedNames,
    "observed-detection-1": Observed,
}
