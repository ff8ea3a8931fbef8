"""What a task has for itself: working directory, home, kubeconfig."""

import os
import pwd
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from qtask_command import Failure


@contextmanager
def own_directory():
    """The worker's empty directory, or one like it when the program was started by hand."""
    if os.path.realpath(os.environ.get("HOME", "")) == os.path.realpath(os.getcwd()):
        yield Path.cwd()
        return
    before = os.getcwd()
    with TemporaryDirectory(prefix="aiopslab-", ignore_cleanup_errors=True) as directory:
        os.environ["HOME"] = directory
        os.chdir(directory)
        try:
            yield Path(directory)
        finally:
            os.chdir(before)


def own_kubeconfig(configured, directory):
    """Copies the configured kubeconfig into the task's directory and points KUBECONFIG at the copy.

    kubectl and AIOpsLab write to it (the current context, tokens), and tasks must not meet there.
    """
    named = configured or os.environ.get("KUBECONFIG") or os.path.join(real_home(), ".kube", "config")
    named = named.replace("{worker}", os.environ.get("QTASK_WORKER", ""))
    copies = []
    for number, source in enumerate(filter(None, named.split(os.pathsep))):
        copy = directory / f"kubeconfig-{number}"
        try:
            write_private(copy, Path(source).read_bytes())
        except OSError as error:
            say = f"no kubeconfig: {error}; give --kubeconfig, or let KUBECONFIG through with --command-env"
            raise Failure("environment_error", say, retry=True) from None
        copies.append(str(copy))
    os.environ["KUBECONFIG"] = os.pathsep.join(copies)


def write_private(path, data):
    """A file that holds credentials."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def real_home():
    """The home of the worker's user; HOME is the task's directory."""
    return pwd.getpwuid(os.getuid()).pw_dir


def make_importable(root, program_directory):
    """Lets `aiopslab` be the package and not the program of that name."""
    hidden = os.path.realpath(program_directory)
    sys.path[:] = [each for each in sys.path if os.path.realpath(each or ".") != hidden]
    if root:
        sys.path.insert(0, os.path.realpath(root))
