"""Makes AIOpsLab read metrics and traces at the port that kubectl forwards for this task.

AIOpsLab always reads at localhost:32000 and localhost:16686, even if it forwarded another port or none: of two problems on one
machine, one reads the other's cluster.
"""

import importlib
import re
import subprocess
import threading

import qtask_command

# Seconds in which kubectl has to begin.
START_SECONDS = 60
PROMETHEUS = ("svc/prometheus-server", 80, "observe")
JAEGER_PORT = 16686


class Forwarded:
    """A `kubectl port-forward` to a port of the machine that is free."""

    def __init__(self, target, port, namespace):
        words = ["kubectl", "port-forward", "--address", "127.0.0.1", target, f":{port}", "-n", namespace]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )
        self._said, self._port = [], None
        self._begun = threading.Event()
        threading.Thread(target=self._read, args=[self.process.stdout], daemon=True).start()
        self._begun.wait(START_SECONDS)
        if self._port is None:
            self.process.kill()
            raise RuntimeError(f"{target} in {namespace} cannot be reached: {' '.join(self._said) or 'no answer'}")
        self.port = self._port

    def _read(self, stream):
        """Reads to the end, so that kubectl never waits for it."""
        with stream:
            for line in stream:
                found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) ", line)
                if found:
                    self._port = int(found[1])
                    self._begun.set()
                elif self._port is None and len(self._said) < 10:
                    self._said.append(line.strip())
        self._begun.set()


def use_own():
    """Changes AIOpsLab's two clients; logs a warning for one that has another interface."""
    for module, change in (("metric_api", change_metrics), ("trace_api", change_traces)):
        try:
            change(importlib.import_module(f"aiopslab.observer.{module}"))
        except (ImportError, AttributeError) as error:
            qtask_command.log(f"{module} is not as expected and reads at its fixed port: {error}", "warning")


def change_metrics(module):
    """Changes PrometheusAPI(url, namespace), whose constructor forwards a port and makes a client for the url."""
    api, connect = module.PrometheusAPI, module.PrometheusConnect
    begin = api.__init__

    def start_port_forward(self):
        forwarded = Forwarded(*PROMETHEUS)
        self.port, self.port_forward_process = forwarded.port, WithoutStreams(forwarded.process)

    def __init__(self, url, namespace):
        begin(self, url, namespace)
        self.client = connect(f"http://127.0.0.1:{self.port}", disable_ssl=True)

    # The constructor asks for a free port, and fails if a hundred of them are taken.
    api.find_free_port = lambda self, *_, **__: 0
    api.start_port_forward, api.__init__ = start_port_forward, __init__


def change_traces(module):
    """Changes TraceAPI(namespace), which forwards a port if the service has no node port."""
    api = module.TraceAPI
    name_pod = api.get_jaeger_pod_name

    def start_port_forward(self):
        in_shop = self.namespace == "astronomy-shop"
        target = f"pod/{name_pod(self)}" if in_shop else "svc/jaeger"
        forwarded = Forwarded(target, JAEGER_PORT, self.namespace)
        self.base_url = self.base_url.replace(f"localhost:{JAEGER_PORT}", f"127.0.0.1:{forwarded.port}")
        self.port_forward_process = WithoutStreams(forwarded.process)

    api.start_port_forward = start_port_forward


class WithoutStreams:
    """A process for AIOpsLab to end. Hides the streams, which Forwarded reads and AIOpsLab would close."""

    stdout = stderr = None

    def __init__(self, process):
        self.poll, self.wait = process.poll, process.wait
        self.terminate, self.kill = process.terminate, process.kill
