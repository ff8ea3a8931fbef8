"""Calls of kubectl and helm that AIOpsLab does not make itself."""

import json
import subprocess
from pathlib import Path

import qtask_command
from qtask_command import Failure

# Where AIOpsLab installs charts that its metadata does not name.
MORE_NAMESPACES = {"chaos-mesh"}
STUCK = {"uninstalling", "pending-install", "pending-upgrade", "pending-rollback"}
ANSWER_SECONDS = 10
UNINSTALL_SECONDS = 120


def why_unreachable():
    """Why the cluster's API server is not ready or does not answer. None if it is ready, or kubectl is missing."""
    words = ["kubectl", "get", "--raw", "/readyz", f"--request-timeout={ANSWER_SECONDS}s"]
    try:
        done = run(words, 2 * ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {2 * ANSWER_SECONDS} s"
    except OSError:
        return None
    return None if done.returncode == 0 else done.stderr.strip()[-500:] or "kubectl fails"


def uninstall_stuck(package):
    """Uninstalls the releases of AIOpsLab that a stop has left half installed or half uninstalled.

    AIOpsLab does not list them: it would skip their uninstallation, fail to install them, and wait five minutes for
    their pods.
    """
    for namespace in sorted(namespaces_of(package)):
        # Not --all-namespaces: helm's filter then mixes up releases of one name.
        words = ["helm", "list", "--namespace", namespace, "--uninstalling", "--pending", "--output", "json"]
        try:
            releases = json.loads(run(words, 6 * ANSWER_SECONDS).stdout or "[]")
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            qtask_command.log(f"helm cannot list stuck releases: {error}", "warning")
            return
        for release in releases:
            if release["status"] in STUCK:
                say = f"{release['name']} in {namespace} is {release['status']} since an earlier stop"
                qtask_command.log(f"{say}: uninstalling it", "warning")
                uninstall(release["name"], namespace)


def uninstall(name, namespace):
    """Uninstalls a release. If helm cannot, deletes helm's record; the next installation adopts the resources."""
    words = ["helm", "uninstall", name, "--namespace", namespace, "--timeout", f"{UNINSTALL_SECONDS // 2}s"]
    record = ["kubectl", "delete", "secret", "--namespace", namespace, "--selector", f"owner=helm,name={name}"]
    why = []
    for each in (words, record):
        try:
            done = run(each, UNINSTALL_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            why.append(str(error))
            continue
        if done.returncode == 0:
            return
        why.append(done.stderr.strip()[-500:])
    say = f"the release {name} in {namespace} is stuck and cannot be uninstalled: {'; '.join(why)}"
    raise Failure("environment_error", say, retry=True, blame="worker")


def namespaces_of(package):
    """The namespaces into which AIOpsLab installs charts, by its metadata."""
    found = set(MORE_NAMESPACES)
    for file in Path(package.__file__).parent.glob("service/metadata/*.json"):
        metadata = json.loads(file.read_text(encoding="utf-8"))
        for config in metadata.values():
            if isinstance(config, dict) and "release_name" in config and "namespace" in config:
                found.add(config["namespace"])
    return found


def run(words, seconds):
    """Runs a command to its end."""
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
    )
