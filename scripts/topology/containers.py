"""The topology of compose.yaml in containers of its own: project, ports, passwords and volumes.

The images localhost/qtask-check stay: the layers of the next build.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import BELL, upgrade
from client import Api
from settings import SETTINGS, free_port

# Each of these characters means something in a URL, in YAML, in .env or in RabbitMQ's configuration.
PASSWORD = "p@ss/w#r%d:?[$x]&="
# Behind the proxy, a request waits until a container takes it.
MAX_REFUSED_SECONDS_BEHIND_PROXY = 0.5


class Containers:
    """The services of compose.yaml, by any tool that understands it."""

    restartable = ("rabbitmq", "postgres", "api", "worker")

    def __init__(self, tool):
        self.directory = Path(tempfile.mkdtemp(prefix="topology-"))
        self.environment_file = self.directory / "env"
        project = f"qtask-check-{os.getpid()}"
        self.command = f"{tool} --project-name {project} --env-file {self.environment_file} --profile proxy --file compose.yaml"
        self.port, self.proxy_port = free_port(), free_port()
        self.settings = {
            **SETTINGS,
            "POSTGRES_PASSWORD": f"'{PASSWORD}'",
            "RABBITMQ_PASSWORD": f"'{PASSWORD}'",
            "RABBITMQ_MANAGEMENT_PORT": free_port(),
            "QTASK_IMAGE": "localhost/qtask-check:latest",
            "QTASK_PROXY_PORT": self.proxy_port,
        }
        self.replaced = set()

    def own_checks(self):
        return [program_in_a_richer_image, upgrade_behind_the_proxy]

    def address(self):
        return ("127.0.0.1", self.port)

    def set(self, **settings):
        """Writes the file that stands in for .env."""
        self.settings.update(settings)
        lines = (f"{name}={value}\n" for name, value in self.settings.items())
        self.environment_file.write_text("".join(lines))

    def compose(self, *arguments, program=None):
        """Runs the tool, or a program that runs it, and returns its standard output."""
        # Variables of this process would precede those of the file.
        prefixes = ("QTASK_", "POSTGRES_", "RABBITMQ_", "DATABASE_", "COMPOSE_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
        if executable := os.environ.get("QTASK_IMAGE_EXECUTABLE"):
            environment["QTASK_IMAGE_EXECUTABLE"] = executable
        command = [program] if program else self.command.split()
        result = subprocess.run(
            [*command, *arguments],
            check=False,
            env={**environment, "COMPOSE": self.command},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if program else subprocess.PIPE,
            text=True,
        )
        if result.returncode != 0:
            shown = f"{result.stdout}{result.stderr or ''}"
            raise AssertionError(f"{' '.join([*command, *arguments])} ended with {result.returncode}:\n{shown}")
        return result.stdout

    def make_images(self):
        self.set(QTASK_PORT=self.port, QTASK_IMAGE_VERSION="check-1")
        self.compose("pull", "--quiet", "--policy", "missing", "postgres", "rabbitmq", "proxy")
        self.compose("build", "migrate")

    def start(self):
        self.set(QTASK_PORT=self.port, QTASK_IMAGE_VERSION="check-1")
        self.compose("build", "migrate")
        self.up("api", "worker")

    def up(self, *arguments):
        self.compose("up", "--detach", "--wait", "--no-build", *arguments)

    def scale_workers(self, number):
        self.up("--no-deps", "--scale", f"worker={number}", "worker")

    def start_second_api(self):
        # Port 0: the engine chooses one for each container.
        self.set(QTASK_PORT=0, QTASK_API_REPLICAS=2)
        self.up("--no-deps", "api")
        self.up("--no-deps", "proxy")
        return ("127.0.0.1", self.proxy_port)

    def stop_second_api(self):
        self.set(QTASK_PORT=self.port, QTASK_API_REPLICAS=1)
        self.up("--no-deps", "api")
        self.compose("rm", "--stop", "--force", "proxy")

    def start_commands(self):
        self.command += " --file deploy/compose/commands.yaml"
        self.compose("build", "commands")
        self.up("--no-deps", "commands")

    def restart(self, service):
        self.compose("restart", service)

    def upgrade(self):
        self.replaced = self.containers()
        self.set(QTASK_IMAGE_VERSION=f"{self.settings['QTASK_IMAGE_VERSION']}x")
        self.compose(program="scripts/upgrade")

    def is_upgraded(self):
        return not self.replaced & self.containers()

    def containers(self):
        return set(self.compose("ps", "--quiet", "api", "worker").split())

    def stop(self):
        self.compose("down", "--volumes")
        left = self.compose("ps", "--all", "--quiet").split()
        assert not left, f"containers are left: {left}"
        return "no container, no volume is left"

    def show_logs(self):
        for arguments in (("ps", "--all"), ("logs", "--tail", "30")):
            try:
                print(self.compose(*arguments), file=sys.stderr)
            except AssertionError as error:
                print(error, file=sys.stderr)

    def remove(self):
        try:
            self.compose("down", "--volumes", "--remove-orphans")
        except AssertionError as error:
            print(error, file=sys.stderr)
        self.remove_files()

    def remove_files(self):
        self.environment_file.unlink(missing_ok=True)
        self.directory.rmdir()


def upgrade_behind_the_proxy(topology):
    address = topology.start_second_api()
    api = Api(address)
    assert api.finished(api.submit(circuit=BELL, shots=1))["status"] == "completed"
    return upgrade(topology, address, MAX_REFUSED_SECONDS_BEHIND_PROXY)


def program_in_a_richer_image(topology):
    """A worker with a program of examples/, in the image of deploy/compose/commands.Containerfile."""
    topology.start_commands()
    api = Api(topology.address())
    task = api.finished(api.submit(circuit=BELL, backend="echo"))
    assert task["status"] == "completed", task
    return task["worker_id"]
