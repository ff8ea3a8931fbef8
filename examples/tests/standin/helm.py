"""Helm with its releases in a folder, STANDIN_RELEASES: the file NAMESPACE.NAME holds the status."""

import json
import os
import sys
import time
from pathlib import Path

folder = Path(os.environ.get("STANDIN_RELEASES", "/nowhere"))
verb, words = sys.argv[1], sys.argv[2:]


def note(event):
    with open(os.environ["STANDIN_JOURNAL"], "a", encoding="utf-8") as file:
        file.write(f"{event}\n")


def releases():
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [(*file.name.split("."), file.read_text()) for file in found]


def option(*names):
    return next((words[words.index(name) + 1] for name in names if name in words), None)


def file_of(name):
    file = folder / f"{option('-n', '--namespace')}.{name}"
    return file if file.exists() else None


if verb == "list" and "json" in words:
    wanted = {"uninstalling"} if "--uninstalling" in words else set()
    wanted |= {"pending-install", "pending-upgrade"} if "--pending" in words else set()
    found = [each for each in releases() if each[0] == option("--namespace") and each[2] in wanted]
    print(json.dumps([{"name": name, "namespace": namespace, "status": status} for namespace, name, status in found]))
elif verb == "list":
    print("NAME\tNAMESPACE\tSTATUS")
    for namespace, name, status in releases():
        if namespace == option("-n") and status in ("deployed", "failed"):
            print(f"{name}\t{namespace}\t{status}")
elif verb == "status":
    file = file_of(words[0])
    if file is None:
        sys.exit("Error: release: not found")
    print(f"NAME: {words[0]}\nSTATUS: {file.read_text()}")
elif verb == "install":
    if file_of(words[0]):
        sys.exit("Error: INSTALLATION FAILED: cannot re-use a name that is still in use")
    (folder / f"{option('-n')}.{words[0]}").write_text("deployed")
elif verb == "uninstall":
    file = file_of(words[0])
    if file is None:
        sys.exit("Error: uninstall: Release not loaded: release: not found")
    if file.read_text() == "uninstalling" and os.environ.get("STANDIN_HELM") == "broken":
        sys.exit(f"Error: failed to delete release: {words[0]}")
    file.write_text("uninstalling")
    note("helm uninstalls")
    if os.environ.get("STANDIN_HELM") == "slow":
        time.sleep(120)
    file.unlink()
