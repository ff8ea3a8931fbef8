"""The topology of compose.yaml as processes of this machine, beside the PostgreSQL and RabbitMQ of scripts/containers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from client import Api, wait_until
from settings import SETTINGS, free_port

STOP_SECONDS = 30
MIGRATE_SECONDS = 90


class Process:
    """One process, with its output in a file."""

    def __init__(self, executable, arguments, environment, log):
        self.executable = executable
        self.log = log
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                [executable, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.wait(STOP_SECONDS)

    def wait(self, seconds):
        """Waits for exit code 0."""
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.log.stem} has not ended after {seconds} s") from None
        assert status == 0, f"{self.log.stem} ended with {status}"

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Processes:
    """`serve`, two workers and `migrate`, first of the previous version."""

    restartable = ("api", "worker")

    def __init__(self, executable, previous):
        self.directory = Path(tempfile.mkdtemp(prefix="topology-"))
        # Another path shows which processes were replaced, also if the versions are the same.
        self.upgraded = str(self.directory / "qtask")
        shutil.copy(executable, self.upgraded)
        self.executable = str(Path(previous).resolve())
        self.ports = [free_port(), free_port()]
        self.apis = []
        self.workers = []
        self.started = []

    def own_checks(self):
        return []

    def address(self):
        return ("127.0.0.1", self.ports[0])

    def start(self):
        self.migrate()
        self.apis = [self.api(self.ports[0])]
        self.workers = [self.worker() for _ in range(2)]

    def migrate(self):
        self.run("migrate", ["migrate", "up"], {}).wait(MIGRATE_SECONDS)

    def api(self, port):
        return self.run("serve", ["serve"], {"PORT": str(port)})

    def worker(self):
        return self.run("work", ["work"], {})

    def run(self, name, arguments, settings):
        inherited = {key: os.environ[key] for key in ("PATH", "TMPDIR", "DATABASE_URL", "RABBITMQ_URL") if key in os.environ}
        log = self.directory / f"{len(self.started)}-{name}.log"
        process = Process(self.executable, arguments, {**inherited, **SETTINGS, **settings}, log)
        self.started.append(process)
        return process

    def scale_workers(self, number):
        while len(self.workers) < number:
            self.workers.append(self.worker())
        while len(self.workers) > number:
            self.workers.pop().stop()

    def start_second_api(self):
        self.apis.append(self.api(self.ports[1]))
        return ("127.0.0.1", self.ports[1])

    def stop_second_api(self):
        self.apis.pop().stop()

    def restart(self, service):
        if service == "api":
            self.replace_api()
        else:
            for worker in self.workers:
                worker.stop()
            self.workers = [self.worker() for _ in self.workers]

    def replace_api(self):
        self.apis[0].stop()
        self.apis[0] = self.api(self.ports[0])

    def upgrade(self):
        """The order of scripts/upgrade: the migrations, the API, the successors of the workers, the end of the old ones."""
        self.executable = self.upgraded
        self.migrate()
        self.replace_api()
        api = Api(self.address())
        wait_until("the new API is healthy", api.healthy)
        old = self.workers
        self.workers = [self.worker() for _ in old]
        expected = len(old) + len(self.workers)
        wait_until("the new workers are online", lambda: len(api.online_workers()) >= expected)
        for worker in old:
            worker.stop()

    def is_upgraded(self):
        return all(process.executable == self.upgraded for process in self.apis + self.workers)

    def stop(self):
        begun = time.monotonic()
        for process in self.workers + self.apis:
            process.stop()
        return f"every process ended with 0 within {time.monotonic() - begun:.1f} s"

    def show_logs(self):
        for log in sorted(self.directory.glob("*.log"), key=lambda log: int(log.name.split("-")[0])):
            lines = log.read_text(errors="replace").splitlines()[-20:]
            print(f"--- {log.stem}", *lines, sep="\n", file=sys.stderr)

    def remove(self):
        for process in self.started:
            process.kill()
        shutil.rmtree(self.directory)
