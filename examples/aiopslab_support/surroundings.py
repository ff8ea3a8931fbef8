"""What a task has for itself: working directory, home, kubeconfig."""

import os
import pwd
import subprocess
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


def own_kubeconfig(configured):
    """Copies the configured kubeconfig to ~/.kube/config of the task, and points KUBECONFIG there.

    kubectl and AIOpsLab write to it (the current context, tokens), and tasks must not meet there. AIOpsLab's
    observer reads ~/.kube/config whatever KUBECONFIG says.
    """
    named = configured or os.environ.get("KUBECONFIG") or os.path.join(real_home(), ".kube", "config")
    named = named.replace("{worker}", os.environ.get("QTASK_WORKER", ""))
    sources = [each for each in named.split(os.pathsep) if each]
    try:
        data = Path(sources[0]).read_bytes() if len(sources) == 1 else merged(sources)
        folder = Path.home() / ".kube"
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(folder / "config", data)
    except (OSError, subprocess.SubprocessError) as error:
        say = f"no kubeconfig: {error}; give --kubeconfig, or let KUBECONFIG through with --command-env"
        raise Failure("environment_error", say, retry=True, blame="worker") from None
    os.environ["KUBECONFIG"] = str(folder / "config")


def merged(sources):
    """Several kubeconfigs as one."""
    for source in sources:
        with open(source, "rb"):
            pass
    environment = {**os.environ, "KUBECONFIG": os.pathsep.join(sources)}
    words = ["kubectl", "config", "view", "--raw", "--flatten"]
    return subprocess.run(words, env=environment, capture_output=True, check=True, timeout=60).stdout


def keep_tokenizer():
    """A place where tiktoken keeps its file from one task to the next; it fetches it over the network otherwise.

    Its own place is in the temporary folder, which each task has for itself.
    """
    if not os.environ.get("TIKTOKEN_CACHE_DIR"):
        directory = os.path.join(real_home(), ".cache", "tiktoken")
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError:
            return
        if os.access(directory, os.W_OK):
            os.environ["TIKTOKEN_CACHE_DIR"] = directory


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
